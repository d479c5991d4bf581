/**
 * A training step as graph: forward, loss, gradient and update. Without micro-batches it is one program. With them
 * it is two over the same graph: one adds the gradient of a micro-batch to what is accumulated, the other updates
 * the parameters from it.
 */
import { gradient } from '../autodiff/gradient.ts';
import { add, argMax, cast, clip, div, equal, greater, maximum, mul, sub, sum } from '../graph/build.ts';
import { Graph, type NodeOf, type Value } from '../graph/graph.ts';
import { simplify } from '../graph/simplify.ts';
import { ignoreNegative, maskedBinaryCrossEntropy, softmaxCrossEntropy } from '../nn/losses.ts';
import { Network, type NormPhase, type Phase, type Variable } from '../nn/network.ts';
import {
  globalNormFactor,
  movingAverage,
  type Optimizer,
  type OptimizerRule,
  optimizerRule,
} from '../nn/optimizers.ts';
import type { Shape } from '../tensor/tensor.ts';
import { UserError } from '../util/errors.ts';
import { type ParameterGroup, treatmentOf } from './groups.ts';

/** Images [N, 3, S, S] -> logits [N, K], declaring its variables in the network. */
export type Classifier = (net: Network, images: Value) => Value;

/** What a training step does. Learning rate and weight decay are given at each run. */
export interface StepDefinition {
  /** Images of one batch, [N, 3, height, width]. */
  readonly images: Shape;
  /**
   * `single-label` (default): labels are class indices, [N], and the loss is the softmax cross-entropy. `multi-label`:
   * labels are [N, K] of 1 (present), 0 (absent) and -1 (left out), and the loss is the mean over the images of the sum
   * over the classes of the sigmoid cross-entropy, so that each class learns as a problem of its own would.
   */
  readonly task?: 'single-label' | 'multi-label';
  /** Of the cross-entropy that is the loss unless another is given; in a multi-label step towards one half. */
  readonly labelSmoothing?: number;
  /**
   * The loss of logits [N, K] and labels: a mean over the images. Auxiliary classifiers have the same loss, and
   * the step's is the sum of all with their weights.
   */
  readonly loss?: (logits: Value, labels: Value) => Value;
  /** Default: SGD with Nesterov momentum. */
  readonly optimizer?: Optimizer;
  /** Momentum of the default optimizer; default 0.9. */
  readonly momentum?: number;
  /** Default `batch`. With micro-batches, `batch` means the micro-batch. */
  readonly norm?: Phase['norm'];
  readonly groups?: readonly ParameterGroup[];
  /** `norm`: gradients are scaled so that their joint norm is at most the limit. `value`: each number is cut to it. */
  readonly clip?: { readonly by: 'norm' | 'value'; readonly limit: number };
  /** Carries an exponential moving average of every parameter, a' = decay a + (1 - decay) p, from the start on. */
  readonly average?: { readonly decay: number };
  /**
   * Into how many parts a batch is divided that are computed one after another, in the memory of one; default 1.
   * The gradient is the mean over the parts, so the result is the whole batch's but for norms that use the batch
   * (they see a part; their running statistics decay by the same share per batch) and dropout (each part has its
   * own stream). Norms that are `synchronised` tie the parts together at every layer, forward and backward: a step
   * that has any computes the whole batch as one part, which gives their exact result in the memory of all.
   */
  readonly microBatches?: number;
  /** What is cheap to compute is computed again in the backward pass instead of being kept: less memory, same bits. */
  readonly recompute?: boolean;
}

/** Outputs to compute, and which input each carried one becomes. */
class Program {
  readonly outputs = new Map<string, Value>();
  readonly carried = new Map<string, string>();
  /** Inputs that are written over with their next value. */
  readonly overwritten = new Set<string>();

  /** `next` is what the input is in the next run. Only what the update alone reads may be overwritten. */
  carry(input: Value, next: Value, how?: 'overwrite'): void {
    const { name } = (input.node as NodeOf<'input'>).attributes;
    this.outputs.set(`next:${name}`, next);
    this.carried.set(name, `next:${name}`);
    if (how) this.overwritten.add(name);
  }

  /** Computes the outputs from other values of the same meaning. */
  replace(by: (value: Value) => Value): void {
    for (const [name, value] of this.outputs) this.outputs.set(name, by(value));
  }
}

export interface StepGraph {
  readonly net: Network;
  /** Images of one part, [N / parts, 3, height, width]. */
  readonly images: Shape;
  /** [N / parts], or [N / parts, K] of a multi-label step. */
  readonly labels: Shape;
  /** Logits of each image. */
  readonly classes: number;
  readonly parts: number;
  /** Loss and gradients, and without micro-batches the update too. */
  readonly main: Program;
  /** The update from accumulated gradients. */
  readonly update?: Program;
  /** The trained parameters; others are frozen or buffers. */
  readonly trained: readonly Variable[];
  /** The loss and the gradients of one part. */
  readonly results: readonly Value[];
  /** Names of the scalars and of each parameter's values that start at zero. */
  readonly counters: readonly string[];
  readonly slots: readonly string[];
}

const slotName = (slot: string, parameter: string) => `${slot}:${parameter}`;
export const averageName = (parameter: string) => `average:${parameter}`;
export const gradientName = (parameter: string) => `gradient:${parameter}`;

/**
 * @throws UserError MICRO_BATCHES when they do not divide the batch; NOTHING_TRAINED when all parameters are frozen
 */
export function buildStep(classifier: Classifier, definition: StepDefinition): StepGraph {
  const { net, parts, images, labels, classes, loss, correct } = forward(classifier, definition);
  const { momentum, optimizer = { kind: 'sgd', momentum }, groups = [] } = definition;
  const parameters = net.variables.filter(({ kind }) => kind === 'parameter');
  const trained = parameters.filter((variable) => !treatmentOf(variable, groups).frozen);
  if (trained.length === 0) {
    throw new UserError(
      'NOTHING_TRAINED',
      `All ${parameters.length} parameters of the network are frozen.`,
      'Leave at least one parameter out of the frozen groups.',
    );
  }
  const main = new Program();
  main.outputs.set('loss', loss).set('correct', correct);
  const gradients = gradient(
    parts === 1 ? loss : mul(loss, 1 / parts),
    trained.map(({ value }) => value),
    { recompute: definition.recompute },
  );
  carryStatistics(net, main);
  const update = parts === 1 ? main : new Program();
  const total = parts === 1 ? gradients : accumulate(net.graph, main, trained, gradients);
  const rule = optimizerRule(optimizer);
  carryUpdates(net.graph, update, rule, trained, total, definition);
  const slots = trained.flatMap(({ name }) => rule.slots.map((slot) => slotName(slot, name)));
  const counters = [...rule.counters.keys()];
  const wanted = [loss, ...gradients];
  const simplified = simplify([...wanted, ...main.outputs.values(), ...update.outputs.values()], {
    recomputed: definition.recompute,
  });
  for (const program of new Set([main, update])) program.replace(simplified);
  const results = wanted.map(simplified);
  return {
    ...{ net, images, labels, classes, parts, main, trained, results, slots, counters },
    update: parts === 1 ? undefined : update,
  };
}

/** The graph from images and labels to the loss, for one part of the batch. */
function forward(classifier: Classifier, definition: StepDefinition) {
  const { norm = 'batch' } = definition;
  const [n, ...rest] = definition.images;
  let parts = definition.microBatches ?? 1;
  if (!Number.isInteger(parts) || parts < 1 || n % parts !== 0) {
    throw new UserError(
      'MICRO_BATCHES',
      `A batch of ${n} images cannot be divided into ${parts} equal micro-batches.`,
      'Choose a number of micro-batches that divides the batch size.',
    );
  }
  if (parts > 1 && isSynchronised(classifier, definition.images, norm)) parts = 1;
  const images = [n / parts, ...rest];
  const graph = new Graph();
  const net = new Network(graph, { mode: 'train', norm });
  const logits = classifier(net, graph.input('images', images));
  const { task = 'single-label', labelSmoothing = 0 } = definition;
  const many = task === 'multi-label';
  const labels = graph.input('labels', many ? logits.shape : [n / parts], { dtype: 'int32' });
  const usual = many ? maskedBinaryCrossEntropy : softmaxCrossEntropy;
  const lossOf = (scores: Value) =>
    definition.loss?.(scores, labels) ?? usual(scores, labels, labelSmoothing);
  const loss = net.auxiliaryLogits.reduce(
    (total, auxiliary) => add(total, mul(lossOf(auxiliary.logits), auxiliary.weight)),
    lossOf(logits),
  );
  const correct = many
    ? shareOfDecisions(logits, labels)
    : sum(cast(equal(argMax(logits), cast(labels, 'int64')), 'float32'));
  return { net, parts, images, labels: labels.shape, classes: logits.shape[1], loss, correct };
}

/** The sum over the images of the share of their classes, of those that count, whose logit has the right sign. */
function shareOfDecisions(logits: Value, labels: Value): Value {
  const counts = ignoreNegative(labels);
  const isAbove = (value: Value) => cast(greater(value, 0), 'float32');
  const right = cast(equal(isAbove(logits), isAbove(labels)), 'float32');
  return sum(div(sum(mul(right, counts), [1]), maximum(sum(counts, [1]), 1)));
}

/** Whether any layer of the network normalises with the whole batch. */
function isSynchronised(classifier: Classifier, images: Shape, norm: Phase['norm']): boolean {
  let found = false;
  const watched = (layer: string): NormPhase => {
    const phase = typeof norm === 'function' ? norm(layer) : norm;
    found ||= phase === 'synchronised';
    // This graph only asks; the sizes of ghost batches are checked where the step is built.
    return 'batch';
  };
  const graph = new Graph();
  classifier(new Network(graph, { mode: 'train', norm: watched }), graph.input('images', images));
  return found;
}

/** Running statistics: r' = decay r + (1 - decay) s. */
function carryStatistics(net: Network, program: Program): void {
  if (net.batchStatistics.size === 0) return;
  const decay = net.graph.input('statisticsDecay', []);
  for (const [name, statistic] of net.batchStatistics) {
    const running = net.variables.find((variable) => variable.name === name)!.value;
    program.carry(running, add(mul(running, decay), mul(statistic, sub(net.graph.scalar(1), decay))));
  }
}

/** Adds gradients to what is accumulated; returns the accumulated ones, as the update reads them. */
function accumulate(
  graph: Graph,
  program: Program,
  trained: readonly Variable[],
  gradients: readonly Value[],
): Value[] {
  return trained.map(({ name, shape }, index) => {
    const accumulated = graph.input(gradientName(name), shape, { role: 'state' });
    program.carry(accumulated, add(accumulated, gradients[index]), 'overwrite');
    return accumulated;
  });
}

/** Clips the gradients as the definition asks. */
function clipped(
  program: Program,
  gradients: readonly Value[],
  { clip: how }: StepDefinition,
): readonly Value[] {
  if (!how) return gradients;
  if (how.by === 'value') return gradients.map((value) => clip(value, -how.limit, how.limit));
  const { norm, factor } = globalNormFactor(gradients, how.limit);
  program.outputs.set('gradientNorm', norm);
  return gradients.map((value) => mul(value, factor));
}

/** The next parameters, slots, counters and averages. */
function carryUpdates(
  graph: Graph,
  program: Program,
  rule: OptimizerRule,
  trained: readonly Variable[],
  gradients: readonly Value[],
  definition: StepDefinition,
): void {
  const { groups = [], average } = definition;
  const learningRate = graph.input('learningRate', []);
  const weightDecay = graph.input('weightDecay', []);
  const times = (rate: Value, factor: number) => (factor === 1 ? rate : mul(rate, factor));
  const counters = [...rule.counters].map(([name, advance]) => {
    const counter = graph.input(name, [], { role: 'state' });
    const next = advance(counter);
    program.carry(counter, next);
    return next;
  });
  const directions = clipped(program, gradients, definition);
  trained.forEach((variable, index) => {
    const { name, shape, value } = variable;
    const treatment = treatmentOf(variable, groups);
    graph.scoped(`update of ${name}`, () => {
      const slots = rule.slots.map((slot) => graph.input(slotName(slot, name), shape, { role: 'state' }));
      const next = rule.update({
        parameter: value,
        gradient: directions[index],
        slots,
        counters,
        learningRate: times(learningRate, treatment.learningRate),
        weightDecay: treatment.weightDecay === 0 ? undefined : times(weightDecay, treatment.weightDecay),
        adapt: shape.length > 1,
      });
      program.carry(value, next.parameter);
      for (const [position, slot] of slots.entries()) program.carry(slot, next.slots[position], 'overwrite');
      if (average) {
        const held = graph.input(averageName(name), shape, { role: 'state' });
        program.carry(held, movingAverage(held, next.parameter, average.decay), 'overwrite');
      }
    });
  });
}

/** What the programs of a step compute, for the tuner. */
export function stepOutputs(
  classifier: Classifier,
  definition: StepDefinition,
): readonly ReadonlyMap<string, Value>[] {
  const { main, update } = buildStep(classifier, definition);
  return update ? [main.outputs, update.outputs] : [main.outputs];
}
