/**
 * One training step, compiled: forward, loss, backward and update. Learning rate, weight decay and the decay of
 * running statistics are inputs, so that one compilation serves a whole hyper-parameter grid. What a step carries
 * (parameters, running statistics, the optimizer's slots and counters, averages) can be taken out and put back, and
 * training then goes on to the same bits.
 */
import type { Variable } from '../nn/network.ts';
import { Executable, type SessionOptions } from '../runtime/index.ts';
import { sizeOf, type Tensor, tensor } from '../tensor/tensor.ts';
import { invariant, UserError } from '../util/errors.ts';
import { diagnose } from './diagnose.ts';
import {
  averageName,
  buildStep,
  type Classifier,
  gradientName,
  type StepDefinition,
  type StepGraph,
} from './step-graph.ts';
import { requireBatch, requireWeights } from './step-inputs.ts';
import { executablesOf, fitted, memoryOf, memoryWith, type StepMemory } from './step-memory.ts';

export interface TrainingStepOptions extends SessionOptions, StepDefinition {
  /**
   * Bytes that the process may take. Where the step does not fit, it recomputes what is cheap, which changes nothing,
   * and divides the batch into micro-batches, which changes what batch norms see: equal limits divide it alike on
   * every machine.
   */
  readonly memory?: number;
}

/** What one step is run with. */
export interface StepInputs {
  /** [N, 3, height, width] numbers. */
  readonly images: Float32Array;
  /** Class indices, [N]; of a multi-label step 1, 0 or -1, [N, K], row by row. */
  readonly labels: Int32Array;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Share of the old running statistic that a step keeps, in the sense of decay: 1 minus PyTorch's momentum. */
  readonly statisticsDecay: number;
  /** Seed and number of the step, from which dropout draws. */
  readonly seed: number;
  readonly step: number;
}

export interface StepResult {
  /** Mean over the batch. */
  readonly loss: number;
  /** Images whose largest logit is the right one; of a multi-label step the sum of their shares of right classes. */
  readonly correct: number;
  /** Joint norm of all gradients before they were clipped; only where they are clipped by it. */
  readonly gradientNorm?: number;
}

/** Parameters as they are, or their moving averages. */
export type WeightsKind = 'current' | 'averaged';

const scalar = (value: number) => tensor('float32', [], Float32Array.of(value));

export class TrainingStep {
  readonly variables: readonly Variable[];
  /** Variables that no executable reads, for example running statistics when only the batch's are used. */
  #unread: ReadonlyMap<string, Tensor> = new Map();

  private constructor(
    private readonly graph: StepGraph,
    /** Computes loss and gradients, and without micro-batches the update. */
    readonly executable: Executable,
    /** Updates from accumulated gradients; without micro-batches the same as `executable`. */
    private readonly updater: Executable,
    private readonly classifier: Classifier,
    private readonly options: TrainingStepOptions,
  ) {
    this.variables = graph.net.variables;
  }

  /** @throws UserError MEMORY, MICRO_BATCHES, NOTHING_TRAINED, GHOST_BATCH or SHAPE_MISFIT */
  static async compile(classifier: Classifier, options: TrainingStepOptions): Promise<TrainingStep> {
    const chosen = await withinMemory(classifier, options);
    const graph = buildStep(classifier, chosen);
    const [main, update] = executablesOf(graph, chosen);
    const executable = await Executable.compile(main.outputs, main.options);
    const updater = update ? await Executable.compile(update.outputs, update.options) : executable;
    return new TrainingStep(graph, executable, updater, classifier, chosen);
  }

  /**
   * How a step would keep within memory and what it would take, without compiling it.
   * @throws UserError as `compile`
   */
  static async plan(classifier: Classifier, options: TrainingStepOptions): Promise<StepMemory> {
    const chosen = await withinMemory(classifier, options);
    return memoryOf(buildStep(classifier, chosen), chosen);
  }

  /** Images that are in memory at a time: those of one micro-batch. */
  get imagesAtATime(): number {
    return this.graph.images[0];
  }

  /** How the step keeps within memory, and what it takes at most, as planned. */
  async memory(): Promise<StepMemory> {
    const planned = this.#executables().flatMap((executable) => executable.footprint() ?? []);
    if (planned.length > 0) return memoryWith(planned, this.graph, this.options);
    return memoryOf(buildStep(this.classifier, this.options), this.options);
  }

  /**
   * Sets parameters and buffers by name (all of them must be given), and starts the optimizer and averages anew.
   * @throws UserError WEIGHTS_MISFIT when one is missing or has another shape
   */
  load(weights: ReadonlyMap<string, Tensor>): void {
    requireWeights(this.variables, weights);
    const unread = new Map<string, Tensor>();
    for (const { name } of this.variables) {
      const value = weights.get(name)!;
      const holder = this.#holder(name);
      if (holder) holder.set(name, value);
      else unread.set(name, value);
      if (this.updater.inputs.includes(averageName(name))) this.updater.set(averageName(name), value);
    }
    for (const name of [...this.graph.slots, ...this.graph.counters]) this.updater.clear(name);
    this.#unread = unread;
  }

  /** Brings what a device keeps to the host; to be awaited before `weights` and `state`. */
  async download(): Promise<void> {
    for (const executable of this.#executables()) await executable.download();
  }

  /**
   * Copies of parameters and buffers by name. `averaged`: trained parameters as their moving averages.
   * @throws UserError NO_AVERAGE when averages are asked for and not carried
   */
  weights(kind: WeightsKind = 'current'): Map<string, Tensor<'float32'>> {
    return new Map(
      this.variables.map(({ name }) => [name, this.#valueOf(this.#nameFor(kind)(name)) as Tensor<'float32'>]),
    );
  }

  /** Lets `reader`, built from the same network, read parameters and buffers where they lie, until the next run. */
  shareWeights(reader: Executable, kind: WeightsKind = 'current'): void {
    const nameThere = this.#nameFor(kind);
    for (const { name } of this.variables) {
      const holder = this.#holder(nameThere(name));
      if (holder) reader.share(holder, [name], nameThere);
    }
  }

  /** Copies of everything that a step carries to the next, by name: for a checkpoint. */
  state(): Map<string, Tensor<'float32'>> {
    return new Map(this.#stateNames().map((name) => [name, this.#valueOf(name) as Tensor<'float32'>]));
  }

  /**
   * Puts back what `state` gave; training then goes on as if it had not been interrupted.
   * @throws UserError STATE_MISFIT when a value is missing
   */
  restore(state: ReadonlyMap<string, Tensor>): void {
    const missing = this.#stateNames().filter((name) => !state.has(name));
    if (missing.length > 0) {
      throw new UserError(
        'STATE_MISFIT',
        `The state to resume from lacks ${missing.length} values of this training step, the first is "${missing[0]}".`,
        'Resume with the network, optimizer, groups and averages that the state was saved with.',
      );
    }
    this.load(state);
    for (const name of this.#stateNames()) this.#holder(name)?.set(name, state.get(name)!);
  }

  /**
   * Runs one step. A loss that is not a number is returned as it is.
   * @throws UserError BATCH_MISFIT when images or labels are no batch of the step; LABEL_RANGE when a label is no class
   *   (or of a multi-label step none of 1, 0 and -1), unless the step has a loss of its own
   */
  async run(inputs: StepInputs): Promise<StepResult> {
    requireBatch(inputs, this.graph, this.options);
    const { parts } = this.graph;
    const rates = Object.entries({
      learningRate: inputs.learningRate,
      weightDecay: inputs.weightDecay,
    }).filter(([name]) => this.updater.inputs.includes(name));
    if (this.updater === this.executable) {
      for (const [name, value] of rates) this.executable.set(name, scalar(value));
      const { loss, correct, gradientNorm } = await this.#runPart(inputs, 0);
      return resultOf(Number(loss.data[0]), Number(correct.data[0]), gradientNorm);
    }
    this.executable.share(this.updater, this.#names());
    for (const { name } of this.graph.trained) this.executable.clear(gradientName(name));
    const sums = { loss: 0, correct: 0 };
    for (let part = 0; part < parts; part++) {
      const { loss, correct } = await this.#runPart(inputs, part);
      sums.loss += Number(loss.data[0]) / parts;
      sums.correct += Number(correct.data[0]);
    }
    this.updater.share(
      this.executable,
      this.graph.trained.map(({ name }) => gradientName(name)),
    );
    for (const [name, value] of rates) this.updater.set(name, scalar(value));
    const { gradientNorm } = await this.updater.run();
    return resultOf(sums.loss, sums.correct, gradientNorm);
  }

  /**
   * Why the last run, which was given `inputs`, made numbers that are not finite: an error NOT_FINITE about the first
   * of them, or undefined when all were finite. The network is built and run once more with all its values checked,
   * which takes several times a step. Where a device keeps the weights, those after the run are taken.
   */
  async diagnose(inputs: StepInputs): Promise<UserError | undefined> {
    await this.download();
    for (let part = 0; part < this.graph.parts; part++) {
      const data = this.#partOf(inputs, part);
      const found = await diagnose({
        build: () => buildStep(this.classifier, this.options),
        session: this.options,
        inputOf: (name) => data.get(name) ?? this.#before(name),
        random: this.#random(inputs, part),
      });
      if (found) return found;
    }
    return undefined;
  }

  async close(): Promise<void> {
    for (const executable of this.#executables()) await executable.close();
  }

  #executables(): readonly Executable[] {
    return this.updater === this.executable ? [this.executable] : [this.executable, this.updater];
  }

  async #runPart(inputs: StepInputs, part: number): Promise<Record<string, Tensor>> {
    for (const [name, value] of this.#partOf(inputs, part)) {
      if (this.executable.inputs.includes(name)) this.executable.set(name, value);
    }
    return this.executable.run(this.#random(inputs, part));
  }

  /** Each part of a batch draws from a stream of its own. */
  #random({ seed, step }: StepInputs, part: number) {
    return { seed, step: step * this.graph.parts + part };
  }

  /** The data inputs of a part. Running statistics lose over all parts of a batch what they would over one. */
  #partOf(inputs: StepInputs, part: number): Map<string, Tensor> {
    const { images, labels, parts } = this.graph;
    const [count, pixels] = [sizeOf(labels), sizeOf(images)];
    return new Map<string, Tensor>([
      ['images', tensor('float32', images, inputs.images.subarray(part * pixels, (part + 1) * pixels))],
      ['labels', tensor('int32', labels, inputs.labels.subarray(part * count, (part + 1) * count))],
      ['statisticsDecay', scalar(inputs.statisticsDecay ** (1 / parts))],
      ['learningRate', scalar(inputs.learningRate)],
      ['weightDecay', scalar(inputs.weightDecay)],
    ]);
  }

  /** A value as it was before the last run, where the last run changed it. */
  #before(name: string): Tensor | undefined {
    const holder = this.#holder(name);
    return holder ? (holder.previous(name) ?? holder.get(name)) : undefined;
  }

  #names(): string[] {
    return this.variables.map(({ name }) => name);
  }

  #stateNames(): string[] {
    const averages = this.#names().map(averageName);
    return [
      ...this.#names(),
      ...averages.filter((name) => this.updater.inputs.includes(name)),
      ...this.graph.slots,
      ...this.graph.counters,
    ];
  }

  /** The executable whose memory of an input is the one that counts. */
  #holder(name: string): Executable | undefined {
    return [this.updater, this.executable].find(({ inputs }) => inputs.includes(name));
  }

  #valueOf(name: string): Tensor {
    const value = this.#unread.get(name) ?? this.#holder(name)?.get(name);
    invariant(value, `no value of "${name}"; weights are loaded before they are read`);
    return value;
  }

  #nameFor(kind: WeightsKind): (name: string) => string {
    if (kind === 'current') return (name) => name;
    if (!this.options.average) {
      throw new UserError(
        'NO_AVERAGE',
        'This training step carries no moving average of the weights.',
        'Compile it with the option `average`.',
      );
    }
    return (name) => (this.updater.inputs.includes(averageName(name)) ? averageName(name) : name);
  }
}

function resultOf(loss: number, correct: number, gradientNorm: Tensor | undefined): StepResult {
  return gradientNorm ? { loss, correct, gradientNorm: Number(gradientNorm.data[0]) } : { loss, correct };
}

/** The options, divided so that the step fits into the memory that they allow. */
async function withinMemory(
  classifier: Classifier,
  options: TrainingStepOptions,
): Promise<TrainingStepOptions> {
  const { memory: limit } = options;
  return limit === undefined ? options : fitted(classifier, options, limit);
}
