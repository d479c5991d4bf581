/**
 * Memory layouts. A layout is the order in which a value's axes lie in memory, outermost first, or
 * `logical` where that is the order of the graph. In the training form images lie channels first, [C, N, H, W]: every convolution is
 * then one matrix product over N*H*W columns and batch norm reduces over one contiguous axis. Convolution
 * weights lie [O, KH, KW, I], as those products read them. In the inference form everything is logical.
 */
import type { Node, Value } from '../graph/graph.ts';
import type { Op } from '../graph/ops.ts';
import { type Shape, sameShape } from '../tensor/tensor.ts';

export type Layout = readonly number[] | 'logical';
export type Form = 'training' | 'inference';

export const CHANNELS_FIRST: Layout = [1, 0, 2, 3];
export const WEIGHT_ROWS: Layout = [0, 2, 3, 1];

/** Ops whose operands and results of one shape share one layout. */
const ELEMENTWISE: ReadonlySet<Op> = new Set<Op>([
  'neg',
  'exp',
  'log',
  'sqrt',
  'reciprocal',
  'abs',
  'floor',
  'round',
  'sigmoid',
  'hardSigmoid',
  'softplus',
  'tanh',
  'erf',
  'relu',
  'leakyRelu',
  'clip',
  'step',
  'between',
  'cast',
  'add',
  'sub',
  'mul',
  'div',
  'pow',
  'maximum',
  'minimum',
  'greater',
  'greaterEqual',
  'equal',
  'and',
  'or',
  'not',
  'where',
]);

/**
 * The layout of every value with four axes; values that are not in the map are logical. `logicalInputs`: the graph's
 * inputs are, too.
 */
export function assignLayouts(nodes: readonly Node[], form: Form, logicalInputs = false): Map<Value, Layout> {
  const layouts = new Map<Value, Layout>();
  if (form === 'inference') return layouts;
  const weights = weightLike(nodes);
  for (const { op, outputs } of nodes) {
    if (op === 'input' && logicalInputs) continue;
    for (const value of outputs) {
      if (value.shape.length === 4) layouts.set(value, weights.has(value) ? WEIGHT_ROWS : CHANNELS_FIRST);
    }
  }
  return layouts;
}

/** Convolution weights, their gradients, and whatever is computed elementwise from or for them. */
function weightLike(nodes: readonly Node[]): Set<Value> {
  const weights = new Set<Value>();
  for (const node of nodes) {
    if (node.op === 'conv2d' || node.op === 'conv2dInputGradient') weights.add(node.inputs[1]);
    if (node.op === 'conv2dWeightGradient') weights.add(node.outputs[0]);
  }
  const elementwise = nodes.filter((node) => ELEMENTWISE.has(node.op) && node.outputs[0].shape.length === 4);
  for (let grown = true; grown; ) {
    grown = false;
    for (const { inputs, outputs } of elementwise) {
      const family = [...inputs, outputs[0]].filter((value) => sameShape(value.shape, outputs[0].shape));
      if (!family.some((value) => weights.has(value))) continue;
      for (const value of family) {
        if (!weights.has(value)) grown = true;
        weights.add(value);
      }
    }
  }
  return weights;
}

/** The axes in memory order. */
export function orderOf(layout: Layout, rank: number): readonly number[] {
  return layout === 'logical' ? Array.from({ length: rank }, (_, axis) => axis) : layout;
}

/** The shape as it lies in memory. */
export function physicalShape(shape: Shape, layout: Layout): Shape {
  return layout === 'logical' ? shape : layout.map((axis) => shape[axis]);
}

/** Where a logical axis lies. */
export function physicalAxis(axis: number, layout: Layout): number {
  return layout === 'logical' ? axis : layout.indexOf(axis);
}

/** The permutation that turns memory order `from` into `to`; undefined when they are the same. */
export function permutationBetween(from: Layout, to: Layout, rank: number): readonly number[] | undefined {
  const permutation = orderOf(to, rank).map((axis) => physicalAxis(axis, from));
  return permutation.every((axis, position) => axis === position) ? undefined : permutation;
}

/** Whether a transposition moves no number, since all axes that change their order have extent 1. */
export function movesNothing(shape: Shape, permutation: readonly number[]): boolean {
  const long = permutation.filter((axis) => shape[axis] !== 1);
  return long.every((axis, position) => position === 0 || long[position - 1] < axis);
}
