/** Folds that compute with numbers: elementwise, and reductions. */
import { broadcastShapes } from '../../graph/infer.ts';
import type { OnnxNode } from '../../onnx/index.ts';
import { type DType, type Shape, type Tensor, zeros } from '../../tensor/tensor.ts';
import { messageOf } from '../../util/errors.ts';
import {
  allocate,
  broadcast,
  eachIndex,
  type Fold,
  type FoldCall,
  flatIndex,
  list,
  operand,
  put,
} from './fold-call.ts';
import { axisOf, requireAxes, unsupported } from './operand.ts';

export function commonShape(node: OnnxNode, a: Shape, b: Shape): Shape {
  for (const shape of [a, b]) requireAxes(node, shape);
  try {
    return broadcastShapes(a, b);
  } catch (error) {
    throw unsupported(node, `has operands that do not fit: ${messageOf(error)}`);
  }
}

function binary(call: FoldCall, a: Tensor, b: Tensor, f: (a: number, b: number) => number, dtype: DType) {
  const shape = commonShape(call.node, a.shape, b.shape);
  const result = allocate(call, dtype, shape);
  const [left, right] = [broadcast(call, a, shape), broadcast(call, b, shape)];
  for (let i = 0; i < result.data.length; i++) put(result, i, f(Number(left.data[i]), Number(right.data[i])));
  return result;
}

/** One or more operands, from left to right. */
const arithmetic =
  (f: (a: number, b: number) => number): Fold =>
  (call) => {
    const operands = call.inputs.map((_, index) => operand(call, index));
    return operands.reduce((a, b) => binary(call, a, b, f, a.dtype));
  };

const comparison =
  (f: (a: number, b: number) => boolean): Fold =>
  (call) =>
    binary(call, operand(call, 0), operand(call, 1), (a, b) => Number(f(a, b)), 'bool');

const unary =
  (f: (x: number) => number): Fold =>
  (call) => {
    const source = operand(call, 0);
    const result = allocate(call, source.dtype, source.shape);
    for (let i = 0; i < result.data.length; i++) put(result, i, f(Number(source.data[i])));
    return result;
  };

const reduction =
  (f: (a: number, b: number) => number): Fold =>
  (call) => {
    const { shape, data, dtype } = operand(call, 0);
    const axes = list(call, 'axes', 1)?.map((axis) => axisOf(call.node, axis, shape.length));
    const dropped = (axis: number) => !axes?.length || axes.includes(axis);
    const kept = shape.map((extent, axis) => (dropped(axis) ? 1 : extent));
    // What is read counts, not the few numbers that it becomes.
    call.budget.spend(call.node, shape);
    const result = zeros(dtype, kept);
    const seen = new Uint8Array(result.data.length);
    eachIndex(shape, (index, from) => {
      const to = flatIndex(
        kept,
        index.map((at, axis) => (dropped(axis) ? 0 : at)),
      );
      put(result, to, seen[to] ? f(Number(result.data[to]), Number(data[from])) : Number(data[from]));
      seen[to] = 1;
    });
    const keepDims = call.attributes.int('keepdims', 1) === 1;
    return keepDims ? result : { ...result, shape: shape.filter((_, axis) => !dropped(axis)) };
  };

const where: Fold = (call) => {
  const [condition, a, b] = [0, 1, 2].map((index) => operand(call, index));
  const shape = commonShape(call.node, condition.shape, commonShape(call.node, a.shape, b.shape));
  const [chosen, left, right] = [condition, a, b].map((part) => broadcast(call, part, shape));
  const result = allocate(call, a.dtype, shape);
  for (let i = 0; i < result.data.length; i++) result.data[i] = (chosen.data[i] ? left : right).data[i];
  return result;
};

/** TensorProto.DataType of Cast's `to`; half and double precision are held as float32. */
const CAST_TYPES: Readonly<Record<number, DType>> = {
  1: 'float32',
  2: 'uint8',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float32',
  11: 'float32',
  16: 'float32',
};

const cast: Fold = (call) => {
  const dtype = CAST_TYPES[call.attributes.int('to', 0)];
  if (!dtype) throw unsupported(call.node, 'casts to a type without a dtype');
  const source = operand(call, 0);
  if (source.dtype === dtype) return source;
  const result = allocate(call, dtype, source.shape);
  for (let i = 0; i < result.data.length; i++) put(result, i, Number(source.data[i]));
  return result;
};

/** Python's modulo has the sign of the divisor, C's that of the dividend (`fmod`). */
const modulo: Fold = (call) => {
  const c = call.attributes.int('fmod', 0) === 1;
  return arithmetic((a, b) => (c ? a % b : a - b * Math.floor(a / b)))(call);
};

export const ARITHMETIC: Readonly<Record<string, Fold>> = {
  Add: arithmetic((a, b) => a + b),
  Sub: arithmetic((a, b) => a - b),
  Mul: arithmetic((a, b) => a * b),
  Div: arithmetic((a, b) => a / b),
  Mod: modulo,
  Min: arithmetic(Math.min),
  Max: arithmetic(Math.max),
  Pow: arithmetic((a, b) => a ** b),
  Floor: unary(Math.floor),
  Ceil: unary(Math.ceil),
  Sqrt: unary(Math.sqrt),
  Reciprocal: unary((x) => 1 / x),
  Neg: unary((x) => -x),
  Abs: unary(Math.abs),
  Exp: unary(Math.exp),
  Log: unary(Math.log),
  Not: unary((x) => Number(x === 0)),
  And: comparison((a, b) => a !== 0 && b !== 0),
  Or: comparison((a, b) => a !== 0 || b !== 0),
  Equal: comparison((a, b) => a === b),
  Greater: comparison((a, b) => a > b),
  GreaterOrEqual: comparison((a, b) => a >= b),
  Less: comparison((a, b) => a < b),
  LessOrEqual: comparison((a, b) => a <= b),
  Where: where,
  Cast: cast,
  ReduceSum: reduction((a, b) => a + b),
  ReduceProd: reduction((a, b) => a * b),
  ReduceMax: reduction(Math.max),
  ReduceMin: reduction(Math.min),
};
