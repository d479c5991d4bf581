/** Layers: functions from value to value that declare their parameters under a name, the checkpoint key's prefix. */
import {
  add,
  batchNorm as batchNormOp,
  type ConvOptions,
  channelAffine,
  conv2d,
  div,
  matmul,
  mean,
  mul,
  type PairLike,
  reshape,
  sqrt,
  step,
  sub,
} from '../graph/build.ts';
import type { Value } from '../graph/graph.ts';
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
 * In training it normalises with the batch and leaves the batch's mean and unbiased variance in
 * `net.batchStatistics`; frozen and at inference it is an affine map with the stored statistics.
 */
export function batchNorm(net: Network, name: string, x: Value, options: BatchNormOptions = {}): Value {
  const { epsilon = 1e-5, scale: hasScale = true, names = batchNormNames(name) } = options;
  const [n, channels, height, width] = x.shape;
  return net.graph.scoped(name, () => {
    const scale = hasScale
      ? net.parameter(names.weight, [channels], onesInit)
      : net.graph.constant({ dtype: 'float32', shape: [channels], data: new Float32Array(channels).fill(1) });
    const bias = net.parameter(names.bias, [channels], zerosInit);
    const runningMean = net.buffer(names.mean, [channels], zerosInit);
    const runningVariance = net.buffer(names.variance, [channels], onesInit);
    if (net.phase.mode === 'train' && net.phase.norm === 'batch') {
      const { y, mean: average, variance } = batchNormOp(x, scale, bias, epsilon);
      const count = n * height * width;
      net.batchStatistics.set(names.mean, average);
      net.batchStatistics.set(names.variance, mul(variance, count / Math.max(count - 1, 1)));
      return y;
    }
    const factor = div(scale, sqrt(add(runningVariance, epsilon)));
    return channelAffine(x, factor, sub(bias, mul(runningMean, factor)));
  });
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

/** Zeroes a share `rate` of the numbers and scales the others by 1 / (1 - rate); the identity at inference. */
export function dropout(net: Network, name: string, x: Value, rate: number): Value {
  if (net.phase.mode === 'inference' || rate === 0) return x;
  return net.graph.scoped(name, () => {
    const kept = step(sub(net.graph.random(name, x.shape), rate));
    return mul(mul(x, kept), 1 / (1 - rate));
  });
}

/** [N, C, H, W] -> [N, C]: the mean of each channel. */
export const globalMean = (x: Value): Value => mean(x, [2, 3]);
