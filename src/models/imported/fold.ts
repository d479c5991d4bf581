/**
 * Ops on constants, computed here and now: the shape arithmetic with which exporters write `flatten` and
 * `view`, and the re-ordering of stored weights. Total for constants; values of the IR never come here, but
 * for `Shape`, which needs no more than their static shape.
 */

import { broadcastShapes } from '../../graph/infer.ts';
import type { OnnxNode } from '../../onnx/index.ts';
import {
  type DType,
  type Shape,
  sizeOf,
  type Tensor,
  tensor,
  transpose,
  zeros,
} from '../../tensor/tensor.ts';
import { messageOf } from '../../util/errors.ts';
import {
  Attributes,
  axisOf,
  type Constant,
  isConstant,
  numbersOf,
  type Operand,
  unsupported,
} from './operand.ts';
import { reshapedShape, slicedRanges, squeezedShape, unsqueezedShape } from './shapes.ts';

interface FoldCall {
  readonly node: OnnxNode;
  readonly attributes: Attributes;
  /** Operands that are left out are undefined. */
  readonly inputs: readonly (Tensor | undefined)[];
}

type Fold = (call: FoldCall) => Tensor;

/** More numbers than any shape arithmetic needs: a file may not ask for memory without limit. */
const MOST_NUMBERS = 2 ** 26;

const int64 = (values: readonly number[], shape: Shape = [values.length]): Tensor =>
  tensor('int64', shape, BigInt64Array.from(values, BigInt));

function allocate(node: OnnxNode, dtype: DType, shape: Shape): Tensor {
  if (sizeOf(shape) > MOST_NUMBERS) throw unsupported(node, `makes ${sizeOf(shape)} numbers from constants`);
  return zeros(dtype, shape);
}

function operand({ node, inputs }: FoldCall, index: number): Tensor {
  const input = inputs[index];
  if (!input) throw unsupported(node, `lacks operand ${index + 1}`);
  return input;
}

/** An int list that older opsets have as attribute `name`, newer ones as operand `index`. */
function list(call: FoldCall, name: string, index: number): readonly number[] | undefined {
  const input = call.inputs[index];
  return input ? numbersOf(input) : call.attributes.ints(name);
}

function required<T>(value: T | undefined, call: FoldCall, name: string): T {
  if (value === undefined) throw unsupported(call.node, `lacks "${name}"`);
  return value;
}

/** A tensor of `shape` whose number at each index is the number of `source` at `from(index)`. */
function gathered(
  node: OnnxNode,
  source: Tensor,
  shape: Shape,
  from: (index: readonly number[]) => readonly number[],
): Tensor {
  const result = allocate(node, source.dtype, shape);
  const index = shape.map(() => 0);
  for (let to = 0; to < result.data.length; to++) {
    const position = from(index).reduce((flat, at, axis) => flat * source.shape[axis] + at, 0);
    result.data[to] = source.data[position];
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
  }
  return result;
}

function commonShape(node: OnnxNode, a: Shape, b: Shape): Shape {
  try {
    return broadcastShapes(a, b);
  } catch (error) {
    throw unsupported(node, `has operands that do not fit: ${messageOf(error)}`);
  }
}

function arithmetic(compute: (a: number, b: number) => number): Fold {
  return (call) => {
    const [a, b] = [operand(call, 0), operand(call, 1)];
    const shape = commonShape(call.node, a.shape, b.shape);
    const result = allocate(call.node, a.dtype, shape);
    const spread = (source: Tensor) =>
      gathered(call.node, source, shape, (index) =>
        source.shape.map((extent, axis) =>
          extent === 1 ? 0 : index[axis + shape.length - source.shape.length],
        ),
      );
    const [left, right] = [spread(a), spread(b)];
    for (let i = 0; i < result.data.length; i++) {
      const value = compute(Number(left.data[i]), Number(right.data[i]));
      result.data[i] = a.dtype === 'int64' ? BigInt(Math.trunc(value)) : value;
    }
    return result;
  };
}

function converted(node: OnnxNode, source: Tensor, dtype: DType): Tensor {
  const result = allocate(node, dtype, source.shape);
  for (let i = 0; i < result.data.length; i++) {
    const value = Number(source.data[i]);
    if (dtype === 'int64') result.data[i] = BigInt(Math.trunc(value));
    else if (dtype === 'bool') result.data[i] = value === 0 ? 0 : 1;
    else result.data[i] = value;
  }
  return result;
}

/** TensorProto.DataType of Cast's `to`; half and double precision are held as float32. */
const CAST_TYPES: Readonly<Record<number, DType>> = {
  1: 'float32',
  2: 'uint8',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float32',
  11: 'float32',
};

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

function gather(call: FoldCall): Tensor {
  const [source, indices] = [operand(call, 0), operand(call, 1)];
  const axis = axisOf(call.node, call.attributes.int('axis', 0), source.shape.length);
  const rank = indices.shape.length;
  const positions = numbersOf(indices).map((at) => axisOf(call.node, at, source.shape[axis]));
  const shape = [...source.shape.slice(0, axis), ...indices.shape, ...source.shape.slice(axis + 1)];
  return gathered(call.node, source, shape, (index) => {
    const chosen = index.slice(axis, axis + rank).reduce((flat, at, i) => flat * indices.shape[i] + at, 0);
    return [...index.slice(0, axis), positions[chosen], ...index.slice(axis + rank)];
  });
}

function concat(call: FoldCall): Tensor {
  const parts = call.inputs.map((_, index) => operand(call, index));
  const [first] = parts;
  const axis = axisOf(call.node, call.attributes.int('axis', 0), first.shape.length);
  const starts = parts.map((_, index) =>
    parts.slice(0, index).reduce((sum, { shape }) => sum + shape[axis], 0),
  );
  const total = parts.reduce((sum, { shape }) => sum + shape[axis], 0);
  const result = allocate(
    call.node,
    first.dtype,
    first.shape.map((extent, other) => (other === axis ? total : extent)),
  );
  const inner = sizeOf(first.shape.slice(axis + 1));
  parts.forEach((part, index) => {
    const run = part.shape[axis] * inner;
    for (let i = 0; i < part.data.length; i++) {
      const to = Math.floor(i / run) * total * inner + starts[index] * inner + (i % run);
      result.data[to] = part.data[i];
    }
  });
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
  return gathered(call.node, source, shape, (index) =>
    index.map((at, axis) => ranges[axis].start + at * ranges[axis].step),
  );
}

const reshaped = (source: Tensor, shape: Shape): Tensor => ({ ...source, shape: [...shape] });

/** Ops that can be computed on constants. */
const FOLDS: Readonly<Record<string, Fold>> = {
  Constant: constant,
  ConstantOfShape: ({ node, attributes, ...call }) => {
    const shape = numbersOf(operand({ node, attributes, ...call }, 0));
    const value = attributes.tensor('value') ?? tensor('float32', [1], Float32Array.of(0));
    const result = allocate(node, value.dtype, shape);
    for (let i = 0; i < result.data.length; i++) result.data[i] = value.data[0];
    return result;
  },
  Identity: (call) => operand(call, 0),
  Cast: (call) => {
    const dtype = CAST_TYPES[call.attributes.int('to', 0)];
    if (!dtype) throw unsupported(call.node, 'casts to a type without a dtype');
    return converted(call.node, operand(call, 0), dtype);
  },
  Floor: (call) => {
    const source = operand(call, 0);
    return tensor('float32', source.shape, Float32Array.from(numbersOf(source), Math.floor));
  },
  Add: arithmetic((a, b) => a + b),
  Sub: arithmetic((a, b) => a - b),
  Mul: arithmetic((a, b) => a * b),
  Div: arithmetic((a, b) => a / b),
  Gather: gather,
  Concat: concat,
  Slice: slice,
  Squeeze: (call) => {
    const source = operand(call, 0);
    return reshaped(source, squeezedShape(call.node, source.shape, list(call, 'axes', 1)));
  },
  Unsqueeze: (call) => {
    const source = operand(call, 0);
    const axes = required(list(call, 'axes', 1), call, 'axes');
    return reshaped(source, unsqueezedShape(call.node, source.shape, axes));
  },
  Reshape: (call) => {
    const source = operand(call, 0);
    const target = numbersOf(operand(call, 1));
    const allowZero = call.attributes.int('allowzero', 0) === 1;
    return reshaped(source, reshapedShape(call.node, source.shape, target, allowZero));
  },
  Transpose: (call) => {
    const source = operand(call, 0);
    const reversed = source.shape.map((_, axis) => source.shape.length - 1 - axis);
    return transpose(source, call.attributes.ints('perm') ?? reversed);
  },
};

/** Whether the op is known on constants. */
export const canFold = (op: string): boolean => op === 'Shape' || Object.hasOwn(FOLDS, op);

/** The result of a node that needs no values of the IR but their shapes; undefined for all others. */
export function foldOperands(
  node: OnnxNode,
  operands: readonly (Operand | undefined)[],
): Constant | undefined {
  const [first] = operands;
  const name = node.outputs[0];
  if (node.op === 'Shape' && first) {
    return { name, tensor: shapeTensor(node, isConstant(first) ? first.tensor.shape : first.shape) };
  }
  const tensors: (Tensor | undefined)[] = [];
  for (const operand of operands) {
    if (operand && !isConstant(operand)) return undefined;
    tensors.push(operand?.tensor);
  }
  const tensor = Object.hasOwn(FOLDS, node.op)
    ? FOLDS[node.op]({ node, attributes: new Attributes(node), inputs: tensors })
    : undefined;
  return tensor && { name, tensor };
}

/** The ONNX op Shape: the extents of `shape` from axis `start` up to axis `end`. */
function shapeTensor(node: OnnxNode, shape: Shape): Tensor {
  const attributes = new Attributes(node);
  return int64(shape.slice(attributes.int('start', 0), attributes.int('end', shape.length)));
}
