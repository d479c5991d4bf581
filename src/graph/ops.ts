/**
 * The op set: one closed list. Every op has its attribute types here and an entry in every rule table
 * (`infer.ts`, `../autodiff/vjp.ts`, `../compile/rules/`): a new op does not compile until all have it.
 *
 * Images are [N, C, H, W] and convolution weights [O, I / groups, KH, KW] at this level, whatever memory
 * layout the compiler chooses. Binary ops broadcast as NumPy does.
 */
import type { DType, Shape, Tensor } from '../tensor/tensor.ts';

/** Height and width. */
export type Pair = readonly [number, number];
/** Zero rows and columns added at the top, left, bottom and right. */
export type Padding = readonly [number, number, number, number];

export interface ConvAttributes {
  readonly strides: Pair;
  readonly padding: Padding;
  readonly dilations: Pair;
  readonly groups: number;
}

export interface PoolAttributes {
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly padding: Padding;
  /** Round the output size up instead of down (a window must still start inside the input or left padding). */
  readonly ceilMode: boolean;
}

/**
 * How an image is resized. `coordinates` says which point of the input an output pixel i stands for: (i + 1/2) in /
 * out - 1/2 (`half_pixel`), i in / out (`asymmetric`) or i (in - 1) / (out - 1) (`align_corners`). `nearest` rounds it.
 */
export interface ResizeAttributes {
  readonly mode: 'nearest' | 'linear';
  readonly coordinates: 'half_pixel' | 'asymmetric' | 'align_corners';
  readonly rounding: 'floor' | 'ceil' | 'round_prefer_floor' | 'round_prefer_ceil';
}

export interface RoiAlignAttributes {
  /** Cells per region: rows and columns. */
  readonly size: Pair;
  /** From the coordinates of the boxes to those of the feature map. */
  readonly spatialScale: number;
  /** Points per cell along each axis; 0: as many as the cell has pixels, rounded up. */
  readonly samplingRatio: number;
  /** Pixels have their centres at halves, and regions may be thinner than a pixel. */
  readonly aligned: boolean;
}

interface ReduceAttributes {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

/** What scattering does with the numbers that are there: replaces them (by any of several updates), or adds. */
export type ScatterReduction = 'none' | 'add';

/**
 * What an input is for. `data` changes with every call (images, labels, a learning rate); `parameter` and
 * `state` (momentum, running statistics) are carried from step to step.
 */
export type InputRole = 'data' | 'parameter' | 'state';

/** biome-ignore lint/complexity/noBannedTypes: an op without attributes has the empty object. */
type None = {};

export interface OpAttributes {
  // Sources
  input: { readonly name: string; readonly role: InputRole; readonly shape: Shape; readonly dtype: DType };
  constant: { readonly value: Tensor };
  random: { readonly key: string; readonly shape: Shape }; // uniform in [0, 1), new for every (seed, step, key)

  // Elementwise, one operand
  neg: None;
  exp: None;
  log: None;
  sqrt: None;
  reciprocal: None; // 1 / x
  abs: None;
  floor: None;
  round: None; // to the nearest integer, halves to the even one
  sigmoid: None;
  hardSigmoid: { readonly alpha: number; readonly beta: number }; // alpha x + beta, cut to [0, 1]
  softplus: None; // log(1 + e^x)
  tanh: None;
  erf: None;
  relu: None;
  leakyRelu: { readonly slope: number };
  clip: { readonly min: number; readonly max: number };
  step: None; // 1 where x > 0, else 0: the derivative of relu
  between: { readonly min: number; readonly max: number }; // 1 where min < x < max, else 0: that of clip
  cast: { readonly to: DType };

  // Elementwise, several operands
  add: None;
  sub: None;
  mul: None;
  div: None;
  pow: None; // a^b; where b is trained, a must be positive
  maximum: None;
  minimum: None;
  greater: None; // bool
  greaterEqual: None; // bool
  equal: None; // bool
  and: None; // of bools
  or: None; // of bools
  not: None; // of one bool
  where: None; // (condition, then, else)

  // Products and reductions
  matmul: { readonly transposeA: boolean; readonly transposeB: boolean }; // [.., M, K] x [.., K, N]
  sum: ReduceAttributes;
  mean: ReduceAttributes;
  max: ReduceAttributes;
  min: ReduceAttributes;
  cumulativeSum: { readonly axis: number; readonly exclusive: boolean; readonly reverse: boolean };
  softmax: { readonly axis: number };
  logSoftmax: { readonly axis: number };
  argMax: { readonly axis: number }; // int64, the axis is dropped, ties go to the lowest index
  oneHot: { readonly depth: number }; // int32 or int64 [..] -> float32 [.., depth]

  // Shape
  reshape: { readonly shape: Shape };
  transpose: { readonly permutation: readonly number[] };
  expand: { readonly shape: Shape }; // broadcast to a shape
  concat: { readonly axis: number };
  slice: { readonly starts: Shape; readonly ends: Shape; readonly steps: Shape }; // one entry per axis, steps >= 1
  pad: { readonly before: Shape; readonly after: Shape; readonly interior: Shape; readonly value: number };

  // Selection. Indices are int32 or int64; a negative one counts from the end.
  gather: { readonly axis: number }; // (x, indices): each index is replaced by the part of x there
  gatherElements: { readonly axis: number }; // (x, indices of x's rank): one index per result along the axis
  scatterElements: { readonly axis: number; readonly reduction: ScatterReduction }; // (x, indices, updates)
  gatherNd: None; // (x, indices [.., K]): each row of indices names a part of x by its first K axes
  scatterNd: { readonly reduction: ScatterReduction }; // (x, indices [.., K], updates)
  topK: { readonly axis: number; readonly k: number; readonly largest: boolean }; // -> (values, indices int64)
  nonMaxSuppression: {
    readonly limit: number;
    readonly overlap: number;
    readonly minimumScore: number;
  }; // (boxes [B, N, 4], scores [B, C, N]) -> int64 [B, C, limit]: box indices by falling score, then -1

  // Images
  conv2d: ConvAttributes; // (x, weight)
  conv2dInputGradient: ConvAttributes & { readonly inputShape: Shape }; // (dy, weight) -> dx
  conv2dWeightGradient: ConvAttributes & { readonly weightShape: Shape }; // (x, dy) -> dweight
  maxPool2d: PoolAttributes & { readonly dilations: Pair }; // x -> (y, indices): indices are opaque, for maxPool2dGradient alone
  maxPool2dGradient: { readonly inputShape: Shape }; // (dy, indices) -> dx
  averagePool2d: PoolAttributes & { readonly countIncludePad: boolean };
  batchNorm: { readonly epsilon: number }; // (x, scale, bias) -> (y, mean, variance): biased batch statistics
  batchNormGradient: { readonly epsilon: number }; // (dy, x, mean, variance, scale) -> (dx, dscale, dbias)
  groupNorm: { readonly groups: number; readonly epsilon: number }; // as batchNorm, with mean and variance [N, groups]
  groupNormGradient: { readonly groups: number; readonly epsilon: number }; // as batchNormGradient
  // x -> (y, s): y = x s^-beta, s = k + alpha / size times the sum of squares over `size` neighbouring channels
  localResponseNorm: {
    readonly size: number;
    readonly alpha: number;
    readonly beta: number;
    readonly k: number;
  };
  channelWindowSum: { readonly before: number; readonly after: number }; // sum over channels c - before to c + after
  resize2d: ResizeAttributes & { readonly size: Pair };
  resize2dGradient: ResizeAttributes & { readonly inputShape: Shape }; // dy -> dx
  roiAlign: RoiAlignAttributes; // (x, boxes [R, 4], image indices [R]) -> [R, C, ...size]; boxes get no gradient
  channelAffine: None; // (x, scale [C], bias [C]) -> x * scale + bias, per channel
}

export type Op = keyof OpAttributes;
