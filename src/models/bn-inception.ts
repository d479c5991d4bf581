/**
 * BN-Inception, or Inception v2: Ioffe, Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing
 * Internal Covariate Shift" (arXiv 1502.03167), figure 5. Names are those of the weights that circulate for PyTorch
 * (`bninception` of pretrainedmodels). These come from Caffe, and so do its details: convolutions keep their biases
 * before the norms, poolings round up, blue comes first and pixels go from 0 to 255. TF-Slim has changed more
 * about it: inception-v2.ts.
 */
import { concat, maxPool2d, relu, slice } from '../graph/build.ts';
import type { Value } from '../graph/graph.ts';
import { type ConvLayerOptions, globalMean } from '../nn/layers.ts';
import type { Network } from '../nn/network.ts';
import { convNorm } from './conv-norm.ts';
import { defineModel } from './define.ts';
import { linearHead } from './heads.ts';
import { sideBySide, smoothingPool } from './inception-layers.ts';
import type { BackboneOutput, InputSpecification, Model } from './model.ts';

// Blocks

/** Channels of a module of figure 5. */
export interface BnInceptionModule {
  /** Channels of the 1x1 branch; modules that halve the map have none. */
  readonly point?: number;
  /** Channels of the 3x3 branch, before and of the 3x3. */
  readonly single: readonly [number, number];
  /** Channels of the branch with two 3x3. */
  readonly double: readonly [number, number];
  /** Kind of pooling, and channels of the 1x1 behind it; modules that halve the map have none. */
  readonly pool: readonly ['average' | 'max', number] | 'halve';
}

class Layers {
  constructor(
    private readonly net: Network,
    private readonly width: number,
  ) {}

  /** Convolution `name` with bias, norm `name_bn`, ReLU. */
  unit(name: string, x: Value, options: ConvLayerOptions): Value {
    const out = Math.round(options.out * this.width);
    return relu(convNorm(this.net, name, `${name}_bn`, x, { ...options, out, bias: true }));
  }
}

const halve = (x: Value): Value => maxPool2d(x, { kernel: 3, strides: 2, ceilMode: true });

function pooled(layers: Layers, name: string, x: Value, pool: BnInceptionModule['pool']): Value {
  if (pool === 'halve') return halve(x);
  const [kind, out] = pool;
  const y = kind === 'average' ? smoothingPool(x, true) : maxPool2d(x, { kernel: 3, strides: 1, padding: 1 });
  return layers.unit(`${name}_pool_proj`, y, { out, kernel: 1 });
}

function inception(
  layers: Layers,
  name: string,
  x: Value,
  { point, single, double, pool }: BnInceptionModule,
): Value {
  const last = { kernel: 3, padding: 1, strides: pool === 'halve' ? 2 : 1 };
  const branches = point ? [layers.unit(`${name}_1x1`, x, { out: point, kernel: 1 })] : [];
  const one = layers.unit(`${name}_3x3_reduce`, x, { out: single[0], kernel: 1 });
  branches.push(layers.unit(`${name}_3x3`, one, { ...last, out: single[1] }));
  let two = layers.unit(`${name}_double_3x3_reduce`, x, { out: double[0], kernel: 1 });
  two = layers.unit(`${name}_double_3x3_1`, two, { out: double[1], kernel: 3, padding: 1 });
  branches.push(layers.unit(`${name}_double_3x3_2`, two, { ...last, out: double[1] }));
  return sideBySide([...branches, pooled(layers, name, x, pool)]);
}

// Network

export const BN_INCEPTION_MODULES: readonly (readonly [name: string, BnInceptionModule])[] = [
  ['3a', { point: 64, single: [64, 64], double: [64, 96], pool: ['average', 32] }],
  ['3b', { point: 64, single: [64, 96], double: [64, 96], pool: ['average', 64] }],
  ['3c', { single: [128, 160], double: [64, 96], pool: 'halve' }],
  ['4a', { point: 224, single: [64, 96], double: [96, 128], pool: ['average', 128] }],
  ['4b', { point: 192, single: [96, 128], double: [96, 128], pool: ['average', 128] }],
  ['4c', { point: 160, single: [128, 160], double: [128, 160], pool: ['average', 128] }],
  ['4d', { point: 96, single: [128, 192], double: [160, 192], pool: ['average', 128] }],
  ['4e', { single: [128, 192], double: [192, 256], pool: 'halve' }],
  ['5a', { point: 352, single: [192, 320], double: [160, 224], pool: ['average', 128] }],
  ['5b', { point: 352, single: [192, 320], double: [192, 224], pool: ['max', 128] }],
];

/** Red, green, blue to blue, green, red. */
function blueFirst(images: Value): Value {
  const [n, , height, width] = images.shape;
  const channel = (c: number) => slice(images, [0, c, 0, 0], [n, c + 1, height, width]);
  return concat([channel(2), channel(1), channel(0)], 1);
}

function backbone(net: Network, images: Value, width: number): BackboneOutput {
  const layers = new Layers(net, width);
  const stem = { out: 64, kernel: 7, strides: 2, padding: 3 };
  let x = halve(layers.unit('conv1_7x7_s2', blueFirst(images), stem));
  x = layers.unit('conv2_3x3_reduce', x, { out: 64, kernel: 1 });
  x = halve(layers.unit('conv2_3x3', x, { out: 192, kernel: 3, padding: 1 }));
  for (const [name, module] of BN_INCEPTION_MODULES) x = inception(layers, `inception_${name}`, x, module);
  return { map: x, features: globalMean(x) };
}

// Variants

/** Caffe's mean pixel, and no scale, as the published weights want it. */
const CAFFE_INPUT: InputSpecification = {
  size: 224,
  mean: [128 / 255, 117 / 255, 104 / 255],
  std: [1 / 255, 1 / 255, 1 / 255],
};

function bnInception(name: string, width: number, size: number): Model {
  return defineModel({
    name,
    family: 'BN-Inception',
    paper: 'Ioffe, Szegedy 2015, arXiv 1502.03167',
    input: { ...CAFFE_INPUT, size },
    backbone: (net, images) => backbone(net, images, width),
    originalHead: linearHead('last_linear'),
  });
}

export const BN_INCEPTIONS: readonly Model[] = [
  bnInception('bn_inception', 1, 224),
  // Miniature: a quarter of the channels.
  bnInception('bn_inception_025', 0.25, 64),
];
