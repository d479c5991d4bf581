/**
 * What a network costs on this machine, measured on a few steps: seconds per image of training and of inference, seconds
 * per image of logistic regression on its features, the time until it runs, and memory. Training is timed with images
 * that other threads crop meanwhile, as ever; decoding images the first time is not counted.
 */
import { BatchLoader, openViewCache } from '../data/index.ts';
import { type Model, transferHead } from '../models/index.ts';
import { initialize } from '../nn/index.ts';
import { Random } from '../tensor/random.ts';
import { type Classifier, compileImageFunction, Evaluator, TrainingStep, train } from '../train/index.ts';
import { engineObjective } from './engine-objective.ts';
import { prepareProblem } from './logistic-problem.ts';
import { type SettingInputs, stopwatch } from './setting.ts';

export interface CostOptions {
  /** Images of a training step, as the protocol has them. */
  readonly batchSize: number;
  /** Default: those of the data set. */
  readonly classes?: number;
}

/** Seconds are medians, on the processors and with the threads of this machine. */
export type CostValue = {
  /** One training step, divided by its images. */
  readonly trainSecondsPerImage: number;
  /** Inference with the weights of a training step, as on validation images. */
  readonly evaluationSecondsPerImage: number;
  /** Features by the frozen network, as for fixed features. */
  readonly inferenceSecondsPerImage: number;
  /** One evaluation of the loss of logistic regression and its gradient, divided by its images. */
  readonly regressionSecondsPerImage: number;
  /** Until the first step of training, and the first batch of inference, can run. */
  readonly trainingSetupSeconds: number;
  readonly inferenceSetupSeconds: number;
  /** What a run over images takes beside its batches: the threads that prepare them. */
  readonly runSetupSeconds: number;
  /** Most memory at one time of a process that trains with such a batch, as planned; within the limit, if there is one. */
  readonly bytes: number;
  /** Most memory at one time of a process that makes features of a batch of images, as planned. */
  readonly inferenceBytes: number;
  /** Images of a step as asked for, the parts that it is computed in, and the images of the steps that were timed. */
  readonly batch: number;
  readonly microBatches: number;
  readonly timedBatch: number;
  readonly classes: number;
  readonly features: number;
};

const WARM_UP = 2;
const TIMED = 5;
/** Multiply-adds of a step that takes a second at most: a larger batch takes longer and says hardly more. */
const TIMED_MULTIPLY_ADDS = 2e10;
/** Forward and backward, in forward passes. */
const PASSES_OF_TRAINING = 3;
/** Images evaluated at a time, at most. */
const EVALUATION_BATCH = 16;
/** Images of the regression that is timed, at least. */
const REGRESSION_IMAGES = 256;

/** @throws UserError MEMORY when not even single images fit into `inputs.memory` */
export async function measureCost(
  inputs: SettingInputs,
  { batchSize, classes = inputs.dataset.classes.length }: CostOptions,
): Promise<{ value: CostValue }> {
  const { dataset, model, onProgress } = inputs;
  const classifier: Classifier = (net, x) => transferHead(net, model.backbone(net, x), classes);
  const report = (done: number, note: string) => onProgress({ phase: 'measure cost', done, total: 4, note });
  report(0, 'memory');
  const planned = await planOf(inputs, classifier, batchSize);
  report(1, 'training steps');
  const largest = Math.min(Math.ceil(batchSize / planned.microBatches), dataset.splits.train.length);
  const timedBatch = timedBatchOf(model, largest, PASSES_OF_TRAINING);
  const training = await timeTraining(inputs, classifier, classes, timedBatch, planned.recompute);
  report(2, 'inference');
  const inference = await timeInference(inputs, training.weights);
  report(3, 'logistic regression');
  const regression = await timeRegression(inputs, classes);
  report(4, 'done');
  return {
    value: {
      trainSecondsPerImage: training.secondsPerImage,
      evaluationSecondsPerImage: training.evaluationSecondsPerImage,
      inferenceSecondsPerImage: inference.secondsPerImage,
      regressionSecondsPerImage: regression,
      trainingSetupSeconds: training.setupSeconds,
      inferenceSetupSeconds: inference.setupSeconds,
      runSetupSeconds: training.runSetupSeconds,
      bytes: planned.plannedBytes,
      inferenceBytes: training.evaluationBytes,
      batch: batchSize,
      microBatches: planned.microBatches,
      timedBatch,
      classes,
      features: model.featureSize,
    },
  };
}

const imagesShape = ({ input: { size } }: Model, count: number) => [count, 3, size, size];

/** Images of a batch that takes a second at most, no more than `most`; two at least, which norms need to differ. */
function timedBatchOf({ multiplyAdds }: Model, most: number, passes: number): number {
  const affordable = Math.max(2, Math.floor(TIMED_MULTIPLY_ADDS / (passes * multiplyAdds)));
  return Math.min(most, affordable);
}

function planOf(
  { dataset, model, threads, device, formulations, memory }: SettingInputs,
  classifier: Classifier,
  batchSize: number,
) {
  const { task } = dataset;
  const definition = { task, images: imagesShape(model, batchSize) };
  return TrainingStep.plan(classifier, { ...definition, threads, device, formulations, memory });
}

/** The steps of a network from random weights, and its inference with them. */
async function timeTraining(
  inputs: SettingInputs,
  classifier: Classifier,
  classes: number,
  batch: number,
  recompute: boolean,
) {
  const { dataset, model, seed, threads, device, formulations } = inputs;
  const setup = stopwatch();
  const { task } = dataset;
  const engine = { threads, device, formulations };
  const shape = imagesShape(model, batch);
  const step = await TrainingStep.compile(classifier, { task, images: shape, recompute, ...engine });
  const evaluated = timedBatchOf(model, EVALUATION_BATCH, 1);
  const evaluator = await Evaluator.compile(classifier, imagesShape(model, evaluated), engine);
  try {
    const weights = initialize(step.variables, seed);
    step.load(weights);
    const setupSeconds = setup();
    const { stepSeconds, runSetupSeconds, firstRunSeconds } = await timeSteps(inputs, step, batch, classes);
    evaluator.share(step);
    const evaluationImages = noise(imagesShape(model, evaluated));
    const evaluation = await median(() => evaluator.probabilities(evaluationImages));
    return {
      weights,
      setupSeconds: setupSeconds + firstRunSeconds,
      runSetupSeconds,
      secondsPerImage: stepSeconds / batch,
      evaluationSecondsPerImage: evaluation / evaluated,
      evaluationBytes: evaluator.plannedBytes ?? 0,
    };
  } finally {
    await evaluator.close();
    await step.close();
  }
}

/**
 * Median seconds of a step in the training loop, on images of the training part; what a run takes more, beside its
 * steps; and what the very first one takes beyond that, since memory is touched for the first time.
 */
async function timeSteps(inputs: SettingInputs, step: TrainingStep, batchSize: number, classes: number) {
  const { dataset, model, seed, cacheFolder } = inputs;
  const records = dataset.splits.train.slice(0, batchSize);
  const view = {
    kind: 'short-side',
    size: Math.round(model.input.size / 0.875),
    filter: 'bilinear',
  } as const;
  const cache = await openViewCache(dataset, records, view, cacheFolder);
  const labels = Int32Array.from(
    { length: records.length * (dataset.task === 'multi-label' ? classes : 1) },
    (_, i) => (dataset.task === 'multi-label' ? i % 2 : i % classes),
  );
  const run = async (steps: number): Promise<number[]> => {
    const moments = [performance.now()];
    const loader = new BatchLoader({
      ...{ cache, labels, batchSize, seed, transform: 'train', smallestCrop: 0.08 },
      ...model.input,
    });
    try {
      await train(step, loader, {
        ...{ steps, learningRate: 1e-4, weightDecay: 1e-5, statisticsDecay: 0.9, seed },
        onStep: () => moments.push(performance.now()),
      });
      return moments.slice(1).map((moment, i) => (moment - moments[i]) / 1000);
    } finally {
      await loader.close();
    }
  };
  const [veryFirst] = await run(WARM_UP);
  const [first, ...seconds] = await run(1 + TIMED);
  const stepSeconds = middle(seconds);
  const runSetupSeconds = Math.max(0, first - stepSeconds);
  return { stepSeconds, runSetupSeconds, firstRunSeconds: Math.max(0, veryFirst - first) };
}

async function timeInference(
  { model, threads, device }: SettingInputs,
  weights: Parameters<typeof compileImageFunction>[2],
) {
  const setup = stopwatch();
  const count = timedBatchOf(model, EVALUATION_BATCH, 1);
  const shape = imagesShape(model, count);
  const backbone = await compileImageFunction((net, x) => model.backbone(net, x).features, shape, weights, {
    threads,
    device,
  });
  try {
    const images = noise(shape);
    const setupSeconds = setup();
    return { setupSeconds, secondsPerImage: (await median(() => backbone.run(images))) / count };
  } finally {
    await backbone.close();
  }
}

/** On random features, more than half as many as columns: fewer are brought into fewer columns first. */
async function timeRegression({ model, threads, device }: SettingInputs, classes: number): Promise<number> {
  const columns = model.featureSize;
  const images = Math.max(REGRESSION_IMAGES, Math.ceil(columns / 2) + 1);
  const labels = Int32Array.from({ length: images }, (_, i) => i % classes);
  const problem = prepareProblem({ features: noise([images, columns]), labels }, classes);
  const objective = await engineObjective({ threads, device })(problem);
  try {
    const parameters = new Float64Array(classes * (objective.problem.columns + 1));
    const gradient = new Float64Array(parameters.length);
    return (await median(() => objective.lossAndGradient(parameters, 1, gradient))) / images;
  } finally {
    await objective.close();
  }
}

function noise(shape: readonly number[]): Float32Array {
  const random = new Random(0, 'cost');
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal());
}

/** Median seconds of a few calls, after some that are not counted. */
async function median(call: () => unknown): Promise<number> {
  const seconds: number[] = [];
  for (let index = 0; index < WARM_UP + TIMED; index++) {
    const begun = performance.now();
    await call();
    if (index >= WARM_UP) seconds.push((performance.now() - begun) / 1000);
  }
  return middle(seconds);
}

const middle = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1];
