/**
 * Pre-training: a network is trained on a source data set from random weights, and becomes a file of weights that can be
 * transferred. What is switched by the model's name (scale of norms, dropout, auxiliary classifiers) is so here, with the
 * source's own classifier as well. (Kornblith et al., arXiv 1805.08974, section 3 and appendix A.3.)
 */
import { BatchLoader, type ImageDataset, labelsOf, openViewCache, type SplitName } from '../data/index.ts';
import { top1 } from '../evaluate/index.ts';
import { transferHead } from '../models/index.ts';
import { cosine, initialize, warmUpExponential } from '../nn/index.ts';
import { type Classifier, Evaluator, type TrainingRun, TrainingStep, train } from '../train/index.ts';
import { invariant, UserError } from '../util/errors.ts';
import { VERSION } from '../util/version.ts';
import { weightsFile } from '../weights/index.ts';
import type { SettingInputs } from './setting.ts';

export interface PretrainingOptions {
  /** Passes over the training part, not always whole; in its place `steps`. */
  readonly epochs?: number;
  readonly steps?: number;
  readonly batchSize: number;
  /** The highest; how it changes is the schedule. */
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Default 0. */
  readonly labelSmoothing?: number;
  /** Cosine to 0 (default), or linear over 10 epochs and then times 0.975 after each epoch. */
  readonly schedule?: 'cosine' | 'warm-up-exponential';
  /** Decay of the moving average of the weights that is kept in their place, for example 0.9999. */
  readonly average?: number;
  /** Share of the image that the smallest random crop covers; default 0.08. */
  readonly smallestCrop?: number;
  /** Share of the old running statistic that a step keeps; default 0.99. */
  readonly statisticsDecay?: number;
  /** What the file says of how it was made and under which licence. */
  readonly source?: string;
  readonly licence?: string;
}

/** What a pre-training came to. */
export type PretrainingValue = {
  /** Share of the source's test images that are told right, and their number. */
  readonly sourceAccuracy: number;
  readonly sourceImages: number;
  readonly validationAccuracy: number;
  readonly validationImages: number;
  readonly trainImages: number;
  readonly classes: number;
  readonly steps: number;
  readonly epochs: number;
  readonly batchSize: number;
  /** Wall-clock time of the training, and the part of it in which images were not ready. */
  readonly seconds: number;
  readonly secondsWaitingForImages: number;
  readonly curve: readonly {
    readonly step: number;
    readonly loss: number;
    readonly trainAccuracy: number;
    readonly learningRate: number;
  }[];
};

export interface Pretraining {
  readonly value: PretrainingValue;
  /**
   * Safetensors: the backbone's variables under their names, the source's classifier as `head.weight` [classes,
   * features] and `head.bias` [classes], and in the metadata `classes`, the names of the source's classes as a JSON list.
   */
  readonly file: { readonly bytes: Uint8Array; readonly mediaType: string };
}

/** Images evaluated at a time. */
const EVALUATION_BATCH = 32;
/** What evaluating a batch costs in training steps, for the progress: no gradient, no update. */
const EVALUATION_COST = 1 / 3;
/** Share of the random initial weights that a moving average may still hold at the end. */
const LARGEST_SHARE_OF_START = 0.1;

/**
 * Trains `inputs.model` on the training part of `inputs.dataset`. The seed decides initial weights, order and crops of
 * the images, and dropout. Weights that the model has are not looked at.
 * @throws UserError SOURCE_MULTI_LABEL, PRETRAINING_AVERAGE, PRETRAINING_DIVERGED
 */
export async function pretrain(inputs: SettingInputs, options: PretrainingOptions): Promise<Pretraining> {
  requireSingleLabel(inputs.dataset);
  const { dataset, model, threads, device, formulations, memory } = inputs;
  const { train: images, validation, test } = dataset.splits;
  const { labelSmoothing, average } = options;
  const { size } = model.input;
  const classifier: Classifier = (net, x) =>
    transferHead(net, model.backbone(net, x), dataset.classes.length);
  const engine = { threads, device, formulations };
  const step = await TrainingStep.compile(classifier, {
    images: [Math.min(options.batchSize, images.length), 3, size, size],
    labelSmoothing,
    average: average === undefined ? undefined : { decay: average },
    memory,
    ...engine,
  });
  const evaluated = [EVALUATION_BATCH, 3, size, size];
  const evaluator = await Evaluator.compile(classifier, evaluated, { ...engine, beside: step });
  try {
    const trained = await trainOn(step, inputs, options);
    const kind = average === undefined ? 'current' : 'averaged';
    evaluator.share(step, kind);
    const value: PretrainingValue = {
      sourceAccuracy: await accuracy(evaluator, inputs, 'test', trained.steps),
      sourceImages: test.length,
      validationAccuracy: await accuracy(evaluator, inputs, 'validation', trained.steps),
      validationImages: validation.length,
      trainImages: images.length,
      classes: dataset.classes.length,
      ...trained,
    };
    const bytes = weightsFile(model, step.weights(kind), {
      classes: dataset.classes,
      source: options.source ?? `trained on ${dataset.name} by transferlab ${VERSION}`,
      licence: options.licence,
    });
    return { value, file: { bytes, mediaType: 'application/octet-stream' } };
  } finally {
    await evaluator.close();
    await step.close();
  }
}

type Trained = Pick<
  PretrainingValue,
  'steps' | 'epochs' | 'batchSize' | 'seconds' | 'secondsWaitingForImages' | 'curve'
>;

/** Trains from the seed's random weights to the end of the schedule; the weights are then on the host. */
async function trainOn(
  step: TrainingStep,
  inputs: SettingInputs,
  options: PretrainingOptions,
): Promise<Trained> {
  const { seed, onProgress } = inputs;
  const { learningRate, weightDecay, statisticsDecay = 0.99, schedule = 'cosine' } = options;
  const batchSize = Math.min(options.batchSize, inputs.dataset.splits.train.length);
  const loader = await loaderOf(inputs, 'train', batchSize, options.smallestCrop);
  try {
    const stepsPerEpoch = loader.batchesPerEpoch;
    const steps = stepsOf(options, stepsPerEpoch);
    requireAverage(options.average, steps);
    step.load(initialize(step.variables, seed));
    const total = progressTotal(inputs, steps);
    const run = await train(step, loader, {
      ...{ steps, learningRate, weightDecay, statisticsDecay, seed },
      schedule: schedule === 'cosine' ? cosine : (index) => warmUpExponential(index, { stepsPerEpoch }),
      onStep: (done, loss) =>
        onProgress({
          phase: 'pre-train',
          done,
          total,
          note: `step ${done} of ${steps}, loss ${loss.toFixed(2)}`,
        }),
    });
    await requireFinite(step, run, inputs, options);
    return {
      ...{ steps, batchSize, epochs: steps / stepsPerEpoch, curve: run.curve.map((point) => ({ ...point })) },
      seconds: run.seconds.total,
      secondsWaitingForImages: run.seconds.waiting,
    };
  } finally {
    await loader.close();
  }
}

function stepsOf({ epochs, steps }: PretrainingOptions, stepsPerEpoch: number): number {
  invariant((epochs === undefined) !== (steps === undefined), 'a length is given in epochs or in steps');
  return steps ?? Math.max(1, Math.round(epochs! * stepsPerEpoch));
}

const evaluationSteps = (images: number) => Math.ceil(images / EVALUATION_BATCH) * EVALUATION_COST;

/** The work of a pre-training in training steps. */
function progressTotal({ dataset: { splits } }: SettingInputs, steps: number): number {
  return steps + evaluationSteps(splits.test.length) + evaluationSteps(splits.validation.length);
}

/** Share of a part's images that are told right, with the weights that the evaluator reads. */
async function accuracy(
  evaluator: Evaluator,
  inputs: SettingInputs,
  part: 'validation' | 'test',
  steps: number,
): Promise<number> {
  const { dataset, onProgress } = inputs;
  const { test } = dataset.splits;
  const records = dataset.splits[part];
  const before = steps + (part === 'test' ? 0 : evaluationSteps(test.length));
  onProgress({
    phase: 'pre-train',
    done: before,
    total: progressTotal(inputs, steps),
    note: `${part} images`,
  });
  const loader = await loaderOf(inputs, part, EVALUATION_BATCH);
  try {
    return top1(labelsOf(dataset, records), await evaluator.predict(loader, records.length));
  } finally {
    await loader.close();
  }
}

/** As in fine-tuning: random crops for training; for evaluation the centre of images of input size / 0.875. */
async function loaderOf(
  inputs: SettingInputs,
  part: SplitName,
  batchSize: number,
  smallestCrop?: number,
): Promise<BatchLoader> {
  const { dataset, model, seed, cacheFolder, onProgress } = inputs;
  const records = dataset.splits[part];
  const view = {
    kind: 'short-side',
    size: Math.round(model.input.size / 0.875),
    filter: 'bilinear',
  } as const;
  const cache = await openViewCache(dataset, records, view, cacheFolder, ({ phase, done, total }) =>
    onProgress({ phase, done: 0, total: 1, note: `${done} of ${total}` }),
  );
  const transform = part === 'train' ? 'train' : 'centre';
  const labels = labelsOf(dataset, records);
  return new BatchLoader({ cache, labels, batchSize, transform, seed, smallestCrop, ...model.input });
}

function requireSingleLabel({ task, name }: ImageDataset): void {
  if (task === 'single-label') return;
  throw new UserError(
    'SOURCE_MULTI_LABEL',
    `Images of ${name} can have several classes, so networks cannot be pre-trained on it.`,
    'Take a source whose images have one class each.',
  );
}

/** A moving average longer than the training is one of random weights. */
function requireAverage(decay: number | undefined, steps: number): void {
  if (decay === undefined || decay ** steps <= LARGEST_SHARE_OF_START) return;
  const needed = Math.ceil(Math.log(LARGEST_SHARE_OF_START) / Math.log(decay));
  const longest = Math.floor(1e4 * LARGEST_SHARE_OF_START ** (1 / steps)) / 1e4;
  throw new UserError(
    'PRETRAINING_AVERAGE',
    `After ${steps} steps a moving average of the weights with decay ${decay} still is ${Math.round(100 * decay ** steps)}% random initial weights.`,
    `Train for ${needed} steps or more, or take a decay of ${longest} or less.`,
  );
}

/** @throws UserError PRETRAINING_DIVERGED, with the layer where it began as far as that can be told */
async function requireFinite(
  step: TrainingStep,
  run: TrainingRun,
  { dataset, model }: SettingInputs,
  { learningRate }: PretrainingOptions,
): Promise<void> {
  const cause = await run.diagnose?.();
  // The first line says where it began; the numbers around it are for those who ask for the cause.
  const where = cause ? ` ${cause.given.split('\n')[0].replace(/:$/, '.')}` : '';
  await step.download();
  // The last update, and running statistics at any time, can overflow without the loss of a step showing it.
  const finite = [...step.weights().values()].every(({ data }) => data.every(Number.isFinite));
  if (run.status === 'finished' && finite) return;
  throw new UserError(
    'PRETRAINING_DIVERGED',
    `${model.name} diverged on ${dataset.name} after ${run.steps} steps.${where}`,
    `Take a learning rate below ${learningRate}.`,
    { cause },
  );
}
