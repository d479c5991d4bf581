/**
 * The tiny Darknet classifier: Redmon, "Darknet: Open Source Neural Networks in C"
 * (https://pjreddie.com/darknet/tiny-darknet, 2016). Layers are conv1 .. conv16 and bn1 .. bn15; the order of its
 * classes is Darknet's own.
 */
import { leakyRelu, maxPool2d } from '../graph/build.ts';
import type { Value } from '../graph/graph.ts';
import { conv, globalMean } from '../nn/layers.ts';
import type { Network } from '../nn/network.ts';
import { convNorm } from './conv-norm.ts';
import { defineModel, IMAGENET_INPUT } from './define.ts';
import type { BackboneOutput, Model } from './model.ts';

// Blocks

function layer(net: Network, index: number, x: Value, out: number, kernel: number): Value {
  const options = { out, kernel, padding: (kernel - 1) / 2, epsilon: 1e-3 };
  return leakyRelu(convNorm(net, `conv${index}`, `bn${index}`, x, options), 0.1);
}

// Network

/** Output channels and kernel of layers 1 to 15. */
const LAYERS: readonly (readonly [number, number])[] = [
  [16, 3],
  [32, 3],
  [16, 1],
  [128, 3],
  [16, 1],
  [128, 3],
  [32, 1],
  [256, 3],
  [32, 1],
  [256, 3],
  [64, 1],
  [512, 3],
  [64, 1],
  [512, 3],
  [128, 1],
];
const POOLED_LAYERS = [1, 2, 6, 10];

function backbone(net: Network, images: Value): BackboneOutput {
  let x = images;
  LAYERS.forEach(([out, kernel], position) => {
    x = layer(net, position + 1, x, out, kernel);
    if (POOLED_LAYERS.includes(position + 1)) x = maxPool2d(x, { kernel: 2 });
  });
  return { map: x, features: globalMean(x) };
}

// Variants

export const DARKNETS: readonly Model[] = [
  defineModel({
    name: 'darknet_tiny',
    family: 'Darknet',
    paper: 'Redmon 2016, pjreddie.com/darknet/tiny-darknet',
    input: { ...IMAGENET_INPUT, mean: [0, 0, 0], std: [1, 1, 1] },
    backbone,
    originalHead: {
      classes: 1000,
      prefixes: ['conv16.'],
      logits: (net, { map }) => globalMean(conv(net, 'conv16', map, { out: 1000, kernel: 1, bias: true })),
    },
  }),
];
