/**
 * MobileNet: Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision
 * Applications" (arXiv 1704.04861), with TensorFlow's details: ReLU6, SAME padding (on even sizes a stride of
 * 2 pads only at the bottom and right), bytes scaled to -1 .. 1, batch norm epsilon 1e-3, output 0 is
 * "background". Layers are conv0, dw1, pw1, .. dw13, pw13, classifier; the norm of a layer is `dw1.bn`.
 */
import { clip } from '../graph/build.ts';
import type { Value } from '../graph/graph.ts';
import { heNormal } from '../nn/init.ts';
import { type ConvLayerOptions, conv, globalMean } from '../nn/layers.ts';
import type { Network } from '../nn/network.ts';
import { convNorm } from './conv-norm.ts';
import { defineModel } from './define.ts';
import { linearHead } from './heads.ts';
import type { BackboneOutput, Model } from './model.ts';
import { samePadding } from './same-padding.ts';

// Blocks

/** How a convolution is finished before its ReLU6: `norm`, or `folded` into the weights with a bias left over. */
type Finish = 'norm' | 'folded';

function layer(net: Network, name: string, x: Value, finish: Finish, options: ConvLayerOptions): Value {
  const y =
    finish === 'norm'
      ? convNorm(net, name, `${name}.bn`, x, { ...options, epsilon: 1e-3 })
      : conv(net, name, x, { ...options, bias: true });
  return clip(y, 0, 6);
}

/** A 3x3 convolution of each channel, then a 1x1 convolution that mixes them. */
function separable(
  net: Network,
  index: number,
  x: Value,
  finish: Finish,
  out: number,
  stride: number,
): Value {
  const channels = x.shape[1];
  const y = layer(net, `dw${index}`, x, finish, {
    out: channels,
    groups: channels,
    kernel: 3,
    strides: stride,
    padding: samePadding(x, 3, stride),
    // One input channel feeds each output, so the fan of the other direction would start far too small.
    initializer: heNormal('fanIn'),
  });
  return layer(net, `pw${index}`, y, finish, { out, kernel: 1 });
}

// Network

/** Output channels at width 1 and stride of the 13 separable layers. */
const LAYERS: readonly (readonly [number, number])[] = [
  [64, 1],
  [128, 2],
  [128, 1],
  [256, 2],
  [256, 1],
  [512, 2],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [1024, 2],
  [1024, 1],
];

function backbone(net: Network, images: Value, width: number, finish: Finish): BackboneOutput {
  const stem = { out: 32 * width, kernel: 3, strides: 2, padding: samePadding(images, 3, 2) };
  let x = layer(net, 'conv0', images, finish, stem);
  const halved: Value[] = [];
  LAYERS.forEach(([out, stride], index) => {
    if (stride === 2) halved.push(x);
    x = separable(net, index + 1, x, finish, out * width, stride);
  });
  // What is halved first has stride 2.
  return { map: x, stages: [...halved.slice(1), x], features: globalMean(x) };
}

// Variants

function mobilenetV1(name: string, width: number, finish: Finish = 'norm'): Model {
  return defineModel({
    name,
    family: 'MobileNet v1',
    paper: 'Howard et al. 2017, arXiv 1704.04861',
    input: { size: 224, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
    backbone: (net, images) => backbone(net, images, width, finish),
    originalHead: linearHead('classifier', { classes: 1001 }),
  });
}

export const MOBILENETS_V1: readonly Model[] = [
  mobilenetV1('mobilenet_v1', 1),
  mobilenetV1('mobilenet_v1_075', 0.75),
  mobilenetV1('mobilenet_v1_050', 0.5),
  mobilenetV1('mobilenet_v1_025', 0.25),
  mobilenetV1('mobilenet_v1_025_folded', 0.25, 'folded'),
];
