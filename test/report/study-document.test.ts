/**
 * The document of a study on outcomes of known truth: logit accuracies are sums of skills, eases and what a setting adds,
 * so what must come out can be worked out by hand, up to the rounding to whole test images. Then input that lacks
 * something: it must give a valid document that says less, never one that says something else.
 */
import { describe, expect, it } from 'vitest';
import { studyDocument } from '../../src/report/study/document.ts';
import type { StudyInput } from '../../src/report/study/input.ts';
import { parseStudyDocument, type StudyDocument } from '../../src/report/study/schema.ts';
import { studyText } from '../../src/report/study/text.ts';
import type { Setting } from '../../src/store/records.ts';
import { type CellTruth, datasetOf, finished, hash, logistic, modelOf, studyInput } from './study-sample.ts';

/** Checked against the schema, and as it comes out of a file. */
function documentOf(input: StudyInput): StudyDocument {
  return parseStudyDocument(JSON.parse(JSON.stringify(studyDocument(input))));
}

const SKILLS = [-0.6, -0.2, 0.1, 0.5, 1.2];
const EASES = [-0.5, 0, 0.8];
const MEAN_SKILL = 0.2;

describe('an additive study', () => {
  const document = documentOf(studyInput({ skills: SKILLS, eases: EASES, seeds: [0, 1] }));

  it('has the skills as adjusted scores, without an error', () => {
    for (const panel of document.figure1) {
      expect(panel.datasets).toEqual(['set-0', 'set-1', 'set-2']);
      expect(panel.points.map(({ model }) => model)).toEqual(['net-4', 'net-3', 'net-2', 'net-1', 'net-0']);
      for (const { model, score, standardError } of panel.points) {
        expect(score).toBeCloseTo(SKILLS[Number(model.slice(4))] - MEAN_SKILL, 2);
        expect(standardError).toBeLessThan(0.002);
      }
      expect(panel.pearson?.coefficient).toBeGreaterThan(0.9999);
      // The same order of five networks is no proof that it is always the same.
      expect(panel.spearman).toMatchObject({ coefficient: 1, interval: null, n: 5 });
      expect(panel.trend?.slope).toBeCloseTo(1, 2);
    }
  });

  it('puts scores back on the scale of accuracies by the mean of everything', () => {
    const [fixed] = document.figure1;
    expect(fixed.grandMean).toBeCloseTo(MEAN_SKILL + 0.1, 2);
    expect(fixed.points[0].accuracy).toBeCloseTo(logistic(1.2 + 0.1), 3);
  });

  it('tells what each setting adds, everywhere', () => {
    const [first, second, third] = document.settings.overall;
    expect([first.a, first.b, second.b, third.a]).toEqual(['finetune', 'fixed', 'scratch', 'fixed']);
    expect(first.logitDifference).toBeCloseTo(0.5, 2);
    expect(second.logitDifference).toBeCloseTo(1.5, 2);
    expect(third.logitDifference).toBeCloseTo(1, 2);
    expect(first.interval?.low).toBeGreaterThan(0.49);
    expect(document.settings.wins[0]).toMatchObject({ cells: 15, won: 15, tied: 0, lost: 0, share: 1 });
    for (const { pairs, best, settings } of document.settings.datasets) {
      expect(pairs.map(({ n }) => n)).toEqual([5, 5, 5]);
      expect(best.every(({ pValue, difference }) => pValue < 1e-6 && difference > 0)).toBe(true);
      expect(settings.map((part) => part.best.model)).toEqual(['net-4', 'net-4', 'net-4']);
    }
  });

  it('has a panel of figure 2 for each data set and setting, with the best marked', () => {
    expect(document.figure2).toHaveLength(9);
    for (const { points, pearson } of document.figure2) {
      expect(points[0]).toMatchObject({ model: 'net-4', rank: 1, tied: true, pValue: null });
      expect(points.slice(1).every(({ tied }) => !tied)).toBe(true);
      expect(pearson?.n).toBe(5);
    }
  });

  it('finds no spread over seeds that agree', () => {
    expect(document.seeds?.candidates).toHaveLength(45);
    expect(document.seeds).toMatchObject({ medianStandardDeviation: 0, significant: 0, seedShare: 0 });
    expect(document.seeds?.comparisons).toHaveLength(36);
    expect(document.seeds?.comparisons.every(({ seedsError }) => seedsError === 0)).toBe(true);
  });

  it('counts seconds, trials and images', () => {
    expect(document.cost.seconds).toBe(900);
    const [fixed, finetune] = document.cost.settings;
    // Fixed: 100 training and 2,000 test images once. Fine-tuned: 30 steps of one trial and 50 of the final run.
    expect(fixed).toMatchObject({ setting: 'fixed', cells: 30, seconds: 300, trials: 30, images: 30 * 2100 });
    expect(finetune.images).toBe(30 * 80 * 16);
    expect(document.cost.experiments).toEqual([{ experiment: 'settings', cells: 90, seconds: 900 }]);
  });

  it('does not depend on the order of the outcomes', () => {
    const input = studyInput({ skills: SKILLS, eases: EASES, seeds: [0, 1] });
    const reversed = documentOf({ ...input, outcomes: [...input.outcomes].reverse() });
    expect(reversed.figure1).toEqual(document.figure1);
    expect(reversed.claims).toEqual(document.claims);
    expect(reversed.settings).toEqual(document.settings);
  });
});

describe('tests and corrections', () => {
  const truth = {
    skills: [0, 0.05, 0.1, 0.6],
    eases: [0, 0.3, 0.7],
    logit: (skill: number, ease: number, _: Setting, m: number, d: number) =>
      skill + ease + 0.2 * Math.sin(5 * m + 3 * d),
  };

  it('correct p-values as the study says, within a panel', () => {
    const input = studyInput(truth);
    const plain = documentOf(input);
    const holm = documentOf({ ...input, correction: 'holm' });
    for (const [i, panel] of plain.figure2.entries()) {
      const ps = panel.points.slice(1).map(({ pValue }) => pValue ?? Number.NaN);
      expect(panel.points.slice(1).map(({ adjustedP }) => adjustedP)).toEqual(ps);
      const smallest = Math.min(...ps);
      const corrected = holm.figure2[i].points.find(({ pValue }) => pValue === smallest)?.adjustedP;
      expect(corrected).toBeCloseTo(Math.min(1, 3 * smallest), 12);
    }
  });

  it.each(['top1', 'meanPerClass', 'meanAveragePrecision'] as const)(
    'of %s mark as worse only what is behind in the test',
    (metric) => {
      // The mean over seeds puts fine-tuning and network 0 first; with seed 0, which is tested, they are behind by 0.2.
      const [first, second] = [
        [0.4, 0.9],
        [0.6, 0.6],
      ];
      const truths = [
        { model: 'net-0', setting: 'finetune', accuracies: first },
        { model: 'net-1', setting: 'finetune', accuracies: second },
        { model: 'net-0', setting: 'fixed', accuracies: second },
      ] as const;
      const outcomes = truths.flatMap(({ accuracies, ...of }) =>
        accuracies.map((accuracy, seed) =>
          finished({ ...of, dataset: 'set-0', seed, accuracy, metric, images: 60 }),
        ),
      );
      const input = withOutcomes(outcomes, 2, 1);
      const { figure2, rankings, settings } = documentOf({
        ...input,
        datasets: [datasetOf('set-0', 100, metric)],
      });
      const behind = { testedDifference: expect.closeTo(0.2, 12), tied: true };
      const [, other] = figure2.find(({ setting }) => setting === 'finetune')?.points ?? [];
      expect(other).toMatchObject({ model: 'net-1', ...behind });
      expect(other.adjustedP).toBeLessThan(0.001);
      for (const { comparison, tied } of rankings[0].candidates.slice(1))
        expect({ ...comparison, tied }).toMatchObject({ difference: expect.closeTo(-0.05, 12), ...behind });
      expect(settings.datasets[0].best).toMatchObject([
        { a: 'finetune', b: 'fixed', difference: expect.closeTo(0.05, 12), seed: 0 },
      ]);
      expect(settings.datasets[0].best[0].testedDifference).toBeCloseTo(-0.2, 12);
    },
  );

  it('show the spread over seeds beside the test of the images', () => {
    // Network 1 is better by 3 points with one seed and worse by as much with the other.
    const accuracy = [
      [0.6, 0.6],
      [0.63, 0.57],
    ];
    const outcomes = accuracy.flatMap((row, m) =>
      row.map((share, seed) =>
        finished({ dataset: 'set-0', model: `net-${m}`, setting: 'fixed', seed, accuracy: share }),
      ),
    );
    const { seeds } = documentOf(withOutcomes(outcomes, 2, 1));
    const spread = seeds?.candidates.find(({ model }) => model === 'net-1');
    expect(spread?.standardDeviation).toBeCloseTo(0.06 / Math.SQRT2, 12);
    expect(spread?.pValue).toBeLessThan(1e-6);
    expect(seeds?.significant).toBe(1);
    const [comparison] = seeds?.comparisons ?? [];
    expect(comparison.difference).toBeCloseTo(0, 12);
    expect(comparison.seedsError).toBeCloseTo(0.06 / 2, 12);
    expect(comparison.pairedP).toBeLessThan(1e-6);
    expect(comparison.seedsP).toBe(1);
  });
});

/** A study of networks `net-0`.. and data sets `set-0`.. with these cells in the settings experiment. */
function withOutcomes(outcomes: StudyInput['outcomes'], models: number, datasets: number): StudyInput {
  const empty = studyInput({ skills: [], eases: [] });
  return {
    ...empty,
    models: Array.from({ length: models }, (_, m) => modelOf(`net-${m}`, m)),
    datasets: Array.from({ length: datasets }, (_, d) => datasetOf(`set-${d}`)),
    outcomes,
    experiments: { ...empty.experiments, settings: { cells: outcomes.map(({ cell }) => cell) } },
  };
}

describe('input that lacks something', () => {
  const full = studyInput({ skills: SKILLS, eases: EASES });

  it('nothing finished', () => {
    const document = documentOf(withOutcomes([], 2, 2));
    expect(document.figure1).toEqual([]);
    expect(document.settings).toEqual({ datasets: [], overall: [], wins: [] });
    expect(document.claims.every(({ verdict }) => verdict === 'not enough data')).toBe(true);
    expect(document.verdict.headline).toBe('No network was finished.');
    expect(studyText(document, { width: 80 })).toContain('No network was finished.');
  });

  it('one network', () => {
    const document = documentOf(studyInput({ skills: [0.3], eases: EASES }));
    for (const { points, pearson, trend } of document.figure1) {
      expect(points).toMatchObject([
        { model: 'net-0', score: 0, standardError: null, tied: true, pValue: null },
      ]);
      expect([pearson, trend]).toEqual([null, null]);
    }
    expect(document.acrossDatasets?.candidates).toHaveLength(3);
    expect(document.claims.filter(({ topic }) => topic === 'Better source networks')).toSatisfy(
      (claims: StudyDocument['claims']) => claims.every(({ verdict }) => verdict === 'not enough data'),
    );
  });

  it('one data set', () => {
    const document = documentOf(studyInput({ skills: SKILLS, eases: [0.4] }));
    expect(document.acrossDatasets).toBeNull();
    for (const { points, pearson } of document.figure1) {
      // Nothing can be tested over one data set, so nothing is told apart.
      expect(
        points.every(({ tied, pValue, standardError }) => tied && pValue === null && standardError === null),
      ).toBe(true);
      expect(pearson?.coefficient).toBeGreaterThan(0.9999);
    }
    expect(document.settings.overall.map(({ pValue }) => pValue)).toEqual([null, null, null]);
    expect(document.claims.find(({ id }) => id === 'finetune-fixed')?.verdict).toBe('not enough data');
  });

  it('two networks on two data sets', () => {
    const document = documentOf(studyInput({ skills: [0, 1], eases: [0, 1] }));
    expect(document.figure1.every(({ pearson }) => pearson === null)).toBe(true);
    expect(document.figure1[0].points[0].standardError).not.toBeNull();
  });

  it('missing cells: the network is left out of what needs all, and named', () => {
    const outcomes = full.outcomes.filter(
      ({ cell }) => !(cell.model === 'net-2' && cell.dataset === 'set-1' && cell.setting === 'fixed'),
    );
    const document = documentOf({ ...full, outcomes });
    const fixed = document.figure1.find(({ setting }) => setting === 'fixed');
    expect(fixed?.points.map(({ model }) => model)).not.toContain('net-2');
    expect(fixed?.excluded).toEqual({ models: [{ model: 'net-2', missing: ['set-1'] }], datasets: [] });
    expect(fixed?.pearson?.n).toBe(4);
    expect(document.figure1.find(({ setting }) => setting === 'finetune')?.pearson?.n).toBe(5);
    expect(document.settings.wins[0].cells).toBe(14);
    expect(document.figure2.filter(({ dataset }) => dataset === 'set-1')[0].points).toHaveLength(4);
  });

  it('a data set that hardly any network has', () => {
    const outcomes = full.outcomes.filter(
      ({ cell }) => cell.dataset !== 'set-2' || cell.model === 'net-0' || cell.setting !== 'fixed',
    );
    const fixed = documentOf({ ...full, outcomes }).figure1.find(({ setting }) => setting === 'fixed');
    expect(fixed?.datasets).toEqual(['set-0', 'set-1']);
    expect(fixed?.excluded).toEqual({ models: [], datasets: ['set-2'] });
    expect(fixed?.points).toHaveLength(5);
  });

  it('all or no test images right: half an image more on both sides', () => {
    const accuracies = [
      [1, 0],
      [0.5, 0.5],
    ];
    const outcomes = accuracies.flatMap((row, m) =>
      row.map((accuracy, d) =>
        finished({ dataset: `set-${d}`, model: `net-${m}`, setting: 'fixed', accuracy, images: 100 }),
      ),
    );
    const [panel] = documentOf(withOutcomes(outcomes, 2, 2)).figure1;
    // ln(100.5 / 0.5) and its negative; the means over two networks are half of that.
    const extreme = Math.log(201);
    expect(panel.points.find(({ model }) => model === 'net-0')?.adjusted).toEqual([
      expect.closeTo(extreme / 2, 10),
      expect.closeTo(-extreme / 2, 10),
    ]);
  });

  it('a mean over seeds just below all right counts no more than all right', () => {
    const accuracies = [
      [1, 1, 1],
      [1, 1, 0.99],
      [0.9, 0.9, 0.9],
    ];
    const outcomes = accuracies.flatMap((row, m) =>
      row.flatMap((accuracy, seed) =>
        ['set-0', 'set-1'].map((dataset) =>
          finished({ dataset, model: `net-${m}`, setting: 'fixed', seed, accuracy, images: 100 }),
        ),
      ),
    );
    const { figure1, figure2, acrossDatasets } = documentOf(withOutcomes(outcomes, 3, 2));
    expect(figure1[0].points.map(({ model, rank }) => [model, rank])).toEqual([
      ['net-0', 1],
      ['net-1', 1],
      ['net-2', 3],
    ]);
    expect(figure2[0].points[0].logit).toBe(figure2[0].points[1].logit);
    expect(acrossDatasets?.candidates[0].score).toBe(acrossDatasets?.candidates[1].score);
  });

  it('a source accuracy of 0 or 1, with and without the number of images', () => {
    const models = [
      { ...modelOf('net-0', 0), sourceAccuracy: 1, sourceImages: 50 },
      { ...modelOf('net-1', 0), sourceAccuracy: 0, sourceImages: null },
    ];
    const document = documentOf({ ...withOutcomes([], 0, 0), models });
    expect(document.models.map(({ sourceAccuracy }) => sourceAccuracy)).toEqual([
      { value: 1, logit: expect.closeTo(Math.log(101), 10), images: 50 },
      { value: 0, logit: expect.closeTo(-Math.log(2001), 10), images: null },
    ]);
  });

  it('no source accuracies', () => {
    const models = full.models.map((model) => ({ ...model, sourceAccuracy: null, sourceImages: null }));
    const document = documentOf({ ...full, models });
    expect(document.figure1.every(({ pearson, points }) => pearson === null && points.length === 5)).toBe(
      true,
    );
    expect(document.figure2.every(({ pearson, trend }) => pearson === null && trend === null)).toBe(true);
    expect(document.claims.find(({ id }) => id === 'r-fixed')?.verdict).toBe('not enough data');
    expect(document.verdict.headline).toMatch(/^Start from net-4, fine-tuned/);
  });

  it('source accuracies that are all equal', () => {
    const models = full.models.map((model) => ({ ...model, sourceAccuracy: 0.7 }));
    const document = documentOf({ ...full, models });
    expect(document.figure1.every(({ pearson, trend }) => pearson === null && trend === null)).toBe(true);
  });

  it('failed cells are listed, counted and in nothing else', () => {
    const outcomes = full.outcomes.map((outcome, i) =>
      i < 2 ? { cell: outcome.cell, status: 'failed' as const, error: 'The loss was not finite.' } : outcome,
    );
    const document = documentOf({ ...full, outcomes });
    expect(document.failed).toHaveLength(2);
    expect(document.failed[0]).toMatchObject({
      error: 'The loss was not finite.',
      experiments: ['settings'],
    });
    expect(document.cells).toHaveLength(43);
    expect(document.verdict.sentences.at(-1)).toBe('2 of 45 runs failed and are left out.');
    expect(studyText(document, { width: 80 })).toContain('The loss was not finite.');
  });

  it('what else could not be computed is listed, and told in the terminal', () => {
    const failedMeasurements = [
      {
        kind: 'pretraining',
        dataset: 'source',
        model: 'net-9',
        setting: 'pre-training',
        error: 'No memory.',
      },
      { kind: 'scores', dataset: 'set-0', model: 'net-1', setting: 'pre-trained', error: 'No head.' },
    ] as const;
    const document = documentOf({ ...full, failedMeasurements });
    expect(document.failedMeasurements).toEqual(failedMeasurements);
    const text = studyText(document, { width: 120 });
    expect(text).toContain('Failed: net-9, pre-training on source: No memory.');
    expect(text).toContain('Failed: net-1 (pre-trained), transferability scores on set-0: No head.');
  });

  it('several classes per image', () => {
    const truths: CellTruth[] = SKILLS.flatMap((skill, m) =>
      [0, 1].map((seed) => ({
        dataset: 'set-0',
        model: `net-${m}`,
        setting: 'fixed',
        seed,
        accuracy: logistic(skill),
        metric: 'meanAveragePrecision',
        images: 60,
      })),
    );
    const input = withOutcomes(truths.map(finished), 5, 1);
    const document = documentOf({ ...input, datasets: [datasetOf('set-0', 100, 'meanAveragePrecision')] });
    expect(document.figure2[0]).toMatchObject({ metric: 'meanAveragePrecision' });
    expect(document.figure2[0].points[0].model).toBe('net-4');
    // A test of images right and wrong says nothing of average precision.
    expect(document.seeds?.comparisons).toEqual([]);
  });

  it('a cell that two networks share is a result of both, and cost once', () => {
    const own = ['net-0', 'net-1', 'net-2'].map((model, m) =>
      finished({ dataset: 'set-0', model, setting: 'scratch', accuracy: 0.5 + m / 10 }),
    );
    const shared = { ...own[0], cell: { ...own[0].cell, model: 'net-3' } };
    const document = documentOf(withOutcomes([...own, shared], 4, 1));
    expect(document.figure1[0].points.map(({ model }) => model).sort()).toEqual([
      'net-0',
      'net-1',
      'net-2',
      'net-3',
    ]);
    expect(document.rankings[0].candidates).toHaveLength(4);
    expect(document.cells.map(({ experiments }) => experiments)).toEqual(Array(4).fill(['settings']));
    expect(document.cost).toMatchObject({
      seconds: 30,
      settings: [{ cells: 3 }],
      experiments: [{ cells: 3, seconds: 30 }],
    });
  });

  it('a cell of a data set that is not described is a mistake of ours', () => {
    const outcomes = [finished({ dataset: 'elsewhere', model: 'net-0', setting: 'fixed', accuracy: 0.5 })];
    expect(() => studyDocument(withOutcomes(outcomes, 1, 1))).toThrow('internal: cell');
  });
});

describe('hostile names', () => {
  it('come through unchanged', () => {
    const name = '<script>=1+1|$\\end{table}`';
    const outcomes = [finished({ dataset: name, model: name, setting: 'fixed', accuracy: 0.5 })];
    const input = withOutcomes(outcomes, 0, 0);
    const document = documentOf({
      ...input,
      models: [modelOf(name, 1)],
      datasets: [datasetOf(name)],
    });
    expect(document.figure2[0].points[0].model).toBe(name);
    expect(document.cells[0].key).toBe(hash(JSON.stringify([name, name, 'fixed', 0, ''])));
    expect(studyText(document, { width: 80 })).toContain(name);
  });
});
