/**
 * What a network costs on this machine, measured on a few steps: seconds per image of training and of inference, seconds
 * per image of logistic regression on its features, and memory. Pixels are random numbers: preparing images happens in
 * other threads meanwhile, and decoding them the first time is not counted.
 */
import { type Model, transferHead } from '../models/index.ts';
import { initialize } from '../nn/index.ts';
import { Random } from '../tensor/random.ts';
import { type Classifier, compileImageFunction, Evaluator, TrainingStep } from '../train/index.ts';
import { engineObjective } from './engine-objective.ts';
import { prepareProblem } from './logistic-problem.ts';
import type { SettingInputs } from './setting.ts';

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
const TIMED = 3;
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
  const { model, onProgress } = inputs;
  const classifier: Classifier = (net, x) => transferHead(net, model.backbone(net, x), classes);
  const report = (done: number, note: string) => onProgress({ phase: 'measure cost', done, total: 4, note });
  report(0, 'memory');
  const planned = await planOf(inputs, classifier, batchSize);
  report(1, 'training steps');
  const timedBatch = timedBatchOf(model, Math.ceil(batchSize / planned.microBatches), PASSES_OF_TRAINING);
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
      inferenceSecondsPerImage: inference,
      regressionSecondsPerImage: regression,
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
  const { task } = dataset;
  const engine = { threads, device, formulations };
  const shape = imagesShape(model, batch);
  const step = await TrainingStep.compile(classifier, { task, images: shape, recompute, ...engine });
  const evaluated = timedBatchOf(model, EVALUATION_BATCH, 1);
  const evaluator = await Evaluator.compile(classifier, imagesShape(model, evaluated), engine);
  try {
    const weights = initialize(step.variables, seed);
    step.load(weights);
    const images = noise(shape);
    const labels = new Int32Array(task === 'multi-label' ? batch * classes : batch);
    const [learningRate, weightDecay, statisticsDecay] = [1e-3, 1e-5, 0.9];
    const stepSeconds = await median((index) =>
      step.run({ images, labels, learningRate, weightDecay, statisticsDecay, seed, step: index }),
    );
    evaluator.share(step);
    const evaluationImages = noise(imagesShape(model, evaluated));
    const evaluation = await median(() => evaluator.probabilities(evaluationImages));
    return {
      weights,
      secondsPerImage: stepSeconds / batch,
      evaluationSecondsPerImage: evaluation / evaluated,
      evaluationBytes: evaluator.plannedBytes ?? 0,
    };
  } finally {
    await evaluator.close();
    await step.close();
  }
}

async function timeInference(
  { model, threads, device }: SettingInputs,
  weights: Parameters<typeof compileImageFunction>[2],
): Promise<number> {
  const count = timedBatchOf(model, EVALUATION_BATCH, 1);
  const shape = imagesShape(model, count);
  const backbone = await compileImageFunction((net, x) => model.backbone(net, x).features, shape, weights, {
    threads,
    device,
  });
  try {
    const images = noise(shape);
    return (await median(() => backbone.run(images))) / count;
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
async function median(call: (index: number) => unknown): Promise<number> {
  const seconds: number[] = [];
  for (let index = 0; index < WARM_UP + TIMED; index++) {
    const begun = performance.now();
    await call(index);
    if (index >= WARM_UP) seconds.push((performance.now() - begun) / 1000);
  }
  return seconds.sort((a, b) => a - b)[Math.floor(TIMED / 2)];
}
