/**
 * Fixed features of images with several classes: binary problems against scikit-learn, one by one
 * (scripts/fixtures/multi_label.py), by finite differences, and in the engine; then all three settings on a tiny copy
 * of PASCAL VOC, from its files to the report.
 */
import { beforeAll, describe, expect, it, test } from 'vitest';
import type { ImageDataset } from '../../src/data/index.ts';
import { labelsOf } from '../../src/data/index.ts';
import { openOfficialDataset } from '../../src/data/registry/open.ts';
import { meanAveragePrecision } from '../../src/evaluate/index.ts';
import { findModel } from '../../src/models/index.ts';
import { compareDocument, compareHtml } from '../../src/report/index.ts';
import type { CellOutcome, CellResult, Setting } from '../../src/store/index.ts';
import { testPart } from '../../src/study/test-part.ts';
import { Random } from '../../src/tensor/random.ts';
import { engineObjective } from '../../src/transfer/engine-objective.ts';
import { fixedFeatures, type SettingInputs, type SettingResult, tuned } from '../../src/transfer/index.ts';
import { createReferenceObjective } from '../../src/transfer/logistic-objective.ts';
import { type LabelledFeatures, prepareProblem } from '../../src/transfer/logistic-problem.ts';
import {
  fitLogisticRegression,
  fitPath,
  regularizationPath,
} from '../../src/transfer/logistic-regression.ts';
import { temporaryFolder } from '../data/pictures.ts';
import { type VocCopy, vocCopy } from '../data/voc-copy.ts';
import fixture from '../fixtures/multi_label.json' with { type: 'json' };
import { SMALL_TUNING, smallInputs } from './small-inputs.ts';

const { classes, solutions } = fixture.regression;
const given: LabelledFeatures = {
  features: Float32Array.from(fixture.regression.features),
  labels: Int32Array.from(fixture.regression.labels),
};

describe('one binary problem per class', () => {
  it.each(solutions)("lambda $lambda: scikit-learn's loss, weights and biases", async (expected) => {
    const { loss, weights, bias } = await fitLogisticRegression(given, classes, expected.lambda, {
      kind: 'binary',
      tolerance: 1e-12,
    });
    expect(loss / expected.loss).toBeCloseTo(1, 7);
    for (const [i, value] of expected.weights.flat().entries()) expect(weights[i]).toBeCloseTo(value, 4);
    for (const [k, value] of expected.bias.entries()) expect(bias[k]).toBeCloseTo(value, 4);
  });

  it('has the gradient of its loss', () => {
    const objective = createReferenceObjective(prepareProblem(given, classes, 'binary'));
    const random = new Random(1, 'binary gradient');
    const size = classes * (objective.problem.columns + 1);
    const point = Float64Array.from({ length: size }, () => random.normal());
    const direction = Float64Array.from({ length: size }, () => random.normal());
    const scratch = new Float64Array(size);
    const lossAt = (step: number) =>
      objective.lossAndGradient(
        point.map((value, i) => value + step * direction[i]),
        0.3,
        scratch,
      ) as number;
    const slope = (lossAt(1e-5) - lossAt(-1e-5)) / 2e-5;
    const gradient = new Float64Array(size);
    objective.lossAndGradient(point, 0.3, gradient);
    expect(gradient.reduce((sum, value, i) => sum + value * direction[i], 0) / slope).toBeCloseTo(1, 7);
  });

  it('in the engine has the loss, gradient and scores of the reference', async () => {
    const engine = await engineObjective({ threads: 1 })(prepareProblem(given, classes, 'binary'));
    const { value: solution } = await fitPath(engine, { lambdas: [1] }).next();
    const expected = solutions.find(({ lambda }) => lambda === 1)!;
    expect(solution!.loss / expected.loss).toBeCloseTo(1, 4);
    const classifier = await engine.classifier(given.features);
    const scores = await classifier.predict(solution!.parameters);
    const columns = given.features.length / (given.labels.length / classes);
    for (let i = 0; i < given.labels.length / classes; i++)
      for (let k = 0; k < classes; k++) {
        let score = expected.bias[k];
        for (let j = 0; j < columns; j++) score += expected.weights[k][j] * given.features[i * columns + j];
        expect(Math.abs(scores[i * classes + k] - score)).toBeLessThan(0.02);
      }
    await classifier.close();
    await engine.close();
  });

  it('takes no notice of the features of an image that is difficult for every class', async () => {
    const labels = given.labels.slice();
    labels.fill(-1, 0, classes);
    const columns = given.features.length / (labels.length / classes);
    const moved = given.features.slice();
    moved.fill(50, 0, columns);
    const options = { kind: 'binary', tolerance: 1e-12 } as const;
    const plain = await fitLogisticRegression({ ...given, labels }, classes, 1, options);
    const other = await fitLogisticRegression({ features: moved, labels }, classes, 1, options);
    expect(other.loss / plain.loss).toBeCloseTo(1, 8);
  });

  it('chooses one lambda for all classes, by mean average precision', async () => {
    const score = (labels: Int32Array, scores: ArrayLike<number>) =>
      meanAveragePrecision(labels, scores, classes);
    const lambdas = [100, 1, 0.01];
    const path = await regularizationPath({
      train: given,
      validation: given,
      classes,
      kind: 'binary',
      score,
      lambdas,
      tolerance: 1e-10,
    });
    for (const [i, trial] of path.trials.entries()) {
      const { weights, bias } = solutions[i];
      const columns = weights[0].length;
      const scores = given.labels.map(() => 0) as unknown as number[];
      const exact = Float64Array.from(scores, (_, at) => {
        const [image, k] = [Math.floor(at / classes), at % classes];
        return weights[k].reduce((sum, w, j) => sum + w * given.features[image * columns + j], bias[k]);
      });
      expect(trial.validation).toBeCloseTo(score(given.labels, exact), 3);
    }
    expect(path.best.validation).toBe(Math.max(...path.trials.map(({ validation }) => validation)));
  });

  it('refuses labels that are none', () => {
    const labels = Int32Array.of(0, 1, 2, 0);
    expect(() => prepareProblem({ features: new Float32Array(4), labels }, 2, 'binary')).toThrow(
      'internal: a label is outside -1..1',
    );
  });
});

describe('a tiny PASCAL VOC', () => {
  let copy: VocCopy;
  let dataset: ImageDataset;
  let inputs: SettingInputs;

  beforeAll(async () => {
    copy = await vocCopy(15);
    const cacheFolder = await temporaryFolder();
    dataset = await openOfficialDataset('voc2007', copy.folder, { seed: 0, cacheFolder });
    inputs = await smallInputs(dataset, { model: findModel('cifar_resnet20@32'), cacheFolder });
  });

  const fixed = () =>
    fixedFeatures(inputs, {
      lambdas: [1e-2, 1, 100],
      tolerance: 1e-6,
      patience: null,
      view: { kind: 'central-square', filter: 'bicubic' },
    });
  const trained = (setting: 'finetune' | 'scratch') =>
    tuned(
      inputs,
      {
        ...SMALL_TUNING,
        steps: 40,
        batchSize: 10,
        learningRates: [0.1],
        smallestCrop: 0.8,
      },
      setting,
    );

  function outcomeOf(setting: Setting, result: SettingResult): CellOutcome {
    const { train, validation } = dataset.splits;
    const record: CellResult = {
      classes: dataset.classes,
      metric: dataset.metric,
      ...testPart(dataset, result.testLogits),
      hyperparameters: result.hyperparameters,
      validation: { value: result.validation, n: validation.length },
      trainImages: train.length + validation.length,
      trials: result.trials,
      curve: result.curve,
      seconds: result.seconds,
      network: { sha256: '0'.repeat(64), bytes: 1, mediaType: 'application/octet-stream' },
      environment: {},
      finishedAt: '2026-01-01T00:00:00.000Z',
    };
    const cell = {
      key: setting.padEnd(64, '0'),
      dataset: dataset.name,
      model: 'cifar_resnet20',
      setting,
      protocol: 'test',
      seed: 0,
      determinedBy: {},
    };
    return { cell, status: 'done', result: record };
  }

  test('is learnt in all settings, and the report says what was measured', { timeout: 300_000 }, async () => {
    const outcomes = [
      outcomeOf('fixed', await fixed()),
      outcomeOf('finetune', await trained('finetune')),
      outcomeOf('scratch', await trained('scratch')),
    ];
    const labels = labelsOf(dataset, dataset.splits.test);
    for (const outcome of outcomes) {
      if (outcome.status !== 'done') throw new Error('not done');
      const { test: part, predictions } = outcome.result;
      expect(part.top1).toBeNull();
      const scores = predictions.flatMap((prediction) => prediction.scores!);
      expect(predictions.flatMap((prediction) => prediction.labels!)).toEqual([...labels]);
      expect(part.value).toBe(meanAveragePrecision(labels, scores, 3));
    }
    const summary = {
      name: dataset.name,
      classes: [...dataset.classes],
      images: { train: 15, validation: 15, test: 15 },
      metric: dataset.metric,
      fingerprint: dataset.fingerprint,
      problems: [],
    };
    const document = compareDocument({
      title: 'multi-label',
      command: 'none',
      startedAt: '2026-01-01T00:00:00.000Z',
      environment: {},
      protocol: { name: 'test', hash: '0', fields: {} },
      datasets: [summary],
      models: [],
      outcomes,
    });
    const [ranking] = document.rankings;
    // Scoring all images alike: each class's share of the images in which it is not difficult.
    const shares = [0, 1, 2].map((k) => {
      const column = labels.filter((_, i) => i % 3 === k && labels[i] >= 0);
      return column.filter((label) => label === 1).length / column.length;
    });
    expect(ranking.baseline).toBeCloseTo((shares[0] + shares[1] + shares[2]) / 3, 12);
    expect(ranking.candidates[0].test.value).toBeGreaterThan(ranking.baseline! + 0.2);
    expect(ranking.power).toBeNull();
    for (const { test: part } of ranking.candidates) {
      expect(part.low).toBeLessThanOrEqual(part.value);
      expect(part.high).toBeGreaterThanOrEqual(part.value);
    }
    expect(ranking.verdict.headline).toContain('mean average precision (11-point)');
    const page = compareHtml(document, { outcomes, thumbnails: new Map() });
    expect(page).toContain('How the best network tells each class');
    expect(page).not.toContain('What the best network gets wrong');
  });
});
