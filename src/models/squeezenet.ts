/**
 * SqueezeNet 1.1: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB
 * model size" (arXiv 1602.07360), in the cheaper version of the authors' repository. Names are torchvision's.
 */
import { concat, maxPool2d, relu } from '../graph/build.ts';
import type { Value } from '../graph/graph.ts';
import { heNormal, normalInit } from '../nn/init.ts';
import { type ConvLayerOptions, conv, dropout, globalMean } from '../nn/layers.ts';
import type { Network } from '../nn/network.ts';
import { defineModel, IMAGENET_INPUT } from './define.ts';
import type { BackboneOutput, Model } from './model.ts';

// Blocks

function activated(net: Network, name: string, x: Value, options: ConvLayerOptions): Value {
  // Without batch norm the forward variance counts, hence the fan of the inputs.
  return relu(conv(net, name, x, { bias: true, initializer: heNormal('fanIn'), ...options }));
}

/** A 1x1 squeeze to few channels, then 1x1 and 3x3 expansions side by side. */
function fire(net: Network, name: string, x: Value, squeeze: number, expand: number): Value {
  const narrow = activated(net, `${name}.squeeze`, x, { out: squeeze, kernel: 1 });
  const pointwise = activated(net, `${name}.expand1x1`, narrow, { out: expand, kernel: 1 });
  const spatial = activated(net, `${name}.expand3x3`, narrow, { out: expand, kernel: 3, padding: 1 });
  return concat([pointwise, spatial], 1);
}

// Network

/** Position in the sequence -> squeeze and expand channels of a fire module; `pool` halves the map. */
const LAYERS: readonly (readonly [number, 'pool' | readonly [number, number]])[] = [
  [2, 'pool'],
  [3, [16, 64]],
  [4, [16, 64]],
  [5, 'pool'],
  [6, [32, 128]],
  [7, [32, 128]],
  [8, 'pool'],
  [9, [48, 192]],
  [10, [48, 192]],
  [11, [64, 256]],
  [12, [64, 256]],
];

function backbone(net: Network, images: Value): BackboneOutput {
  let x = activated(net, 'features.0', images, { out: 64, kernel: 3, strides: 2 });
  for (const [position, layer] of LAYERS) {
    x =
      layer === 'pool'
        ? maxPool2d(x, { kernel: 3, strides: 2, ceilMode: true })
        : fire(net, `features.${position}`, x, ...layer);
  }
  return { map: x, features: globalMean(x) };
}

/** A 1x1 convolution of the map to the classes, ReLU, then the mean: logits are never negative. */
function originalLogits(net: Network, { map }: BackboneOutput): Value {
  const initializer = normalInit(0.01);
  const kept = dropout(net, 'classifier.0', map, 0.5);
  return globalMean(activated(net, 'classifier.1', kept, { out: 1000, kernel: 1, initializer }));
}

// Variants

export const SQUEEZENETS: readonly Model[] = [
  defineModel({
    name: 'squeezenet1_1',
    family: 'SqueezeNet',
    paper: 'Iandola et al. 2016, arXiv 1602.07360',
    input: IMAGENET_INPUT,
    backbone,
    originalHead: { classes: 1000, prefixes: ['classifier.'], logits: originalLogits },
  }),
];
