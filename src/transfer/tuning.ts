/** What the trials and the final fit of one cell share: images, the compiled training step, and one way to train. */
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
  type StepDefinition,
  type TrainingRun,
  TrainingStep,
  train,
} from '../train/index.ts';
import { ImageClock } from './image-time.ts';
import type { TuningProtocol } from './protocol.ts';
import { metricOf, type SettingInputs } from './setting.ts';

/** Images evaluated at a time. */
const EVALUATION_BATCH = 32;

/** What the trials of a cell differ in. */
export interface GridPoint {
  readonly learningRate: number;
  /** As it is applied, after division by the learning rate where the protocol asks for it. */
  readonly weightDecay: number;
}

/** A training step's parameters, running statistics and optimizer after a number of steps. */
export interface TrainingState {
  readonly step: number;
  readonly values: ReadonlyMap<string, Tensor<'float32'>>;
}

export interface TuningRun {
  readonly point: GridPoint;
  /** Positions in the cache of train and validation images. */
  readonly positions: readonly number[];
  /** For people who watch. */
  readonly title: string;
  /** The steps that it counts as in the progress. */
  readonly budget: number;
  /** Goes on from here; from the start unless given. */
  readonly from?: TrainingState;
  /** Steps after which `onCheckpoint` is asked, ascending. */
  readonly checkpoints?: readonly number[];
  readonly onCheckpoint?: (done: number) => Promise<'go on' | 'stop'>;
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

/** How images are kept: crops of training are cut from the same copy as the centre crop. */
export function tunedView({ model }: SettingInputs, { cropRatio, filter }: TuningProtocol): View {
  return { kind: 'short-side', size: Math.round(model.input.size / cropRatio), filter };
}

/** Share of a running statistic kept per step: max(1 - 10 / s, 0.9), s steps to the epoch (Kornblith et al., A.4). */
function statisticsDecay(stepsPerEpoch: number): number {
  return Math.max(1 - 10 / Math.max(stepsPerEpoch, 1), 0.9);
}

export class Tuning {
  /** Positions of the parts in the cache of train and validation images. */
  readonly trainPositions: readonly number[];
  readonly validationPositions: readonly number[];
  readonly labels: Int32Array;
  /** Steps that were computed, those of trials that diverged included. */
  stepsRun = 0;
  /** Steps of the whole cell as planned, and those of them that count as done. */
  #planned = 0;
  #accounted = 0;

  private constructor(
    readonly inputs: SettingInputs,
    readonly protocol: TuningProtocol,
    readonly cache: ViewCache,
    readonly step: TrainingStep,
    readonly evaluator: Evaluator,
    readonly batchSize: number,
    /** Images evaluated at a time: within a limit of memory no more than are trained on at a time. */
    readonly evaluationBatch: number,
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
      openViewCache(dataset, records, tunedView(inputs, protocol), cacheFolder, (event) =>
        onProgress({ phase: event.phase, done: 0, total: 1, note: `${event.done} of ${event.total}` }),
      ),
    );
    const { classifier, definition } = tunedStep(dataset, model, protocol);
    const [batchSize, ...pixels] = definition.images;
    const engine = { threads, device, formulations };
    const step = await TrainingStep.compile(classifier, { ...definition, ...engine, memory });
    const atATime = memory === undefined ? EVALUATION_BATCH : Math.min(EVALUATION_BATCH, step.imagesAtATime);
    const evaluator = await Evaluator.compile(classifier, [atATime, ...pixels], { ...engine, beside: step });
    return new Tuning(inputs, protocol, cache, step, evaluator, batchSize, atATime, clock);
  }

  /** Says how many steps progress is a share of. */
  plan(steps: number): void {
    this.#planned = steps;
  }

  /** Parameters and buffers at the start: random by the seed, then the backbone's pre-trained ones. */
  #start(): Map<string, Tensor> {
    const values: Map<string, Tensor> = initialize(this.step.variables, this.inputs.seed);
    for (const [name, value] of this.inputs.weights ?? []) values.set(name, value);
    return values;
  }

  #loader(
    positions: readonly number[],
    transform: 'train' | 'centre',
    batchSize: number,
    startStep = 0,
  ): BatchLoader {
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
      startStep,
      ...model.input,
    });
  }

  /** Trains on the images of `positions`; the status is `diverged` also where weights are no numbers any more. */
  async run({
    point,
    positions,
    title,
    budget,
    from,
    checkpoints,
    onCheckpoint,
  }: TuningRun): Promise<TrainingRun> {
    const { steps } = this.protocol;
    const startStep = from?.step ?? 0;
    const loader = this.#loader(positions, 'train', this.batchSize, startStep);
    if (from) this.step.restore(from.values);
    else this.step.load(this.#start());
    const begun = this.#accounted;
    try {
      const run = await train(this.step, loader, {
        ...point,
        steps,
        startStep,
        statisticsDecay: statisticsDecay(positions.length / this.batchSize),
        seed: this.inputs.seed,
        checkpoints,
        onCheckpoint,
        onStep: (done, loss) => {
          this.#accounted = begun + Math.min(done - startStep, budget);
          this.#report(`${title}, loss ${loss.toFixed(2)}`);
        },
      });
      this.stepsRun += run.steps - startStep;
      // The last update, and running statistics at any time, can overflow without the loss of a step showing it.
      return { ...run, status: (await this.#weightsAreFinite()) ? run.status : 'diverged' };
    } finally {
      // A trial that ended early counts as done, so that the share of the work only grows.
      this.#accounted = begun + budget;
      await this.imageClock.close(loader);
    }
  }

  /** What training can go on from later, as it is now. */
  async state(step: number): Promise<TrainingState> {
    await this.step.download();
    return { step, values: this.step.state() };
  }

  /** The validation metric with the weights of the moment. */
  async validate(): Promise<number> {
    const loader = this.#loader(this.validationPositions, 'centre', this.evaluationBatch);
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

  async #weightsAreFinite(): Promise<boolean> {
    await this.step.download();
    return [...this.step.weights().values()].every(({ data }) => data.every(Number.isFinite));
  }

  #report(note: string): void {
    const total = this.#planned;
    this.inputs.onProgress({ phase: 'train', done: Math.min(this.#accounted, total), total, note });
  }

  async close(): Promise<void> {
    await this.step.close();
    await this.evaluator.close();
  }
}
