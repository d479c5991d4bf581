/** One function per op, from values to values, with the defaults of daily use. Numbers may stand for scalars. */
import { type DType, type Shape, tensor, zeros } from '../tensor/tensor.ts';
import type { Value } from './graph.ts';
import type {
  ConvAttributes,
  Op,
  OpAttributes,
  Padding,
  Pair,
  PoolAttributes,
  ResizeAttributes,
  RoiAlignAttributes,
  ScatterReduction,
} from './ops.ts';

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

const convAttributes = (options: ConvOptions): ConvAttributes => ({
  strides: pair(options.strides ?? 1),
  padding: padding(options.padding ?? 0),
  dilations: pair(options.dilations ?? 1),
  groups: options.groups ?? 1,
});

/** x [N, C, H, W], weight [O, C / groups, KH, KW] -> [N, O, OH, OW]. */
export const conv2d = (x: Value, weight: Value, options: ConvOptions = {}): Value =>
  emit('conv2d', [x, weight], convAttributes(options));

/**
 * Transposed convolution: x [N, C, H, W], weight [C, O / groups, KH, KW] -> [N, O, OH, OW] with
 * OH = (H - 1) stride - padding at both ends + dilation (KH - 1) + 1 + output padding, as PyTorch defines it. It is
 * the map that takes gradients of a convolution's output to those of its input; output padding, less than the
 * stride, chooses among the input sizes that give one output size.
 */
export function convTranspose2d(
  x: Value,
  weight: Value,
  options: ConvOptions & { outputPadding?: PairLike } = {},
): Value {
  const attributes = convAttributes(options);
  const { strides, padding: sides, dilations, groups } = attributes;
  const extra = pair(options.outputPadding ?? 0);
  const extent = (axis: 0 | 1) =>
    (x.shape[2 + axis] - 1) * strides[axis] -
    (sides[axis] + sides[2 + axis]) +
    dilations[axis] * (weight.shape[2 + axis] - 1) +
    1 +
    extra[axis];
  const inputShape = [x.shape[0], weight.shape[1] * groups, extent(0), extent(1)];
  return emit('conv2dInputGradient', [x, weight], { ...attributes, inputShape });
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

export const maxPool2d = (x: Value, options: PoolOptions & { dilations?: PairLike }): Value =>
  emit('maxPool2d', [x], { ...poolAttributes(options), dilations: pair(options.dilations ?? 1) });

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

/**
 * Group normalisation (Wu & He, arXiv 1803.08494): each image's groups of neighbouring channels are normalised over
 * channels, H and W, then scaled and shifted per channel. x [N, C, H, W], scale and bias [C].
 */
export const groupNorm = (x: Value, scale: Value, bias: Value, groups: number, epsilon = 1e-5): Value =>
  emit('groupNorm', [x, scale, bias], { groups, epsilon });

/**
 * Local response normalisation across channels (Krizhevsky et al. 2012, section 3.3, with the sum of squares taken
 * as a mean): y = x / (k + alpha / size * sum of x^2 over `size` neighbouring channels)^beta. An even window has one
 * channel more behind than before, as ONNX has it; PyTorch has it the other way round.
 */
export function localResponseNorm(
  x: Value,
  options: { size: number; alpha?: number; beta?: number; k?: number },
): Value {
  const { size, alpha = 1e-4, beta = 0.75, k = 1 } = options;
  return emit('localResponseNorm', [x], { size, alpha, beta, k });
}

/** At each channel c the sum over channels c - before to c + after of an image. */
export const channelWindowSum = (x: Value, before: number, after: number): Value =>
  emit('channelWindowSum', [x], { before, after });

export interface ResizeOptions extends Partial<ResizeAttributes> {
  /** Height and width of the result. */
  size: PairLike;
}

/**
 * Resizes images [N, C, H, W]. PyTorch's `nearest` is `{ mode: 'nearest', coordinates: 'asymmetric' }`, the default;
 * its `bilinear` is `{ mode: 'linear' }`, with `coordinates: 'align_corners'` where it says so. Nothing is smoothed
 * on the way down.
 */
export function resize2d(x: Value, options: ResizeOptions): Value {
  const { size, mode = 'nearest', rounding = 'floor' } = options;
  const { coordinates = mode === 'nearest' ? 'asymmetric' : 'half_pixel' } = options;
  return emit('resize2d', [x], { size: pair(size), mode, coordinates, rounding });
}

/** Indices [..] replace `axis` of x by theirs: NumPy's take. int32 or int64, negative ones count from the end. */
export const gather = (x: Value, indices: Value, axis = 0): Value => emit('gather', [x, indices], { axis });

/** y[i][j] = x[indices[i][j]][j] for axis 0, and so on: PyTorch's gather, NumPy's take_along_axis. */
export const gatherElements = (x: Value, indices: Value, axis: number): Value =>
  emit('gatherElements', [x, indices], { axis });

/**
 * x with y[indices[i][j]][j] = updates[i][j] for axis 0, and so on; `add` adds to what is there. Where indices repeat
 * without `add`, any of their updates is taken.
 */
export const scatterElements = (
  x: Value,
  indices: Value,
  updates: Value,
  axis: number,
  reduction: ScatterReduction = 'none',
): Value => emit('scatterElements', [x, indices, updates], { axis, reduction });

/** indices [.., K] name parts of x by their first K axes: [..] + x.shape[K..]. */
export const gatherNd = (x: Value, indices: Value): Value => emit('gatherNd', [x, indices], {});

/** x with the parts that indices [.., K] name replaced by, or added to, updates [..] + x.shape[K..]. */
export const scatterNd = (
  x: Value,
  indices: Value,
  updates: Value,
  reduction: ScatterReduction = 'none',
): Value => emit('scatterNd', [x, indices, updates], { reduction });

/** The k largest (or smallest) numbers along an axis, in order, and their int64 indices. Ties: lowest index first. */
export function topK(
  x: Value,
  k: number,
  axis = x.shape.length - 1,
  options: { largest?: boolean } = {},
): { values: Value; indices: Value } {
  const { largest = true } = options;
  const [values, indices] = x.graph.emit('topK', [x], { axis, k, largest });
  return { values, indices };
}

/**
 * Greedy suppression of boxes that overlap a better one of their class by more than `overlap` (intersection over
 * union). boxes [B, N, 4] by two opposite corners, scores [B, C, N] -> int64 [B, C, limit]: indices of the kept
 * boxes with falling score, then -1. Boxes must score more than `minimumScore`.
 */
export function nonMaxSuppression(
  boxes: Value,
  scores: Value,
  options: { limit: number; overlap: number; minimumScore?: number },
): Value {
  const { limit, overlap, minimumScore = Number.NEGATIVE_INFINITY } = options;
  return emit('nonMaxSuppression', [boxes, scores], { limit, overlap, minimumScore });
}

export interface RoiAlignOptions extends Partial<Omit<RoiAlignAttributes, 'size'>> {
  /** Cells per region: rows and columns. */
  size: PairLike;
}

/**
 * RoIAlign (He et al., arXiv 1703.06870), as torchvision has it: x [N, C, H, W], boxes [R, 4] as x1, y1, x2, y2 in
 * coordinates that `spatialScale` turns into those of x, and the image of each box [R] -> [R, C, ...size]: means of
 * bilinearly interpolated points. Differentiable in x alone.
 */
export function roiAlign(x: Value, boxes: Value, images: Value, options: RoiAlignOptions): Value {
  const { size, spatialScale = 1, samplingRatio = 0, aligned = false } = options;
  return emit('roiAlign', [x, boxes, images], { size: pair(size), spatialScale, samplingRatio, aligned });
}
