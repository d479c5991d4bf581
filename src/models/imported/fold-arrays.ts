/** Folds that make arrays and move numbers, without computing with them. */
import { type Shape, sizeOf, type Tensor, tensor, transpose } from '../../tensor/tensor.ts';
import { commonShape } from './fold-arithmetic.ts';
import {
  allocate,
  broadcast,
  eachIndex,
  type Fold,
  type FoldCall,
  flatIndex,
  gathered,
  int64,
  list,
  operand,
  put,
  required,
  reshaped,
} from './fold-call.ts';
import { axisOf, numbersOf, unsupported } from './operand.ts';
import { reshapedShape, slicedRanges, splitExtents, squeezedShape, unsqueezedShape } from './shapes.ts';

function constant({ node, attributes }: FoldCall): Tensor {
  const value = attributes.tensor('value');
  if (value) return value;
  const ints = attributes.ints('value_ints');
  if (ints) return int64(ints);
  const floats = attributes.floats('value_floats');
  if (floats) return tensor('float32', [floats.length], Float32Array.from(floats));
  if (node.attributes.value_int) return int64([attributes.int('value_int', 0)], []);
  if (node.attributes.value_float) {
    return tensor('float32', [], Float32Array.of(attributes.float('value_float', 0)));
  }
  throw unsupported(node, 'holds no numbers');
}

function constantOfShape(call: FoldCall): Tensor {
  const value = call.attributes.tensor('value') ?? tensor('float32', [1], Float32Array.of(0));
  const result = allocate(call, value.dtype, numbersOf(operand(call, 0)));
  for (let i = 0; i < result.data.length; i++) result.data[i] = value.data[0];
  return result;
}

function gather(call: FoldCall): Tensor {
  const [source, indices] = [operand(call, 0), operand(call, 1)];
  const axis = axisOf(call.node, call.attributes.int('axis', 0), source.shape.length);
  const rank = indices.shape.length;
  const positions = numbersOf(indices).map((at) => axisOf(call.node, at, source.shape[axis]));
  const shape = [...source.shape.slice(0, axis), ...indices.shape, ...source.shape.slice(axis + 1)];
  return gathered(call, source, shape, (index) => {
    const chosen = flatIndex(indices.shape, index.slice(axis, axis + rank));
    return [...index.slice(0, axis), positions[chosen], ...index.slice(axis + rank)];
  });
}

function concat(call: FoldCall): Tensor {
  const parts = call.inputs.map((_, index) => operand(call, index));
  const [first] = parts;
  const axis = axisOf(call.node, call.attributes.int('axis', 0), first.shape.length);
  const total = parts.reduce((sum, { shape }) => sum + shape[axis], 0);
  const result = allocate(
    call,
    first.dtype,
    first.shape.map((extent, other) => (other === axis ? total : extent)),
  );
  const inner = sizeOf(first.shape.slice(axis + 1));
  let start = 0;
  for (const part of parts) {
    const run = part.shape[axis] * inner;
    for (let i = 0; i < part.data.length; i++) {
      result.data[Math.floor(i / run) * total * inner + start + (i % run)] = part.data[i];
    }
    start += run;
  }
  return result;
}

function slice(call: FoldCall): Tensor {
  const source = operand(call, 0);
  const ranges = slicedRanges(
    call.node,
    source.shape,
    required(list(call, 'starts', 1), call, 'starts'),
    required(list(call, 'ends', 2), call, 'ends'),
    list(call, 'axes', 3),
    list(call, 'steps', 4),
  );
  const shape = ranges.map(({ start, end, step }) => Math.max(Math.ceil((end - start) / step), 0));
  return gathered(call, source, shape, (index) =>
    index.map((at, axis) => ranges[axis].start + at * ranges[axis].step),
  );
}

function split(call: FoldCall): readonly Tensor[] {
  const source = operand(call, 0);
  const axis = axisOf(call.node, call.attributes.int('axis', 0), source.shape.length);
  let start = 0;
  return splitExtents(call.node, source.shape[axis], list(call, 'split', 1)).map((extent) => {
    const from = start;
    start += extent;
    const shape = source.shape.map((whole, other) => (other === axis ? extent : whole));
    return gathered(call, source, shape, (index) =>
      index.map((at, other) => (other === axis ? at + from : at)),
    );
  });
}

function range(call: FoldCall): Tensor {
  const [start, limit, delta] = [0, 1, 2].map((index) => Number(operand(call, index).data[0]));
  const count = Math.max(Math.ceil((limit - start) / delta), 0);
  const result = allocate(call, operand(call, 0).dtype, [count]);
  for (let i = 0; i < count; i++) put(result, i, start + i * delta);
  return result;
}

/** `updates` over copies of what lies at `indices`, whose last axis holds index prefixes. */
function scatterNd(call: FoldCall): Tensor {
  const [source, indices, updates] = [0, 1, 2].map((index) => operand(call, index));
  if (call.attributes.string('reduction', 'none') !== 'none') throw unsupported(call.node, 'reduces');
  const result = allocate(call, source.dtype, source.shape);
  result.data.set(source.data as never);
  const depth = indices.shape.at(-1) ?? 0;
  const inner = sizeOf(source.shape.slice(depth));
  const rows = depth === 0 ? 0 : indices.data.length / depth;
  if (updates.data.length !== rows * inner) throw unsupported(call.node, 'has updates that do not fit');
  const positions = numbersOf(indices);
  for (let row = 0; row < rows; row++) {
    const prefix = positions
      .slice(row * depth, (row + 1) * depth)
      .map((at, axis) => axisOf(call.node, at, source.shape[axis]));
    const start = flatIndex(source.shape.slice(0, depth), prefix) * inner;
    for (let i = 0; i < inner; i++) result.data[start + i] = updates.data[row * inner + i];
  }
  return result;
}

function tile(call: FoldCall): Tensor {
  const source = operand(call, 0);
  const repeats = numbersOf(operand(call, 1));
  const shape = source.shape.map((extent, axis) => extent * repeats[axis]);
  return gathered(call, source, shape, (index) => index.map((at, axis) => at % source.shape[axis]));
}

/** The positions of all numbers but zero, as columns. */
function nonZero(call: FoldCall): Tensor {
  const source = operand(call, 0);
  const isThere = (position: number) => Number(source.data[position]) !== 0;
  let count = 0;
  for (let i = 0; i < source.data.length; i++) count += Number(isThere(i));
  const result = allocate(call, 'int64', [source.shape.length, count]);
  let column = 0;
  eachIndex(source.shape, (index, position) => {
    if (!isThere(position)) return;
    index.forEach((at, axis) => {
      result.data[axis * count + column] = BigInt(at);
    });
    column++;
  });
  return result;
}

const withShape =
  (shapeOf: (call: FoldCall, shape: Shape) => Shape): Fold =>
  (call) => {
    const source = operand(call, 0);
    return reshaped(source, shapeOf(call, source.shape));
  };

export const ARRAYS: Readonly<Record<string, Fold>> = {
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Identity: (call) => operand(call, 0),
  Gather: gather,
  Concat: concat,
  Slice: slice,
  Split: split,
  Range: range,
  ScatterND: scatterNd,
  Tile: tile,
  NonZero: nonZero,
  Expand: (call) => {
    const source = operand(call, 0);
    const target = numbersOf(operand(call, 1));
    return broadcast(call, source, commonShape(call.node, source.shape, target));
  },
  Squeeze: withShape((call, shape) => squeezedShape(call.node, shape, list(call, 'axes', 1))),
  Unsqueeze: withShape((call, shape) =>
    unsqueezedShape(call.node, shape, required(list(call, 'axes', 1), call, 'axes')),
  ),
  Reshape: withShape((call, shape) => {
    const allowZero = call.attributes.int('allowzero', 0) === 1;
    return reshapedShape(call.node, shape, required(list(call, 'shape', 1), call, 'shape'), allowZero);
  }),
  Flatten: withShape((call, shape) => {
    const rows = sizeOf(shape.slice(0, call.attributes.int('axis', 1)));
    return [rows, sizeOf(shape) / rows];
  }),
  Transpose: (call) => {
    const source = operand(call, 0);
    const rank = source.shape.length;
    const order = call.attributes.ints('perm') ?? source.shape.map((_, axis) => rank - 1 - axis);
    if (order.length !== rank || new Set(order.map((axis) => axisOf(call.node, axis, rank))).size !== rank) {
      throw unsupported(call.node, `has a permutation [${order}] for ${rank} axes`);
    }
    call.budget.spend(call.node, source.shape);
    return transpose(source, order);
  },
};
