/**
 * Equations by which a node is another value, or a cheaper node. The equation stands above the rule. All are exact in
 * floating point (up to the sign of zero) but those of reductions, which change in which order numbers are added.
 */
import { type Shape, sameShape, sizeOf } from '../tensor/tensor.ts';
import { floatsOf } from './evaluate.ts';
import type { Value, ValueType } from './graph.ts';
import { broadcastShapes } from './infer.ts';
import type { Op, OpAttributes } from './ops.ts';

/** Makes an op of the graph that is being written, itself simplified. */
type MakeOp = <O extends Op>(op: O, inputs: readonly Value[], attributes: OpAttributes[O]) => Value;

interface Candidate<O extends Op> {
  readonly inputs: readonly Value[];
  readonly attributes: OpAttributes[O];
  readonly result: ValueType;
  readonly make: MakeOp;
}

/** What the first output of the op is besides; undefined where nothing is known. */
export type Identity<O extends Op> = (candidate: Candidate<O>) => Value | undefined;

/** The operand itself, where it has the result's shape. */
const itself = (x: Value, result: ValueType) => (sameShape(x.shape, result.shape) ? x : undefined);

/** Whether the value is a constant of nothing but `number`. */
function isAll(value: Value, number: number): boolean {
  const floats = floatsOf(value);
  // Long constants are weights and tables, which are not worth reading.
  return floats !== undefined && floats.data.length <= 4096 && floats.data.every((entry) => entry === number);
}

/** The operand of a negation, or the negated constant. */
function negated(value: Value, make: MakeOp): Value | undefined {
  if (value.node.op === 'neg') return value.node.inputs[0];
  return floatsOf(value)?.data.length === 1 ? make('neg', [value], {}) : undefined;
}

const isNegation = ({ node }: Value) => node.op === 'neg';

/** The axes along which `expand` repeats, counted in its result. */
function repeatedAxes({ node, shape }: Value): number[] {
  const from = node.inputs[0].shape;
  const lead = shape.length - from.length;
  return shape.flatMap((extent, axis) => (axis < lead || from[axis - lead] !== extent ? [axis] : []));
}

/** Ops with broadcasting operands need none that is expanded to what another one has anyway. */
function withoutExpand<O extends Op>(op: O): Identity<O> {
  return ({ inputs, attributes, result, make }) => {
    for (const [position, { node }] of inputs.entries()) {
      if (node.op !== 'expand') continue;
      const narrower = inputs.map((value, index) => (index === position ? node.inputs[0] : value));
      const shape = narrower.map((value) => value.shape).reduce(broadcastShapes);
      if (sameShape(shape, result.shape)) return make(op, narrower, attributes);
    }
    return undefined;
  };
}

/** The first that knows something. */
function firstOf<O extends Op>(...rules: readonly Identity<O>[]): Identity<O> {
  return (candidate) => {
    for (const rule of rules) {
      const found = rule(candidate);
      if (found) return found;
    }
    return undefined;
  };
}

type Reduction = 'sum' | 'mean' | 'max' | 'min';

function reduction(op: Reduction): Identity<Reduction> {
  return ({ inputs: [x], attributes: { axes, keepDims }, result, make }) => {
    // Over axes of one entry: the numbers themselves.
    if (axes.every((axis) => x.shape[axis] === 1)) return make('reshape', [x], { shape: result.shape });
    // Over numbers that are repeated, and over nothing else: the number, or as often as it is there.
    if (x.node.op === 'expand' && repeatedAxes(x).every((axis) => axes.includes(axis))) {
      const [from] = x.node.inputs;
      const lead = x.shape.length - from.shape.length;
      const left = axes.filter((axis) => axis >= lead && from.shape[axis - lead] > 1);
      if (left.length === 0) {
        const once = make('reshape', [from], { shape: result.shape });
        const count = sizeOf(x.shape) / sizeOf(result.shape);
        return op === 'sum' ? make('mul', [once, x.graph.scalar(count)], {}) : once;
      }
    }
    // Of a reduction of the same kind that keeps its axes: over the axes of both.
    const { node } = x;
    if (node.op !== op || !node.attributes.keepDims) return undefined;
    const both = new Set([...node.attributes.axes, ...axes]);
    const reduced = make(op, node.inputs, { axes: [...both].sort((a, b) => a - b), keepDims });
    return itself(reduced, result) ?? make('reshape', [reduced], { shape: result.shape });
  };
}

/** Whether a reshape to `shape` only drops the axes that a reduction has kept. */
function dropsKept({ node, shape: kept }: Value, shape: Shape): boolean {
  if (node.op !== 'sum' && node.op !== 'mean' && node.op !== 'max' && node.op !== 'min') return false;
  const { axes, keepDims } = node.attributes;
  return (
    keepDims &&
    sameShape(
      shape,
      kept.filter((_, axis) => !axes.includes(axis)),
    )
  );
}

const reshape: Identity<'reshape'> = ({ inputs: [x], attributes: { shape }, result, make }) => {
  const { node } = x;
  if (sameShape(x.shape, shape)) return x;
  // The numbers stay in their order.
  if (node.op === 'reshape') return make('reshape', node.inputs, { shape });
  if (dropsKept(x, result.shape)) {
    const { axes } = node.attributes as OpAttributes['sum'];
    return make(node.op as Reduction, node.inputs, { axes, keepDims: false });
  }
  return undefined;
};

const transpose: Identity<'transpose'> = ({ inputs: [x], attributes: { permutation }, make }) => {
  if (permutation.every((axis, position) => axis === position)) return x;
  if (x.node.op !== 'transpose') return undefined;
  const before = x.node.attributes.permutation;
  return make('transpose', x.node.inputs, { permutation: permutation.map((axis) => before[axis]) });
};

/** x[s : e : t][s' : e' : t'] = x[s + s' t : s + (e' - 1) t + 1 : t t'], and a slice of one part of a concatenation. */
const slice: Identity<'slice'> = ({ inputs: [x], attributes: { starts, ends, steps }, result, make }) => {
  if (sameShape(x.shape, result.shape)) return x;
  const { node } = x;
  if (node.op === 'slice') {
    const inner = node.attributes;
    return make('slice', node.inputs, {
      starts: starts.map((start, axis) => inner.starts[axis] + start * inner.steps[axis]),
      ends: ends.map((end, axis) => inner.starts[axis] + (end - 1) * inner.steps[axis] + 1),
      steps: steps.map((step, axis) => step * inner.steps[axis]),
    });
  }
  if (node.op !== 'concat') return undefined;
  const { axis } = node.attributes;
  let offset = 0;
  for (const part of node.inputs) {
    const [from, to] = [offset, offset + part.shape[axis]];
    if (starts[axis] >= from && ends[axis] <= to) {
      const shifted = (list: Shape) => list.map((at, other) => (other === axis ? at - from : at));
      return make('slice', [part], { starts: shifted(starts), ends: shifted(ends), steps });
    }
    offset = to;
  }
  return undefined;
};

/** The value before the last two axes were exchanged, if that is all that was done. */
function turned({ node }: Value): Value | undefined {
  if (node.op !== 'transpose') return undefined;
  const { permutation } = node.attributes;
  const rank = permutation.length;
  const expected = permutation.map((_, axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis));
  return sameShape(permutation, expected) ? node.inputs[0] : undefined;
}

const matmul: Identity<'matmul'> = ({ inputs: [a, b], attributes: { transposeA, transposeB }, make }) => {
  const [left, right] = [turned(a), turned(b)];
  if (!left && !right) return undefined;
  return make('matmul', [left ?? a, right ?? b], {
    transposeA: transposeA !== (left !== undefined),
    transposeB: transposeB !== (right !== undefined),
  });
};

export const IDENTITIES: { readonly [O in Op]?: Identity<O> } = {
  // -(-x) = x, -(a - b) = b - a, -(x c) = x (-c)
  neg: ({ inputs: [{ node }], make }) => {
    if (node.op === 'neg') return node.inputs[0];
    if (node.op === 'sub') return make('sub', [node.inputs[1], node.inputs[0]], {});
    if (node.op !== 'mul') return undefined;
    const position = node.inputs.findIndex((value) => floatsOf(value)?.data.length === 1);
    if (position < 0) return undefined;
    const opposite = make('neg', [node.inputs[position]], {});
    return make(
      'mul',
      node.inputs.map((value, index) => (index === position ? opposite : value)),
      {},
    );
  },
  not: ({ inputs: [{ node }] }) => (node.op === 'not' ? node.inputs[0] : undefined),
  relu: ({ inputs: [x] }) => (x.node.op === 'relu' ? x : undefined),
  abs: ({ inputs: [x] }) => (x.node.op === 'abs' ? x : undefined),
  cast: ({ inputs: [x], attributes: { to } }) => (x.dtype === to ? x : undefined),

  // x + 0 = x, a + (-b) = a - b
  add: firstOf(
    ({ inputs: [a, b], result }) =>
      (isAll(b, 0) ? itself(a, result) : undefined) ?? (isAll(a, 0) ? itself(b, result) : undefined),
    ({ inputs: [a, b], make }) => {
      if (isNegation(b)) return make('sub', [a, b.node.inputs[0]], {});
      return isNegation(a) ? make('sub', [b, a.node.inputs[0]], {}) : undefined;
    },
    withoutExpand('add'),
  ),
  // x - 0 = x, a - (-b) = a + b
  sub: firstOf(
    ({ inputs: [a, b], result }) => (isAll(b, 0) ? itself(a, result) : undefined),
    ({ inputs: [a, b], make }) => (isNegation(b) ? make('add', [a, b.node.inputs[0]], {}) : undefined),
    withoutExpand('sub'),
  ),
  // x * 1 = x, (-a) (-b) = a b, (-a) c = a (-c)
  mul: firstOf(
    ({ inputs: [a, b], result }) =>
      (isAll(b, 1) ? itself(a, result) : undefined) ?? (isAll(a, 1) ? itself(b, result) : undefined),
    ({ inputs: [a, b], make }) => {
      if (!isNegation(a) && !isNegation(b)) return undefined;
      const opposites = [negated(a, make), negated(b, make)];
      return opposites.every((value) => value !== undefined) ? make('mul', opposites, {}) : undefined;
    },
    withoutExpand('mul'),
  ),
  // x / 1 = x
  div: firstOf(
    ({ inputs: [a, b], result }) => (isAll(b, 1) ? itself(a, result) : undefined),
    withoutExpand('div'),
  ),
  // x^1 = x
  pow: firstOf(
    ({ inputs: [a, b], result }) => (isAll(b, 1) ? itself(a, result) : undefined),
    withoutExpand('pow'),
  ),
  maximum: withoutExpand('maximum'),
  minimum: withoutExpand('minimum'),
  greater: withoutExpand('greater'),
  greaterEqual: withoutExpand('greaterEqual'),
  equal: withoutExpand('equal'),
  and: withoutExpand('and'),
  or: withoutExpand('or'),
  where: withoutExpand('where'),

  matmul,
  sum: reduction('sum'),
  mean: reduction('mean'),
  max: reduction('max'),
  min: reduction('min'),

  reshape,
  transpose,
  expand: ({ inputs: [x], attributes: { shape }, make }) => {
    if (sameShape(x.shape, shape)) return x;
    return x.node.op === 'expand' ? make('expand', x.node.inputs, { shape }) : undefined;
  },
  concat: ({ inputs }) => (inputs.length === 1 ? inputs[0] : undefined),
  slice,
  pad: ({ inputs: [x], result }) => itself(x, result),
  // Every way of counting coordinates leaves pixels where they are.
  resize2d: ({ inputs: [x], result }) => itself(x, result),
};
