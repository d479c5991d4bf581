/**
 * The experiments of a study on outcomes of known truth: switches of pre-training with given effects, curves with given
 * places where they converge or cross, scores that order networks rightly, wrongly or not at all.
 */
import { describe, expect, it } from 'vitest';
import { EXPERIMENT_CLAIMS } from '../../src/report/study/claims/experiments.ts';
import { studyDocument } from '../../src/report/study/document.ts';
import type { DatasetSizeRun, StudyInput, Switches } from '../../src/report/study/input.ts';
import { parseStudyDocument, type StudyDocument } from '../../src/report/study/schema.ts';
import type { FinishedCell, Setting } from '../../src/store/records.ts';
import { finished, logistic, modelOf, studyInput } from './study-sample.ts';

function documentOf(input: StudyInput): StudyDocument {
  return parseStudyDocument(JSON.parse(JSON.stringify(studyDocument(input))));
}

function verdictOf(document: StudyDocument, id: string) {
  return document.claims.find((claim) => claim.id === id)?.verdict;
}

const EMPTY = studyInput({ skills: [], eases: [] });

describe('switches of pre-training', () => {
  const base: Switches = { gamma: false, labelSmoothing: true, dropout: true, auxiliary: true };
  const variants = [
    { model: 'base', ...base },
    { model: 'gamma', ...base, gamma: true },
    { model: 'hard-labels', ...base, labelSmoothing: false },
    { model: 'no-dropout', ...base, dropout: false },
    { model: 'no-auxiliary', ...base, auxiliary: false },
  ];
  /** What each variant adds to fixed features in logits; fine-tuning keeps a tenth of it. */
  const gains: Record<string, number> = {
    base: 0,
    gamma: 0.4,
    'hard-labels': 0.6,
    'no-dropout': 0.2,
    'no-auxiliary': 0,
  };
  const eases = [0, 0.5, 1];
  const outcomes = eases.flatMap((ease, d) =>
    variants.flatMap(({ model }, v) =>
      (['fixed', 'finetune'] as const).map((setting) => {
        const noise = 0.02 * Math.sin(3 * d + v + (setting === 'fixed' ? 0 : 7));
        const gain = gains[model] * (setting === 'fixed' ? 1 : 0.1);
        return finished({ dataset: `set-${d}`, model, setting, accuracy: logistic(ease + gain + noise) });
      }),
    ),
  );
  const input: StudyInput = {
    ...EMPTY,
    models: variants.map(({ model }) => ({
      ...modelOf(model, 0),
      sourceAccuracy: model === 'gamma' ? 0.704 : 0.7,
      sourceImages: 100_000,
    })),
    outcomes,
    experiments: {
      ...EMPTY.experiments,
      regularisation: { base: 'base', variants, cells: outcomes.map(({ cell }) => cell) },
    },
  };
  const document = documentOf(input);
  const effects = document.regularisation?.effects ?? [];

  it('have the effects that were put in, on minus off', () => {
    const inLogits = effects.map(({ transfer }) => transfer.map(({ logitDifference }) => logitDifference));
    const truth = [0.4, -0.6, -0.2, 0];
    truth.forEach((gain, i) => {
      expect(inLogits[i][0]).toBeCloseTo(gain, 1);
      expect(inLogits[i][1]).toBeCloseTo(gain / 10, 1);
    });
    expect(effects[0].pairs).toEqual([{ on: 'gamma', off: 'base' }]);
    expect(effects[1].pairs).toEqual([{ on: 'base', off: 'hard-labels' }]);
    expect(effects[0].source).toEqual({
      difference: expect.closeTo(0.004, 10),
      logitDifference: expect.closeTo(Math.log(0.704 / 0.296) - Math.log(0.7 / 0.3), 10),
      n: 1,
    });
  });

  it('are ordered by adjusted scores that sum to 0', () => {
    const scores = (document.regularisation?.variants ?? []).map(
      ({ scores }) => scores.find(({ setting }) => setting === 'fixed')?.score ?? Number.NaN,
    );
    expect(scores.reduce((sum, score) => sum + score, 0)).toBeCloseTo(0, 10);
    expect(Math.max(...scores)).toBe(scores[2]);
  });

  it('decide the claims by interval and corrected p-value', () => {
    expect(verdictOf(document, 'switch-gamma')).toBe('supported');
    expect(verdictOf(document, 'switch-labelSmoothing')).toBe('supported');
    expect(verdictOf(document, 'switch-auxiliary')).toBe('not enough data');
    expect(verdictOf(document, 'switches-source')).toBe('supported');
    expect(verdictOf(document, 'switches-finetune')).toBe('supported');
  });

  it('contradict a claim when they do the opposite', () => {
    const swapped = variants.map((variant) =>
      variant.model === 'base'
        ? { ...variant, model: 'gamma' }
        : variant.model === 'gamma'
          ? { ...variant, model: 'base' }
          : variant,
    );
    const { regularisation } = input.experiments;
    const opposite = documentOf({
      ...input,
      experiments: {
        ...input.experiments,
        regularisation: regularisation && { ...regularisation, variants: swapped },
      },
    });
    expect(verdictOf(opposite, 'switch-gamma')).toBe('contradicted');
  });

  it('say so when a switch moves the source much', () => {
    const models = input.models.map((model) =>
      model.name === 'gamma' ? { ...model, sourceAccuracy: 0.8 } : model,
    );
    expect(verdictOf(documentOf({ ...input, models }), 'switches-source')).toBe('contradicted');
    const few = models.map((model) => ({ ...model, sourceImages: 50 }));
    expect(verdictOf(documentOf({ ...input, models: few }), 'switches-source')).toBe('not enough data');
  });

  it('leave open how much they move the source where too few images say so, or nobody knows how many', () => {
    for (const sourceImages of [1000, null]) {
      const models = input.models.map((model) => ({ ...model, sourceImages }));
      expect(verdictOf(documentOf({ ...input, models }), 'switches-source')).toBe('not enough data');
    }
  });

  it('must move transfer by more than the source', () => {
    // Half a point at 99.5% is as much in logits as transfer is moved.
    const models = input.models.map((model) => ({
      ...model,
      sourceAccuracy: model.name === 'base' ? 0.995 : 0.9999,
    }));
    expect(verdictOf(documentOf({ ...input, models }), 'switches-source')).toBe('not enough data');
  });

  it('are compared pair by pair where all combinations were run', () => {
    const full = [false, true].flatMap((gamma) =>
      [false, true].map((dropout) => ({
        model: `g${Number(gamma)}d${Number(dropout)}`,
        gamma,
        dropout,
        labelSmoothing: false,
        auxiliary: false,
      })),
    );
    const cells = full.map(({ model, gamma, dropout }) =>
      finished({
        dataset: 'set-0',
        model,
        setting: 'fixed',
        accuracy: logistic(0.3 * Number(gamma) - 0.5 * Number(dropout)),
      }),
    );
    const { regularisation } = documentOf({
      ...EMPTY,
      outcomes: cells,
      experiments: {
        ...EMPTY.experiments,
        regularisation: { base: 'g0d0', variants: full, cells: cells.map(({ cell }) => cell) },
      },
    });
    const [gamma, smoothing, dropout] = regularisation?.effects ?? [];
    expect(gamma.pairs).toHaveLength(2);
    expect(gamma.transfer[0].logitDifference).toBeCloseTo(0.3, 2);
    expect(dropout.transfer[0].logitDifference).toBeCloseTo(-0.5, 2);
    expect(gamma.transfer[0]).toMatchObject({ n: 1, interval: null, pValue: null });
    expect(smoothing).toMatchObject({ pairs: [], source: null, transfer: [] });
  });
});

describe('convergence', () => {
  const budgets = [10, 100, 1000];
  /** Log odds at the budgets. Fine-tuned 90% of the odds lie at 100 steps less a little, from scratch near 1,000. */
  const truth = { finetune: [0, 2, 2.05], scratch: [-2, -1, 1] };

  function inputOf(datasets: number, finetune = truth.finetune): StudyInput {
    const logits = { ...truth, finetune };
    const runs = Array.from({ length: datasets }, (_, d) =>
      (['finetune', 'scratch'] as const).flatMap((setting) =>
        budgets.map((steps, i) => ({
          outcome: finished({
            dataset: `set-${d}`,
            model: 'net-0',
            setting,
            accuracy: logistic(logits[setting][i] + 0.02 * d * i),
            variant: String(steps),
          }),
          steps,
          setting,
          dataset: `set-${d}`,
        })),
      ),
    ).flat();
    return {
      ...EMPTY,
      outcomes: runs.map(({ outcome }) => outcome),
      experiments: {
        ...EMPTY.experiments,
        convergence: {
          runs: runs.map(({ outcome, ...run }) => ({
            ...run,
            key: outcome.cell.key,
            model: 'net-0',
            epochs: run.steps / 5,
          })),
        },
      },
    };
  }

  it('is read between budgets in log odds and log steps', () => {
    const { convergence } = documentOf(inputOf(1));
    const [finetune, scratch] = convergence?.curves ?? [];
    // 2.05 + ln 0.9 = 1.9446 of the way from 0 to 2: 10 ** (1 + 0.9723).
    expect(finetune.steps).toBeCloseTo(10 ** 1.9723, 0);
    expect(finetune.epochs).toBeCloseTo(finetune.steps / 5, 10);
    // 1 + ln 0.9 = 0.8946 of the way from -1 to 1: 10 ** (2 + 0.9473).
    expect(scratch.steps / 10 ** 2.9473).toBeCloseTo(1, 2);
    // Fine-tuning hardly gains from the last tenfold number of steps, training from scratch much.
    expect([finetune.stillRising, finetune.settled, finetune.atMost]).toEqual([true, true, false]);
    expect([scratch.stillRising, scratch.settled]).toEqual([true, false]);
    expect(convergence?.ratios[0]).toMatchObject({ bound: 'at least' });
  });

  it('a budget alone does not tell where the odds stop growing', () => {
    const { experiments, ...rest } = inputOf(1);
    const runs = experiments.convergence?.runs.filter(
      ({ setting, steps }) => setting === 'finetune' || steps === 10,
    );
    const { convergence } = documentOf({
      ...rest,
      experiments: { ...experiments, convergence: { runs: runs! } },
    });
    expect(convergence?.curves[1]).toMatchObject({ setting: 'scratch', atMost: true, stillRising: true });
    expect(convergence?.ratios[0].bound).toBe('unknown');
  });

  it('ratios that may be smaller support nothing, and ratios that may be larger contradict nothing', () => {
    const { convergence, ...document } = documentOf(inputOf(3));
    const claim = EXPERIMENT_CLAIMS.find(({ id }) => id === 'convergence')!;
    const judged = (bound: 'exact' | 'at least' | 'at most', factor: number) => {
      const ratios = convergence!.ratios.map((one) => ({ ...one, bound }));
      const interval = { low: 0.9 * factor, high: 1.1 * factor };
      const ratio = { value: factor, interval, n: ratios.length };
      const { verdict, study } = claim.evidence(
        { ...document, convergence: { ...convergence!, ratios, ratio } },
        [],
      );
      return { verdict, bounds: study?.includes('; 3 of 3 only bounds') };
    };
    expect(judged('exact', 5)).toEqual({ verdict: 'supported', bounds: false });
    expect(judged('at least', 5)).toEqual({ verdict: 'supported', bounds: true });
    expect(judged('at most', 5)).toEqual({ verdict: 'not enough data', bounds: true });
    expect(judged('exact', 0.2).verdict).toBe('contradicted');
    expect(judged('at most', 0.2).verdict).toBe('contradicted');
    expect(judged('at least', 0.2).verdict).toBe('not enough data');
  });

  it('has a ratio with an interval over data sets, and none from one', () => {
    const one = documentOf(inputOf(1));
    expect(one.convergence?.ratio).toMatchObject({ n: 1, interval: null });
    expect(verdictOf(one, 'convergence')).toBe('not enough data');
    const three = documentOf(inputOf(3));
    const ratios = three.convergence?.ratios.map(({ ratio }) => ratio) ?? [];
    expect(three.convergence?.ratio?.n).toBe(3);
    expect(three.convergence?.ratio?.value).toBeCloseTo(Math.cbrt(ratios[0] * ratios[1] * ratios[2]), 10);
    expect(verdictOf(three, 'convergence')).toBe('supported');
  });

  it('has no ratio where neither curve says when it converges', () => {
    const rising = documentOf(inputOf(1, [0, 1, 2]));
    expect(rising.convergence?.ratios[0].bound).toBe('unknown');
    expect(rising.convergence?.ratio).toBeNull();
    expect(verdictOf(rising, 'convergence')).toBe('not enough data');
  });
});

describe('number of images', () => {
  const sizes = [100, 400, 1600];
  /** Fine-tuning gains 1 logit per fourfold size and meets fixed features at 400; scratch gains 1.5. */
  const logits: Record<Setting, readonly number[]> = {
    fixed: [0.5, 0.5, 0.5],
    finetune: [-0.5, 0.5, 1.5],
    scratch: [-2, -0.5, 1],
  };

  function inputOf(
    datasets: number,
    settings: readonly Setting[] = ['fixed', 'finetune', 'scratch'],
  ): StudyInput {
    const runs: (DatasetSizeRun & { outcome: FinishedCell })[] = [];
    for (let d = 0; d < datasets; d++) {
      for (const setting of settings) {
        for (const [i, images] of sizes.entries()) {
          for (const subset of [0, 1, 2]) {
            const outcome = finished({
              dataset: `set-${d}/${images}-${subset}`,
              model: 'net-0',
              setting,
              accuracy: logistic(logits[setting][i] + 0.05 * (subset - 1) + 0.01 * d),
            });
            const { key } = outcome.cell;
            runs.push({
              key,
              model: 'net-0',
              dataset: `set-${d}`,
              setting,
              images,
              perClass: images / 2,
              subset,
              outcome,
            });
          }
        }
      }
    }
    return {
      ...EMPTY,
      outcomes: runs.map(({ outcome }) => outcome),
      experiments: { ...EMPTY.experiments, datasetSize: { runs: runs.map(({ outcome: _, ...run }) => run) } },
    };
  }

  it('has curves with the spread over subsets', () => {
    const { datasetSize } = documentOf(inputOf(1));
    expect(datasetSize?.curves.map(({ setting }) => setting)).toEqual(['fixed', 'finetune', 'scratch']);
    const [point] = datasetSize?.curves[0].points ?? [];
    expect(point).toMatchObject({ images: 100, perClass: 50 });
    expect(point.values).toHaveLength(3);
    expect(point.low).toBeCloseTo(logistic(0.45), 3);
    expect(point.high).toBeCloseTo(logistic(0.55), 3);
  });

  it('finds where fine-tuning overtakes, and how the gap to scratch closes', () => {
    const { datasetSize } = documentOf(inputOf(2));
    const overtaking = datasetSize?.comparisons.filter(({ a, b }) => a === 'finetune' && b === 'fixed') ?? [];
    expect(overtaking).toHaveLength(2);
    for (const { crossing, points } of overtaking) {
      expect(crossing?.kind).toBe('crosses');
      expect(crossing?.at).toBeGreaterThan(390);
      expect(crossing?.at).toBeLessThan(410);
      expect(points.map(({ n }) => n)).toEqual([3, 3, 3]);
      expect(points[0].logitDifference).toBeCloseTo(-1, 2);
    }
    // Half a logit per fourfold size.
    expect(datasetSize?.gap?.perTenfold).toBeCloseTo(-0.5 / Math.log10(4), 2);
  });

  it('decides the claims with two curves, and with one does not', () => {
    const two = documentOf(inputOf(2));
    expect(verdictOf(two, 'few-images')).toBe('supported');
    expect(verdictOf(two, 'many-images')).toBe('supported');
    expect(verdictOf(two, 'gap-closes')).toBe('supported');
    const one = documentOf(inputOf(1));
    for (const id of ['few-images', 'many-images', 'gap-closes'])
      expect(verdictOf(one, id)).toBe('not enough data');
  });

  it('goes without a setting, and without subsets that both have', () => {
    expect(documentOf(inputOf(1, ['fixed'])).datasetSize).toMatchObject({ comparisons: [], gap: null });
    const input = inputOf(1, ['fixed', 'finetune']);
    const runs = input.experiments.datasetSize?.runs ?? [];
    const apart = runs.map((run) => (run.setting === 'fixed' ? { ...run, subset: run.subset + 10 } : run));
    const { datasetSize } = documentOf({
      ...input,
      experiments: { ...input.experiments, datasetSize: { runs: apart } },
    });
    expect(datasetSize?.comparisons).toEqual([]);
  });
});

describe('transferability scores', () => {
  const skills = [-0.6, -0.2, 0.1, 0.5, 1.2];
  const eases = [-0.5, 0, 0.8, 1];
  const input = studyInput({ skills, eases });
  const scores = eases.flatMap((ease, d) =>
    skills.map((skill, m) => ({
      model: `net-${m}`,
      dataset: `set-${d}`,
      values: { right: skill + ease, wrong: -skill, constant: 1 },
    })),
  );
  const { transferability } = documentOf({ ...input, scores });
  const score = (name: string, setting: Setting = 'fixed') => {
    const found = transferability?.scores.find((one) => one.name === name && one.setting === setting);
    if (!found) throw new Error(`no score ${name}`);
    return found;
  };

  it('a right one has rho 1, no regret, and predicts the outcome', () => {
    const { meanRho, meanRegret, pooled, prediction, datasets } = score('right');
    expect([meanRho, meanRegret, pooled?.coefficient]).toEqual([1, 0, expect.closeTo(1, 1)]);
    expect(datasets.every(({ chosen, best }) => chosen === 'net-4' && best === 'net-4')).toBe(true);
    expect(prediction?.n).toBe(20);
    expect(prediction?.error).toBeLessThan(0.01);
    expect(prediction?.coverage).toBeGreaterThan(0.8);
    for (const { predicted, measured } of prediction?.points ?? [])
      expect(predicted).toBeCloseTo(measured, 2);
  });

  it('a wrong one has rho -1 and loses all there is to lose', () => {
    const { meanRho, worstRegret, meanRegret, meanChanceRegret } = score('wrong');
    expect(meanRho).toBe(-1);
    expect(worstRegret).toBeCloseTo(
      Math.max(...eases.map((ease) => logistic(1.2 + ease) - logistic(-0.6 + ease))),
      2,
    );
    expect(meanRegret).toBeGreaterThan(meanChanceRegret);
  });

  it('one that does not decide is given no credit', () => {
    const { meanRho, pooled, prediction, datasets } = score('constant');
    expect([meanRho, pooled, prediction]).toEqual([null, null, null]);
    expect(datasets.every(({ kendall, chosenRank }) => kendall === null && chosenRank === 5)).toBe(true);
  });

  it('source accuracy is judged beside them; training from scratch is not', () => {
    expect(score('source accuracy').meanRho).toBe(1);
    // It does not know how hard a data set is.
    expect(score('source accuracy').prediction?.error).toBeGreaterThan(0.3);
    expect(transferability?.scores.some(({ setting }) => setting === 'scratch')).toBe(false);
  });

  it('with two data sets nothing is predicted, with one network nothing is chosen', () => {
    const two = studyInput({ skills, eases: [0, 1] });
    expect(documentOf({ ...two, scores }).transferability?.scores[0].prediction).toBeNull();
    const one = studyInput({ skills: [0], eases });
    expect(documentOf({ ...one, scores }).transferability?.scores).toEqual([]);
  });
});
