/**
 * One training step as one compiled graph: forward, loss, backward and update. Learning rate, weight decay and
 * the decay of running statistics are inputs, so that one compilation serves a whole hyper-parameter grid.
 */
import { gradient } from '../autodiff/gradient.ts';
import { add, argMax, cast, equal, mul, sub, sum } from '../graph/build.ts';
import { Graph, type Value } from '../graph/graph.ts';
import { softmaxCrossEntropy } from '../nn/losses.ts';
import { Network, type NormPhase, type Variable } from '../nn/network.ts';
import { nesterovSgd } from '../nn/optimizers.ts';
import { Executable, type SessionOptions } from '../runtime/index.ts';
import { type Shape, type Tensor, tensor, zeros } from '../tensor/tensor.ts';
import { invariant } from '../util/errors.ts';

/** Images [N, 3, S, S] -> logits [N, K], declaring its variables in the network. */
export type Classifier = (net: Network, images: Value) => Value;

export interface TrainingStepOptions extends SessionOptions {
  /** Images of one batch, [N, 3, height, width]. */
  readonly images: Shape;
  readonly labelSmoothing?: number;
  /** Nesterov momentum; default 0.9. */
  readonly momentum?: number;
  /** Default `batch`. */
  readonly norm?: NormPhase;
}

/** What one step is run with. */
export interface StepInputs {
  /** [N, 3, height, width] numbers. */
  readonly images: Float32Array;
  /** Class indices, [N]. */
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
  /** Images whose largest logit is the right one. */
  readonly correct: number;
}

const velocityName = (name: string) => `velocity:${name}`;
const nextName = (name: string) => `next:${name}`;

export class TrainingStep {
  private constructor(
    readonly variables: readonly Variable[],
    /** The compiled graph; evaluation shares its parameter memory. */
    readonly executable: Executable,
    private readonly images: Shape,
  ) {}

  static async compile(classifier: Classifier, options: TrainingStepOptions): Promise<TrainingStep> {
    const graph = new Graph();
    const net = new Network(graph, { mode: 'train', norm: options.norm ?? 'batch' });
    const images = graph.input('images', options.images);
    const labels = graph.input('labels', [options.images[0]], { dtype: 'int32' });
    const logits = classifier(net, images);
    const loss = softmaxCrossEntropy(logits, labels, options.labelSmoothing ?? 0);
    const correct = sum(cast(equal(argMax(logits), cast(labels, 'int64')), 'float32'));
    const { outputs, carried } = updates(net, loss, options.momentum ?? 0.9);
    const executable = await Executable.compile(new Map([['loss', loss], ['correct', correct], ...outputs]), {
      threads: options.threads,
      device: options.device,
      cacheFolder: options.cacheFolder,
      carried,
    });
    return new TrainingStep(net.variables, executable, options.images);
  }

  /** Sets parameters and buffers by name (all of them must be given) and the momentum to zero. */
  load(weights: ReadonlyMap<string, Tensor>): void {
    for (const { name, shape, kind } of this.variables) {
      const value = weights.get(name);
      invariant(value, `no value for variable "${name}"`);
      if (this.executable.inputs.includes(name)) this.executable.set(name, value);
      if (kind === 'parameter') this.executable.set(velocityName(name), zeros('float32', shape));
    }
    this.#frozen = new Map([...weights].filter(([name]) => !this.executable.inputs.includes(name)));
  }

  /** Brings parameters and buffers to the host where a device keeps them; to be awaited before `weights`. */
  download(): Promise<void> {
    return this.executable.download();
  }

  /** Copies of parameters and buffers as they are now, by name. */
  weights(): Map<string, Tensor<'float32'>> {
    return new Map(
      this.variables.map(({ name }) => [
        name,
        (this.#frozen.get(name) ?? this.executable.get(name)) as Tensor<'float32'>,
      ]),
    );
  }

  /** Variables that the step reads from nowhere, for example running statistics when the batch's are used. */
  #frozen: ReadonlyMap<string, Tensor> = new Map();

  /** Runs one step. A loss that is not a number is returned as it is. */
  async run(inputs: StepInputs): Promise<StepResult> {
    const scalar = (value: number) => tensor('float32', [], Float32Array.of(value));
    this.executable.set('images', tensor('float32', this.images, inputs.images));
    this.executable.set('labels', tensor('int32', [this.images[0]], inputs.labels));
    this.executable.set('learningRate', scalar(inputs.learningRate));
    this.executable.set('weightDecay', scalar(inputs.weightDecay));
    if (this.executable.inputs.includes('statisticsDecay')) {
      this.executable.set('statisticsDecay', scalar(inputs.statisticsDecay));
    }
    const { loss, correct } = await this.executable.run({ seed: inputs.seed, step: inputs.step });
    return { loss: Number(loss.data[0]), correct: Number(correct.data[0]) };
  }

  close(): Promise<void> {
    return this.executable.close();
  }
}

/** The new parameters, velocities and running statistics, and which input each becomes. */
function updates(net: Network, loss: Value, momentum: number) {
  const { graph } = net;
  const outputs = new Map<string, Value>();
  const carried = new Map<string, string>();
  const carry = (input: string, next: Value) => {
    outputs.set(nextName(input), next);
    carried.set(input, nextName(input));
  };
  const parameters = net.variables.filter(({ kind }) => kind === 'parameter');
  const rates = {
    learningRate: graph.input('learningRate', []),
    weightDecay: graph.input('weightDecay', []),
    momentum,
  };
  const gradients = gradient(
    loss,
    parameters.map(({ value }) => value),
  );
  parameters.forEach(({ name, shape, value }, index) => {
    const velocity = graph.input(velocityName(name), shape, { role: 'state' });
    const next = graph.scoped(`update of ${name}`, () =>
      nesterovSgd(value, gradients[index], velocity, rates),
    );
    carry(name, next.parameter);
    carry(velocityName(name), next.velocity);
  });
  if (net.batchStatistics.size > 0) {
    const decay = graph.input('statisticsDecay', []);
    for (const [name, statistic] of net.batchStatistics) {
      const running = net.variables.find((variable) => variable.name === name)!.value;
      carry(name, add(mul(running, decay), mul(statistic, sub(graph.scalar(1), decay))));
    }
  }
  return { outputs, carried };
}
