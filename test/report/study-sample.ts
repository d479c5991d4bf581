/**
 * A study of known truth: the logit accuracy of a network on a data set is the sum of the network's skill, the data
 * set's ease and what the setting adds, so adjusted scores, correlations and differences can be worked out by hand.
 * Accuracies are rounded to whole images, of which there are many.
 */
import { createHash } from 'node:crypto';
import type { DatasetSummary } from '../../src/report/schema.ts';
import type { StudyInput, StudyModelInput } from '../../src/report/study/input.ts';
import type { FinishedCell, MetricName, Setting } from '../../src/store/records.ts';

export const hash = (text: string) => createHash('sha256').update(text).digest('hex');

const IMAGES = 2000;

export interface CellTruth {
  readonly dataset: string;
  readonly model: string;
  readonly setting: Setting;
  readonly seed?: number;
  /** Share of the test images that are right. */
  readonly accuracy: number;
  readonly metric?: MetricName;
  readonly images?: number;
  readonly seconds?: number;
  /** Makes the key of a cell that agrees with another in all of the above. */
  readonly variant?: string;
}

/** A finished cell whose first images are right, so that the better of two is right wherever the other is. */
export function finished({
  dataset,
  model,
  setting,
  seed = 0,
  accuracy,
  ...options
}: CellTruth): FinishedCell {
  const n = options.images ?? IMAGES;
  const correct = Math.round(accuracy * n);
  const metric = options.metric ?? 'top1';
  const predictions = Array.from({ length: n }, (_, i) => {
    const label = i % 2;
    const right = i < correct;
    if (metric !== 'meanAveragePrecision')
      return { image: `${i}`, label, predicted: right ? label : 1 - label, probability: 0.9 };
    const labels = [label, 1 - label];
    const scores = right
      ? labels.map((present) => 2 * present - 1)
      : labels.map((present) => 1 - 2 * present);
    return { image: `${i}`, label, predicted: right ? label : 1 - label, probability: 0.9, labels, scores };
  });
  const share = correct / n;
  const total = options.seconds ?? 10;
  return {
    status: 'done',
    cell: {
      key: hash(JSON.stringify([dataset, model, setting, seed, options.variant ?? ''])),
      dataset,
      model,
      setting,
      protocol: 'mini',
      seed,
      determinedBy: { protocol: setting === 'fixed' ? {} : { batchSize: 16 } },
    },
    result: {
      classes: ['cat', 'dog'],
      metric,
      hyperparameters: setting === 'fixed' ? { lambda: 1 } : { learningRate: 0.1 },
      validation: { value: share, n: 50 },
      test: {
        value: share,
        top1: metric === 'meanAveragePrecision' ? null : share,
        meanPerClass: metric === 'meanAveragePrecision' ? null : share,
        correct,
        n,
      },
      trainImages: 100,
      trials: [{ hyperparameters: {}, status: 'finished', validation: 0.5, steps: 30, seconds: 1 }],
      curve: setting === 'fixed' ? [] : [{ step: 50, loss: 1, trainAccuracy: 0.5, learningRate: 0.1 }],
      predictions,
      seconds: { total, search: total / 2, final: total / 4 },
      network: { sha256: hash('network'), bytes: 4, mediaType: 'application/onnx' },
      environment: {},
      finishedAt: '2025-01-01T00:00:00Z',
    },
  };
}

export function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** Source accuracies on the logit scale are the skills. */
export function modelOf(name: string, skill: number | null): StudyModelInput {
  return {
    name,
    family: name.split('-')[0],
    parameters: 1000,
    featureSize: 8,
    inputSize: 32,
    source: 'procedural source',
    sourceAccuracy: skill === null ? null : logistic(skill),
    sourceImages: 1000,
  };
}

export function datasetOf(name: string, images = 100, metric: MetricName = 'top1'): DatasetSummary {
  return {
    name,
    classes: ['cat', 'dog'],
    images: { train: images - 20, validation: 20, test: IMAGES },
    metric,
    fingerprint: hash(name),
    problems: [],
  };
}

interface Truth {
  /** Skill of each network in logits. */
  readonly skills: readonly number[];
  /** Ease of each data set in logits. */
  readonly eases: readonly number[];
  readonly settings?: readonly Setting[];
  readonly seeds?: readonly number[];
  /** What a setting makes of skill, ease and the indices of network and data set; default skill + ease + lift. */
  readonly logit?: (skill: number, ease: number, setting: Setting, m: number, d: number) => number;
}

const LIFT: Readonly<Record<Setting, number>> = { fixed: 0, finetune: 0.5, scratch: -1 };

/** An input with the settings experiment alone. */
export function studyInput({ skills, eases, settings, seeds = [0], logit }: Truth): StudyInput {
  const models = skills.map((skill, m) => modelOf(`net-${m}`, skill));
  const datasets = eases.map((_, d) => datasetOf(`set-${d}`));
  const outcomes = eases.flatMap((ease, d) =>
    skills.flatMap((skill, m) =>
      (settings ?? (['fixed', 'finetune', 'scratch'] as const)).flatMap((setting) =>
        seeds.map((seed) =>
          finished({
            dataset: `set-${d}`,
            model: `net-${m}`,
            setting,
            seed,
            accuracy: logistic(logit?.(skill, ease, setting, m, d) ?? skill + ease + LIFT[setting]),
          }),
        ),
      ),
    ),
  );
  return {
    title: 'Known truth',
    description: 'Made from an additive model.',
    protocol: { name: 'mini', hash: hash('mini'), fields: {} },
    command: 'npx transferlab report studies/known.yaml',
    environment: { node: 'v20' },
    startedAt: '2025-01-01T00:00:00Z',
    correction: 'none',
    models,
    datasets,
    outcomes,
    experiments: {
      settings: { cells: outcomes.map(({ cell }) => cell) },
      regularisation: null,
      convergence: null,
      datasetSize: null,
    },
    scores: [],
    embeddings: [],
    panels: [],
  };
}
