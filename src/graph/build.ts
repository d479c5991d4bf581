/** One function per op, from values to values, with the defaults of daily use. Numbers may stand for scalars. */
import { type DType, type Shape, tensor, zeros } from '../tensor/tensor.ts';
import type { Value } from './graph.ts';
import type { ConvAttributes, Op, OpAttributes, Padding, Pair, PoolAttributes } from './ops.ts';

function emit<O extends Op>(op: O, inputs: readonly Value[], attributes: OpAttributes[O]): Value {
  return inputs[0].graph.emit(op, inputs, attributes)[0];
}

export const neg = (x: Value): Value => emit('neg', [x], {});
export const exp = (x: Value): Value => emit('exp', [x], {});
export const log = (x: Value): Value => emit('log', [x], {});
export const sqrt = (x: Value): Value => emit('sqrt', [x], {});
export const reciprocal = (x: Value): Value => emit('reciprocal', [x], {});
export const abs = (x: Value): Value => emit('abs', [x], {});
export const floor = (x: Value): Value => emit('floor', [x], {});
/** To the nearest integer; halves to the even one. */
export const round = (x: Value): Value => emit('round', [x], {});
export const sigmoid = (x: Value): Value => emit('sigmoid', [x], {});
/** alpha x + beta, cut to [0, 1]; MobileNet v3 takes the defaults. */
export const hardSigmoid = (x: Value, alpha = 1 / 6, beta = 0.5): Value =>
  emit('hardSigmoid', [x], { alpha, beta });
/** log(1 + e^x), exact for any x. */
export const softplus = (x: Value): Value => emit('softplus', [x], {});
export const tanh = (x: Value): Value => emit('tanh', [x], {});
export const erf = (x: Value): Value => emit('erf', [x], {});
export const relu = (x: Value): Value => emit('relu', [x], {});
export const leakyRelu = (x: Value, slope: number): Value => emit('leakyRelu', [x], { slope });
export const clip = (x: Value, min: number, max: number): Value => emit('clip', [x], { min, max });
/** 1 where x > 0, else 0. */
export const step = (x: Value): Value => emit('step', [x], {});
/** 1 where min < x < max, else 0. */
export const between = (x: Value, min: number, max: number): Value => emit('between', [x], { min, max });
export const cast = (x: Value, to: DType): Value => (x.dtype === to ? x : emit('cast', [x], { to }));

type Operand = Value | number;

/** A number as a scalar of the type of `like`. */
function scalarOf(like: Value, value: number): Value {
  if (like.dtype === 'float32') return like.graph.scalar(value);
  if (like.dtype === 'int64')
    return like.graph.constant(tensor('int64', [], BigInt64Array.of(BigInt(value))));
  const scalar = zeros(like.dtype, []);
  scalar.data[0] = value;
  return like.graph.constant(scalar);
}

type Binary = 'add' | 'sub' | 'mul' | 'div' | 'pow' | 'maximum' | 'minimum';
type Comparison = 'greater' | 'greaterEqual' | 'equal';

const asValue = (like: Value, operand: Operand): Value =>
  typeof operand === 'number' ? scalarOf(like, operand) : operand;

function binary(op: Binary | Comparison) {
  return (a: Value, b: Operand): Value => emit(op, [a, asValue(a, b)], {});
}

export const add = binary('add');
export const sub = binary('sub');
export const mul = binary('mul');
export const div = binary('div');
/** a^b. Where b is trained, a must be positive. */
export const pow = binary('pow');
export const maximum = binary('maximum');
export const minimum = binary('minimum');
export const greater = binary('greater');
export const greaterEqual = binary('greaterEqual');
export const equal = binary('equal');
export const less = (a: Value, b: Operand): Value => emit('greater', [asValue(a, b), a], {});
export const lessEqual = (a: Value, b: Operand): Value => emit('greaterEqual', [asValue(a, b), a], {});
export const notEqual = (a: Value, b: Operand): Value => logicalNot(equal(a, b));
export const logicalAnd = (a: Value, b: Value): Value => emit('and', [a, b], {});
export const logicalOr = (a: Value, b: Value): Value => emit('or', [a, b], {});
export const logicalNot = (a: Value): Value => emit('not', [a], {});
/** `a` where the condition holds, else `b`. */
export const where = (condition: Value, a: Value, b: Value): Value => emit('where', [condition, a, b], {});

export function matmul(
  a: Value,
  b: Value,
  options: { transposeA?: boolean; transposeB?: boolean } = {},
): Value {
  const { transposeA = false, transposeB = false } = options;
  return emit('matmul', [a, b], { transposeA, transposeB });
}

function reduction(op: 'sum' | 'mean' | 'max' | 'min') {
  return (x: Value, axes: readonly number[] = x.shape.map((_, axis) => axis), keepDims = false): Value =>
    emit(op, [x], { axes, keepDims });
}

/** Reduces over all axes unless told which. */
export const sum = reduction('sum');
export const mean = reduction('mean');
export const max = reduction('max');
export const min = reduction('min');

/** Sums of the numbers up to and with each (`exclusive`: without), or from each to the end (`reverse`). */
export function cumulativeSum(
  x: Value,
  axis = x.shape.length - 1,
  options: { exclusive?: boolean; reverse?: boolean } = {},
): Value {
  const { exclusive = false, reverse = false } = options;
  return emit('cumulativeSum', [x], { axis, exclusive, reverse });
}

export const softmax = (x: Value, axis = x.shape.length - 1): Value => emit('softmax', [x], { axis });
export const logSoftmax = (x: Value, axis = x.shape.length - 1): Value => emit('logSoftmax', [x], { axis });
export const argMax = (x: Value, axis = x.shape.length - 1): Value => emit('argMax', [x], { axis });
export const oneHot = (indices: Value, depth: number): Value => emit('oneHot', [indices], { depth });

export const reshape = (x: Value, shape: Shape): Value => emit('reshape', [x], { shape });
export const transpose = (x: Value, permutation: readonly number[]): Value =>
  emit('transpose', [x], { permutation });
export const expand = (x: Value, shape: Shape): Value => emit('expand', [x], { shape });
export const concat = (values: readonly Value[], axis: number): Value => emit('concat', values, { axis });

/** Python's `x[starts:ends:steps]` with one entry per axis. */
export function slice(x: Value, starts: Shape, ends: Shape, steps: Shape = x.shape.map(() => 1)): Value {
  return emit('slice', [x], { starts, ends, steps });
}

/** Adds `before` and `after` entries of `value` to each axis, and `interior` of them between neighbours. */
export function pad(
  x: Value,
  before: Shape,
  after: Shape,
  options: { interior?: Shape; value?: number } = {},
): Value {
  const { interior = x.shape.map(() => 0), value = 0 } = options;
  return emit('pad', [x], { before, after, interior, value });
}

/** `2` or `[2, 1]`. */
export type PairLike = number | Pair;
const pair = (value: PairLike): Pair => (typeof value === 'number' ? [value, value] : value);
/** The same zeros at opposite sides, or all four sides. */
export type PaddingLike = number | Pair | Padding;
const padding = (value: PaddingLike): Padding =>
  typeof value === 'number'
    ? [value, value, value, value]
    : value.length === 2
      ? [...value, ...value]
      : value;

export interface ConvOptions {
  strides?: PairLike;
  padding?: PaddingLike;
  dilations?: PairLike;
  groups?: number;
}

/** x [N, C, H, W], weight [O, C / groups, KH, KW] -> [N, O, OH, OW]. */
export function conv2d(x: Value, weight: Value, options: ConvOptions = {}): Value {
  const attributes: ConvAttributes = {
    strides: pair(options.strides ?? 1),
    padding: padding(options.padding ?? 0),
    dilations: pair(options.dilations ?? 1),
    groups: options.groups ?? 1,
  };
  return emit('conv2d', [x, weight], attributes);
}

export interface PoolOptions {
  kernel: PairLike;
  strides?: PairLike;
  padding?: PaddingLike;
  ceilMode?: boolean;
}

function poolAttributes(options: PoolOptions): PoolAttributes {
  return {
    kernel: pair(options.kernel),
    strides: pair(options.strides ?? options.kernel),
    padding: padding(options.padding ?? 0),
    ceilMode: options.ceilMode ?? false,
  };
}

export const maxPool2d = (x: Value, options: PoolOptions): Value =>
  emit('maxPool2d', [x], poolAttributes(options));

export function averagePool2d(x: Value, options: PoolOptions & { countIncludePad?: boolean }): Value {
  const { countIncludePad = false } = options;
  return emit('averagePool2d', [x], { ...poolAttributes(options), countIncludePad });
}

/** Training batch norm over N, H and W. Returns the output and the batch's mean and biased variance, [C] each. */
export function batchNorm(
  x: Value,
  scale: Value,
  bias: Value,
  epsilon: number,
): { y: Value; mean: Value; variance: Value } {
  const [y, average, variance] = x.graph.emit('batchNorm', [x, scale, bias], { epsilon });
  return { y, mean: average, variance };
}

/** x * scale + bias, scale and bias [C]. */
export const channelAffine = (x: Value, scale: Value, bias: Value): Value =>
  emit('channelAffine', [x, scale, bias], {});
