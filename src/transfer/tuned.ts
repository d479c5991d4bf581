/**
 * Training the whole network, from pre-trained weights (fine-tuning) or from random ones (from scratch): the
 * same loop and grid, another start. (Kornblith et al. 2019, section 3; Chen et al. 2020, appendix B.8.)
 */
import {
  BatchLoader,
  type ImageDataset,
  labelsOf,
  openViewCache,
  type View,
  type ViewCache,
} from '../data/index.ts';
import { type Model, transferHead } from '../models/index.ts';
import { initialize } from '../nn/index.ts';
import type { Tensor } from '../tensor/tensor.ts';
import {
  type Classifier,
  Evaluator,
  openImageFunction,
  runOverImages,
  type StepDefinition,
  type TrainingRun,
  TrainingStep,
  train,
} from '../train/index.ts';
import { UserError } from '../util/errors.ts';
import { ImageClock } from './image-time.ts';
import type { TuningProtocol } from './protocol.ts';
import {
  classifierFile,
  LOGITS,
  metricOf,
  type SettingInputs,
  type SettingResult,
  type SettingTrial,
  stopwatch,
} from './setting.ts';

/** Images evaluated at a time. */
const EVALUATION_BATCH = 32;

interface GridPoint {
  readonly learningRate: number;
  /** As it is applied, after division by the learning rate where the protocol asks for it. */
  readonly weightDecay: number;
}

/** The training step of a network for a data set. */
export function tunedStep(
  dataset: ImageDataset,
  model: Model,
  protocol: TuningProtocol,
): { classifier: Classifier; definition: StepDefinition } {
  const classifier: Classifier = (net, x) =>
    transferHead(net, model.backbone(net, x), dataset.classes.length, protocol);
  const { size } = model.input;
  // A batch has no image twice: a training part smaller than the protocol's batch makes the batch smaller.
  const batchSize = Math.min(protocol.batchSize, dataset.splits.train.length);
  const { task } = dataset;
  return { classifier, definition: { ...protocol, task, images: [batchSize, 3, size, size] } };
}

/** Everything that the trials and the final fit of one cell share. */
class Tuning {
  /** Positions of the parts in the cache of train and validation images. */
  readonly trainPositions: readonly number[];
  readonly validationPositions: readonly number[];
  readonly labels: Int32Array;
  /** Validation metric at each checkpoint, the best of the trials so far. */
  readonly #bestAt = new Map<number, number>();
  #stepsDone = 0;

  private constructor(
    readonly inputs: SettingInputs,
    readonly protocol: TuningProtocol,
    readonly cache: ViewCache,
    readonly step: TrainingStep,
    readonly evaluator: Evaluator,
    readonly batchSize: number,
    readonly imageClock: ImageClock,
  ) {
    const { train: trainPart, validation } = inputs.dataset.splits;
    this.labels = labelsOf(inputs.dataset, [...trainPart, ...validation]);
    this.trainPositions = trainPart.map((_, i) => i);
    this.validationPositions = validation.map((_, i) => trainPart.length + i);
  }

  static async open(inputs: SettingInputs, protocol: TuningProtocol): Promise<Tuning> {
    const { dataset, model, threads, device, cacheFolder, formulations, memory, onProgress } = inputs;
    const records = [...dataset.splits.train, ...dataset.splits.validation];
    const clock = new ImageClock();
    const cache = await clock.prepare(
      openViewCache(dataset, records, viewOf(inputs, protocol), cacheFolder, (event) =>
        onProgress({ phase: event.phase, done: 0, total: 1, note: `${event.done} of ${event.total}` }),
      ),
    );
    const { classifier, definition } = tunedStep(dataset, model, protocol);
    const [batchSize, ...pixels] = definition.images;
    const engine = { threads, device, formulations };
    const step = await TrainingStep.compile(classifier, { ...definition, ...engine, memory });
    const evaluator = await Evaluator.compile(classifier, [EVALUATION_BATCH, ...pixels], engine);
    return new Tuning(inputs, protocol, cache, step, evaluator, batchSize, clock);
  }

  /** Parameters and buffers at the start: random by the seed, then the backbone's pre-trained ones. */
  start(): Map<string, Tensor> {
    const values: Map<string, Tensor> = initialize(this.step.variables, this.inputs.seed);
    for (const [name, value] of this.inputs.weights ?? []) values.set(name, value);
    return values;
  }

  loader(positions: readonly number[], transform: 'train' | 'centre', batchSize: number): BatchLoader {
    const { model, seed } = this.inputs;
    const { cache, labels } = this;
    const { smallestCrop } = this.protocol;
    return new BatchLoader({
      cache,
      labels,
      indices: positions,
      batchSize,
      transform,
      seed,
      smallestCrop,
      ...model.input,
    });
  }

  /** Trains from the start at `point` on the images at `positions`. */
  async run(
    point: GridPoint,
    positions: readonly number[],
    title: string,
    giveUp: boolean,
  ): Promise<TrainingRun> {
    const { steps } = this.protocol;
    const loader = this.loader(positions, 'train', this.batchSize);
    this.step.load(this.start());
    const begun = this.#stepsDone;
    const values = new Map<number, number>();
    try {
      const run = await train(this.step, loader, {
        ...point,
        steps,
        statisticsDecay: statisticsDecay(positions.length / this.batchSize),
        seed: this.inputs.seed,
        checkpoints: giveUp
          ? (this.protocol.giveUp?.after.map((share) => Math.round(share * steps)) ?? [])
          : [],
        onCheckpoint: (done) => this.#judge(done, values),
        onStep: (done, loss) => this.#report(begun + done, `${title}, loss ${loss.toFixed(2)}`),
      });
      // The last update, and running statistics at any time, can overflow without the loss of a step showing it.
      const status = (await this.#weightsAreFinite()) ? run.status : 'diverged';
      if (status !== 'diverged') this.#remember(values);
      return { ...run, status };
    } finally {
      // A trial that ended early counts as done, so that the share of the work only grows.
      this.#stepsDone = begun + steps;
      await this.imageClock.close(loader);
    }
  }

  /** The validation metric with the weights of the moment. */
  async validate(): Promise<number> {
    const loader = this.loader(this.validationPositions, 'centre', EVALUATION_BATCH);
    this.evaluator.share(this.step);
    const { dataset } = this.inputs;
    const { validation } = dataset.splits;
    const predicted =
      dataset.task === 'multi-label'
        ? await this.evaluator.logits(loader, validation.length)
        : await this.evaluator.predict(loader, validation.length);
    await this.imageClock.close(loader);
    // Numbers that are not finite cannot be ranked; a trial that gives them is found to have diverged.
    if (!predicted.every(Number.isFinite)) return 0;
    return metricOf(dataset)(labelsOf(dataset, validation), predicted);
  }

  async #judge(done: number, values: Map<number, number>): Promise<'go on' | 'stop'> {
    const value = await this.validate();
    values.set(done, value);
    const best = this.#bestAt.get(done) ?? Number.NEGATIVE_INFINITY;
    return value < best - this.protocol.giveUp!.margin ? 'stop' : 'go on';
  }

  /** Only trials that did not diverge set the mark: one that does later would have the others given up for nothing. */
  #remember(values: ReadonlyMap<number, number>): void {
    for (const [done, value] of values) {
      this.#bestAt.set(done, Math.max(value, this.#bestAt.get(done) ?? value));
    }
  }

  async #weightsAreFinite(): Promise<boolean> {
    await this.step.download();
    return [...this.step.weights().values()].every(({ data }) => data.every(Number.isFinite));
  }

  #report(stepsDone: number, note: string): void {
    const total = (gridOf(this.protocol).length + 1) * this.protocol.steps;
    this.inputs.onProgress({ phase: 'train', done: stepsDone, total, note });
  }

  async close(): Promise<void> {
    await this.step.close();
    await this.evaluator.close();
  }
}

/** Every pair of the protocol's grid, larger learning rates first. */
export function gridOf(protocol: TuningProtocol): GridPoint[] {
  return [...protocol.learningRates]
    .sort((a, b) => b - a)
    .flatMap((learningRate) =>
      protocol.weightDecays.map((decay) => ({
        learningRate,
        weightDecay: protocol.divideDecayByRate ? decay / learningRate : decay,
      })),
    );
}

/** Share of a running statistic kept per step: max(1 - 10 / s, 0.9), s steps to the epoch (Kornblith et al., A.4). */
function statisticsDecay(stepsPerEpoch: number): number {
  return Math.max(1 - 10 / Math.max(stepsPerEpoch, 1), 0.9);
}

function viewOf({ model }: SettingInputs, { cropRatio, filter }: TuningProtocol): View {
  return { kind: 'short-side', size: Math.round(model.input.size / cropRatio), filter };
}

/**
 * Runs the grid on the training part, chooses on the validation part, trains once more on both and predicts the
 * test part once with the exported network.
 * @throws UserError ALL_TRIALS_DIVERGED when no trial's loss stayed finite
 */
export async function tuned(
  inputs: SettingInputs,
  protocol: TuningProtocol,
  setting: 'finetune' | 'scratch',
): Promise<SettingResult> {
  const total = stopwatch();
  const tuning = await Tuning.open(inputs, protocol);
  try {
    const trials = await searchGrid(tuning);
    const search = total();
    const final = stopwatch();
    const { trial, run } = await fitFinal(tuning, trials);
    await tuning.step.download();
    const network = classifierFile(inputs, setting, viewOf(inputs, protocol), tuning.step.weights());
    const testLogits = await predictTest(tuning, network);
    return {
      hyperparameters: { ...trial.hyperparameters, steps: protocol.steps, batchSize: tuning.batchSize },
      validation: trial.validation!,
      trials,
      curve: run.curve,
      testLogits,
      network,
      seconds: { total: total(), search, final: final() },
      imageSeconds: tuning.imageClock.seconds,
      memory: await tuning.step.memory(),
    };
  } finally {
    await tuning.close();
  }
}

async function searchGrid(tuning: Tuning): Promise<SettingTrial[]> {
  const trials: SettingTrial[] = [];
  const grid = gridOf(tuning.protocol);
  for (const [index, point] of grid.entries()) {
    const seconds = stopwatch();
    const title = `trial ${index + 1} of ${grid.length}: learning rate ${showNumber(point.learningRate)}`;
    const run = await tuning.run(point, tuning.trainPositions, title, true);
    const validation = run.status === 'diverged' ? null : await tuning.validate();
    trials.push({
      hyperparameters: { ...point },
      status: run.status,
      validation,
      steps: run.steps,
      seconds: seconds(),
    });
  }
  return trials;
}

const showNumber = (value: number) => Number(value.toPrecision(2)).toString();

/** The chosen point on all training images; should it diverge there, the next best one, last those given up. */
async function fitFinal(
  tuning: Tuning,
  trials: readonly SettingTrial[],
): Promise<{ trial: SettingTrial; run: TrainingRun }> {
  const ranked = (['finished', 'stopped'] as const).flatMap((status) =>
    trials.filter((trial) => trial.status === status).sort((a, b) => b.validation! - a.validation!),
  );
  for (const trial of ranked) {
    const { learningRate, weightDecay } = trial.hyperparameters;
    const all = [...tuning.trainPositions, ...tuning.validationPositions];
    const run = await tuning.run({ learningRate, weightDecay }, all, 'final fit', false);
    if (run.status === 'finished') return { trial, run };
  }
  throw new UserError(
    'ALL_TRIALS_DIVERGED',
    `The loss of every trial became infinite or not a number (learning rates ${tuning.protocol.learningRates.map(showNumber).join(', ')}).`,
    'Give the protocol lower learning rates.',
  );
}

async function predictTest(tuning: Tuning, network: Uint8Array): Promise<Tensor<'float32'>> {
  const { dataset, model, cacheFolder, threads, device } = tuning.inputs;
  const { test } = dataset.splits;
  const cache = await tuning.imageClock.prepare(
    openViewCache(dataset, test, viewOf(tuning.inputs, tuning.protocol), cacheFolder),
  );
  const labels = labelsOf(dataset, test);
  const batchSize = EVALUATION_BATCH;
  const loader = new BatchLoader({ cache, labels, batchSize, transform: 'centre', seed: 0, ...model.input });
  const { size } = model.input;
  const classifier = await openImageFunction(network, LOGITS, [batchSize, 3, size, size], {
    threads,
    device,
  });
  try {
    return await runOverImages(classifier, loader, test.length, { phase: 'predict test images' });
  } finally {
    await tuning.imageClock.close(loader);
    await classifier.close();
  }
}
