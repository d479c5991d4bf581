/** Layers: functions from value to value that declare their parameters under a name, the checkpoint key's prefix. */
import {
  add,
  batchNorm as batchNormOp,
  type ConvOptions,
  channelAffine,
  conv2d,
  div,
  expand,
  groupNorm as groupNormOp,
  matmul,
  mean,
  mul,
  type PairLike,
  reshape,
  sqrt,
  step,
  sub,
  transpose,
} from '../graph/build.ts';
import type { Value } from '../graph/graph.ts';
import { UserError } from '../util/errors.ts';
import { heNormal, type Initializer, onesInit, uniformFanIn, zerosInit } from './init.ts';
import type { Network } from './network.ts';

export interface ConvLayerOptions extends ConvOptions {
  /** Output channels. */
  out: number;
  kernel: PairLike;
  bias?: boolean;
  initializer?: Initializer;
}

/** Convolution: `name.weight` [out, in / groups, KH, KW] and, if asked for, `name.bias` [out]. */
export function conv(net: Network, name: string, x: Value, options: ConvLayerOptions): Value {
  const { out, kernel, bias = false, initializer = heNormal(), ...rest } = options;
  const [kh, kw] = typeof kernel === 'number' ? [kernel, kernel] : kernel;
  return net.graph.scoped(name, () => {
    const weight = net.parameter(
      `${name}.weight`,
      [out, x.shape[1] / (rest.groups ?? 1), kh, kw],
      initializer,
    );
    const y = conv2d(x, weight, rest);
    if (!bias) return y;
    return add(y, reshape(net.parameter(`${name}.bias`, [out], zerosInit), [1, out, 1, 1]));
  });
}

export interface BatchNormOptions {
  epsilon?: number;
  /** Whether the layer has a trained scale (gamma). */
  scale?: boolean;
  /** Names of the variables where they do not follow from the layer's name. */
  names?: BatchNormNames;
}

export interface BatchNormNames {
  weight: string;
  bias: string;
  mean: string;
  variance: string;
}

const batchNormNames = (name: string): BatchNormNames => ({
  weight: `${name}.weight`,
  bias: `${name}.bias`,
  mean: `${name}.running_mean`,
  variance: `${name}.running_var`,
});

/**
 * Batch normalisation with `name.weight`, `name.bias`, `name.running_mean` and `name.running_var`, [C] each.
 * In training it normalises as the network's phase says and leaves the batch's mean and unbiased variance (of ghost
 * batches: their means) in `net.batchStatistics`; frozen and at inference it is an affine map with the stored ones.
 * In a network whose norms are switched to groups it is a group norm of that name, as `groupsOf` divides the channels.
 * @throws UserError GHOST_BATCH when ghost batches do not divide the batch
 */
export function batchNorm(net: Network, name: string, x: Value, options: BatchNormOptions = {}): Value {
  const { epsilon = 1e-5, names = batchNormNames(name) } = options;
  const channels = x.shape[1];
  if (net.switches.norm === 'group') {
    return groupNorm(net, name, x, { groups: groupsOf(channels), scale: options.scale, names });
  }
  return net.graph.scoped(name, () => {
    const { scale, bias } = scaleAndBias(net, names, channels, options.scale);
    const runningMean = net.buffer(names.mean, [channels], zerosInit);
    const runningVariance = net.buffer(names.variance, [channels], onesInit);
    const phase = net.normPhase(name);
    if (phase !== 'frozen') {
      const size = typeof phase === 'object' ? phase.size : x.shape[0];
      const { y, mean: average, variance } = ghostBatchNorm(name, x, scale, bias, epsilon, size);
      const count = size * x.shape[2] * x.shape[3];
      net.batchStatistics.set(names.mean, average);
      net.batchStatistics.set(names.variance, mul(variance, count / Math.max(count - 1, 1)));
      return y;
    }
    const factor = div(scale, sqrt(add(runningVariance, epsilon)));
    return channelAffine(x, factor, sub(bias, mul(runningMean, factor)));
  });
}

/** Scale (ones where the layer has none to train) and bias of a norm, [C] each. */
function scaleAndBias(
  net: Network,
  names: { weight: string; bias: string },
  channels: number,
  hasScale = true,
): { scale: Value; bias: Value } {
  const ones = { dtype: 'float32', shape: [channels], data: new Float32Array(channels).fill(1) } as const;
  const scale =
    (net.switches.gamma ?? hasScale)
      ? net.parameter(names.weight, [channels], onesInit)
      : net.graph.constant(ones);
  return { scale, bias: net.parameter(names.bias, [channels], zerosInit) };
}

/**
 * Training batch norm with the statistics of each `size` successive images. Lots become channels: in memory, where
 * channels lie outside and images inside, that moves nothing. Mean and biased variance are means over the lots.
 */
function ghostBatchNorm(
  name: string,
  x: Value,
  scale: Value,
  bias: Value,
  epsilon: number,
  size: number,
): { y: Value; mean: Value; variance: Value } {
  const [n, c, h, w] = x.shape;
  if (size === n) return batchNormOp(x, scale, bias, epsilon);
  if (!Number.isInteger(size) || size < 1 || n % size !== 0) {
    throw new UserError(
      'GHOST_BATCH',
      `Layer "${name}" is to normalise ${size} images at a time, and a batch has ${n}.`,
      'Choose a batch size that is a multiple of the ghost batch size.',
    );
  }
  const lots = n / size;
  const perLot = (vector: Value) => reshape(expand(reshape(vector, [c, 1]), [c, lots]), [c * lots]);
  const outside = reshape(transpose(x, [1, 0, 2, 3]), [1, c * lots, size * h, w]);
  const normalised = batchNormOp(outside, perLot(scale), perLot(bias), epsilon);
  const overLots = (statistic: Value) => mean(reshape(statistic, [c, lots]), [1]);
  return {
    y: transpose(reshape(normalised.y, [c, n, h, w]), [1, 0, 2, 3]),
    mean: overLots(normalised.mean),
    variance: overLots(normalised.variance),
  };
}

export interface GroupNormOptions {
  /** How many groups the channels are divided into; default 32. */
  groups?: number;
  epsilon?: number;
  /** Whether the layer has a trained scale (gamma). */
  scale?: boolean;
  /** Names of the variables where they do not follow from the layer's name. */
  names?: Pick<BatchNormNames, 'weight' | 'bias'>;
}

/**
 * Into how many groups a norm that replaces a batch norm divides its channels: 32, or where 32 does not divide them
 * or would leave single channels, the largest smaller number that divides them into groups of two or more.
 */
export function groupsOf(channels: number): number {
  const most = Math.max(1, Math.min(32, Math.floor(channels / 2)));
  return Array.from({ length: most }, (_, i) => most - i).find((groups) => channels % groups === 0)!;
}

/** Group normalisation (Wu & He, arXiv 1803.08494) with `name.weight` and `name.bias`, [C]; the same in every phase. */
export function groupNorm(net: Network, name: string, x: Value, options: GroupNormOptions = {}): Value {
  const { groups = 32, epsilon = 1e-5, names = batchNormNames(name) } = options;
  return net.graph.scoped(name, () => {
    const { scale, bias } = scaleAndBias(net, names, x.shape[1], options.scale);
    return groupNormOp(x, scale, bias, groups, epsilon);
  });
}

/** Which normalisation a model's layers have. */
export type NormLayer =
  | ({ kind: 'batch' } & BatchNormOptions)
  | ({ kind: 'group' } & GroupNormOptions)
  | { kind: 'none' };

/** The normalisation that `layer` names: for models whose norm can be chosen. */
export function normalise(net: Network, name: string, x: Value, layer: NormLayer = { kind: 'batch' }): Value {
  switch (layer.kind) {
    case 'batch':
      return batchNorm(net, name, x, layer);
    case 'group':
      return groupNorm(net, name, x, layer);
    case 'none':
      return x;
  }
}

/** y = x W^T + b with `name.weight` [out, in] and `name.bias` [out]. x is [N, in]. */
export function linear(
  net: Network,
  name: string,
  x: Value,
  out: number,
  initializer: Initializer = uniformFanIn,
): Value {
  return net.graph.scoped(name, () => {
    const weight = net.parameter(`${name}.weight`, [out, x.shape[1]], initializer);
    const bias = net.parameter(`${name}.bias`, [out], zerosInit);
    return add(matmul(x, weight, { transposeB: true }), bias);
  });
}

/**
 * Zeroes a share of the numbers and scales the others by 1 / (1 - rate); the identity at inference. The rate is that
 * of the network's switches, else `published`.
 */
export function dropout(net: Network, name: string, x: Value, published: number): Value {
  const rate = net.switches.dropout ?? published;
  if (net.phase.mode === 'inference' || rate === 0) return x;
  return net.graph.scoped(name, () => {
    const kept = step(sub(net.graph.random(name, x.shape), rate));
    return mul(mul(x, kept), 1 / (1 - rate));
  });
}

/** [N, C, H, W] -> [N, C]: the mean of each channel. */
export const globalMean = (x: Value): Value => mean(x, [2, 3]);
