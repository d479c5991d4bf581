/** Lowering of products, reductions and ops that move numbers. */
import type { NodeOf, Value } from '../../graph/graph.ts';
import type { Op } from '../../graph/ops.ts';
import { tensor } from '../../tensor/tensor.ts';
import { throughBlocks } from '../conv/blocked.ts';
import type { Attributes, Emitter } from '../emitter.ts';
import {
  type Layout,
  movesNothing,
  orderOf,
  permutationBetween,
  physicalAxis,
  physicalShape,
} from '../layout.ts';
import type { LowerRule } from '../lower.ts';

/** Per-axis lists in memory order. */
const ordered = (list: readonly number[], layout: Layout) =>
  layout === 'logical' ? list : layout.map((axis) => list[axis]);

function reduction(op: 'ReduceSum' | 'ReduceMean' | 'ReduceMax' | 'ReduceMin') {
  return (
    { inputs: [x], outputs: [y], attributes }: NodeOf<'sum' | 'mean' | 'max' | 'min'>,
    e: Emitter,
  ): void => {
    const layout = e.layoutOf(x);
    // No axes mean none here, but all of them to ONNX.
    if (attributes.axes.length === 0) {
      e.define(y, e.use(x), layout);
      return;
    }
    const axes = attributes.axes.map((axis) => physicalAxis(axis, layout)).sort((a, b) => a - b);
    const kept: Attributes = { keepdims: { int: attributes.keepDims ? 1 : 0 } };
    // Up to opset 17 only ReduceSum takes its axes as an operand.
    const reduced =
      op === 'ReduceSum'
        ? e.emit(op, [e.use(x), e.ints(axes)], kept)
        : e.emit(op, [e.use(x)], { ...kept, axes: { ints: axes } });
    if (attributes.keepDims) {
      e.define(y, reduced, layout);
      return;
    }
    const rest = orderOf(layout, x.shape.length).filter((axis) => !attributes.axes.includes(axis));
    const sorted = [...rest].sort((a, b) => a - b);
    e.define(
      y,
      reduced,
      rest.map((axis) => sorted.indexOf(axis)),
    );
  };
}

function alongAxis(op: string) {
  return (
    { inputs: [x], outputs: [y], attributes: { axis } }: NodeOf<'softmax' | 'logSoftmax'>,
    e: Emitter,
  ): void =>
    e.define(y, e.emit(op, [e.use(x)], { axis: { int: physicalAxis(axis, e.layoutOf(x)) } }), e.layoutOf(x));
}

function cumulativeSum({ inputs: [x], outputs: [y], attributes }: NodeOf<'cumulativeSum'>, e: Emitter): void {
  const layout = e.layoutOf(y);
  const axis = e.constant(
    tensor('int64', [], BigInt64Array.of(BigInt(physicalAxis(attributes.axis, layout)))),
  );
  const flags = {
    exclusive: { int: Number(attributes.exclusive) },
    reverse: { int: Number(attributes.reverse) },
  };
  e.define(y, e.emit('CumSum', [e.use(x, layout), axis], flags));
}

function matmul({ inputs: [a, b], outputs: [y], attributes }: NodeOf<'matmul'>, e: Emitter): void {
  const { transposeA, transposeB } = attributes;
  const [left, right] = [e.use(a, 'logical'), e.use(b, 'logical')];
  const rank = a.shape.length;
  const flip = (name: string) =>
    e.transpose(name, [...Array.from({ length: rank - 2 }, (_, axis) => axis), rank - 1, rank - 2]);
  const name =
    rank === 2 && (transposeA || transposeB)
      ? e.emit('Gemm', [left, right], {
          transA: { int: Number(transposeA) },
          transB: { int: Number(transposeB) },
        })
      : e.emit('MatMul', [transposeA ? flip(left) : left, transposeB ? flip(right) : right]);
  e.define(y, name, 'logical');
}

/** `interior` times `value` between neighbours of the memory axis `axis`: put behind each number, less the last ones. */
function dilate(
  e: Emitter,
  x: string,
  shape: number[],
  axis: number,
  interior: number,
  value: number,
): string {
  const split = [...shape.slice(0, axis + 1), 1, ...shape.slice(axis + 1)];
  const none = split.map(() => 0);
  const after = none.map((_, position) => (position === axis + 1 ? interior : 0));
  const padded = e.pad(e.reshape(x, split), none, after, value);
  const extent = shape[axis] * (interior + 1);
  const merged = e.reshape(padded, [...shape.slice(0, axis), extent, ...shape.slice(axis + 1)]);
  shape[axis] = extent - interior;
  return e.slice(merged, [axis], [0], [shape[axis]]);
}

function pad({ inputs: [x], outputs: [y], attributes }: NodeOf<'pad'>, e: Emitter): void {
  const layout = e.layoutOf(y);
  let name = e.use(x, layout);
  const shape = [...physicalShape(x.shape, layout)];
  ordered(attributes.interior, layout).forEach((interior, axis) => {
    if (interior > 0 && shape[axis] > 1) name = dilate(e, name, shape, axis, interior, attributes.value);
  });
  e.define(
    y,
    e.pad(name, ordered(attributes.before, layout), ordered(attributes.after, layout), attributes.value),
  );
}

function slice({ inputs: [x], outputs: [y], attributes }: NodeOf<'slice'>, e: Emitter): void {
  const layout = e.layoutOf(y);
  const [starts, ends, steps] = [attributes.starts, attributes.ends, attributes.steps].map((list) =>
    ordered(list, layout),
  );
  const shape = physicalShape(x.shape, layout);
  const axes = shape.flatMap((extent, axis) =>
    starts[axis] === 0 && ends[axis] === extent && steps[axis] === 1 ? [] : [axis],
  );
  const at = (list: readonly number[]) => axes.map((axis) => list[axis]);
  const name = e.use(x, layout);
  e.define(y, axes.length === 0 ? name : e.slice(name, axes, at(starts), at(ends), at(steps)));
}

function transpose(
  { inputs: [x], outputs: [y], attributes: { permutation } }: NodeOf<'transpose'>,
  e: Emitter,
): void {
  // The result has the operand's memory under renamed axes: result axis j is operand axis permutation[j].
  const from = orderOf(e.layoutOf(x), x.shape.length);
  e.define(
    y,
    e.use(x),
    from.map((axis) => permutation.indexOf(axis)),
  );
}

function reshape({ inputs: [x], outputs: [y], attributes: { shape } }: NodeOf<'reshape'>, e: Emitter): void {
  const target = e.layoutOf(y);
  const away = permutationBetween('logical', target, shape.length);
  // Where the result's layout moves nothing, the numbers can be written straight into it.
  const direct = away && movesNothing(shape, away);
  e.define(
    y,
    e.reshape(e.use(x, 'logical'), direct ? physicalShape(shape, target) : shape),
    direct ? target : 'logical',
  );
}

function expand({ inputs: [x], outputs: [y], attributes: { shape } }: NodeOf<'expand'>, e: Emitter): void {
  const layout = x.shape.length === shape.length ? e.layoutOf(y) : 'logical';
  const name = e.use(x, layout);
  e.define(y, e.emit('Expand', [name, e.extents(physicalShape(shape, layout))]), layout);
}

function concat({ inputs, outputs: [y], attributes: { axis } }: NodeOf<'concat'>, e: Emitter): void {
  const layout = e.layoutOf(y);
  const parts = inputs.map((x: Value) => e.use(x, layout));
  const inBlocks = axis === 1 ? throughBlocks(e, y.shape, parts, (blocks) => e.concat(blocks, 1)) : undefined;
  e.define(y, inBlocks ?? e.emit('Concat', parts, { axis: { int: physicalAxis(axis, layout) } }));
}

export const shapeRules = {
  matmul,
  sum: reduction('ReduceSum'),
  mean: reduction('ReduceMean'),
  max: reduction('ReduceMax'),
  min: reduction('ReduceMin'),
  cumulativeSum,
  softmax: alongAxis('Softmax'),
  logSoftmax: alongAxis('LogSoftmax'),
  argMax: ({ inputs: [x], outputs: [y], attributes: { axis } }, e) =>
    e.define(
      y,
      e.emit('ArgMax', [e.use(x, 'logical')], { axis: { int: axis }, keepdims: { int: 0 } }),
      'logical',
    ),
  oneHot: ({ inputs: [x], outputs: [y], attributes: { depth } }, e) => {
    const depthName = e.ints([depth]);
    const values = e.emit('Concat', [e.reshape(e.float(0), [1]), e.reshape(e.float(1), [1])], {
      axis: { int: 0 },
    });
    const indices = e.emit('Cast', [e.use(x, 'logical')], { to: { int: 7 } });
    e.define(y, e.emit('OneHot', [indices, depthName, values]), 'logical');
  },
  reshape,
  transpose,
  expand,
  concat,
  slice,
  pad,
} satisfies { [O in Op]?: LowerRule<O> };
