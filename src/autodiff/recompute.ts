/**
 * Recomputation (Chen et al., arXiv 1604.06174): what is computed in one pass over values that are kept anyway, such as
 * a batch norm's map and the activation behind it, need not wait in memory for the backward pass, which computes it
 * again by the same formulas from the same numbers, and so to the same bits.
 */
import { add, channelAffine, div, mul, sqrt, sub } from '../graph/build.ts';
import type { Node, Value } from '../graph/graph.ts';
import type { Op } from '../graph/ops.ts';

/** Made from one value in one pass, or without a pass. */
const CHEAP: ReadonlySet<Op> = new Set<Op>([
  'relu',
  'leakyRelu',
  'clip',
  'sigmoid',
  'hardSigmoid',
  'tanh',
  'channelAffine',
  'concat',
  'reshape',
]);

/** Gives for a value of the forward pass what the backward pass reads in its place: copies of images, else the value. */
export class Recomputation {
  readonly #copies = new Map<Value, Value>();

  /** `value`, or a copy of it that is made anew from values that are kept. */
  of(value: Value): Value {
    if (value.shape.length !== 4 || value.index > 0) return value;
    const known = this.#copies.get(value);
    if (known) return known;
    const copy = this.#copy(value);
    this.#copies.set(value, copy);
    return copy;
  }

  /** The node as a rule of differentiation reads it. */
  reading<N extends Node>(node: N): N {
    const inputs = node.inputs.map((value) => this.of(value));
    const outputs = node.outputs.map((value) => this.of(value));
    return { ...node, inputs, outputs };
  }

  #copy(value: Value): Value {
    const { graph, node } = value;
    if (node.op === 'batchNorm') {
      const [x, scale, bias] = node.inputs;
      const [, mean, variance] = node.outputs;
      const deviation = sqrt(add(variance, graph.scalar(node.attributes.epsilon)));
      const factor = div(scale, deviation);
      return channelAffine(this.of(x), factor, sub(bias, mul(mean, factor)));
    }
    if (!CHEAP.has(node.op)) return value;
    const operands = node.inputs.map((input) => this.of(input));
    return graph.emit(node.op, operands, node.attributes as never)[value.index];
  }
}
