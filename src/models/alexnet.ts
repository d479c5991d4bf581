/**
 * AlexNet: Krizhevsky, Sutskever, Hinton, "ImageNet Classification with Deep Convolutional Neural Networks" (NIPS
 * 2012), in the form without groups and response norms of Krizhevsky, "One weird trick for parallelizing convolutional
 * neural networks" (arXiv 1404.5997), which torchvision has. Its features are those of the second fully connected
 * layer (fc7), so the backbone ends behind `classifier.4` and only `classifier.6` is the head.
 */
import { maxPool2d, relu, reshape } from '../graph/build.ts';
import type { Value } from '../graph/graph.ts';
import { adaptiveMean } from '../nn/adaptive-mean.ts';
import { heNormal, normalInit } from '../nn/init.ts';
import { conv, dropout, linear } from '../nn/layers.ts';
import type { Network } from '../nn/network.ts';
import { defineModel, IMAGENET_INPUT } from './define.ts';
import { linearHead } from './heads.ts';
import type { BackboneOutput, Model } from './model.ts';

// Network

interface Convolution {
  /** Position in torchvision's sequence, where activations and poolings count too. */
  readonly position: number;
  readonly out: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  /** Whether a max pooling follows. */
  readonly pooled: boolean;
}

const CONVOLUTIONS: readonly Convolution[] = [
  { position: 0, out: 64, kernel: 11, stride: 4, padding: 2, pooled: true },
  { position: 3, out: 192, kernel: 5, stride: 1, padding: 2, pooled: true },
  { position: 6, out: 384, kernel: 3, stride: 1, padding: 1, pooled: false },
  { position: 8, out: 256, kernel: 3, stride: 1, padding: 1, pooled: false },
  { position: 10, out: 256, kernel: 3, stride: 1, padding: 1, pooled: true },
];

/** The grid that the fully connected layers take, and their width. */
const GRID = 6;
const HIDDEN = 4096;
const DROPOUT = 0.5;

function backbone(net: Network, images: Value, width: number): BackboneOutput {
  let x = images;
  for (const { position, out, kernel, stride, padding, pooled } of CONVOLUTIONS) {
    const shape = { out: out * width, kernel, strides: stride, padding };
    // Without batch norm the forward variance counts, hence the fan of the inputs.
    x = relu(conv(net, `features.${position}`, x, { ...shape, bias: true, initializer: heNormal('fanIn') }));
    if (pooled) x = maxPool2d(x, { kernel: 3, strides: 2 });
  }
  const map = x;
  const cells = reshape(adaptiveMean(map, GRID), [map.shape[0], map.shape[1] * GRID * GRID]);
  x = dropout(net, 'classifier.0', cells, DROPOUT);
  x = relu(linear(net, 'classifier.1', x, HIDDEN * width, heNormal('fanIn')));
  x = dropout(net, 'classifier.3', x, DROPOUT);
  return { map, features: relu(linear(net, 'classifier.4', x, HIDDEN * width, heNormal('fanIn'))) };
}

// Variants

function alexnet(name: string, width: number, size: number): Model {
  return defineModel({
    name,
    family: 'AlexNet',
    paper: 'Krizhevsky 2014, arXiv 1404.5997',
    input: { ...IMAGENET_INPUT, size },
    backbone: (net, images) => backbone(net, images, width),
    originalHead: linearHead('classifier.6', { initializer: normalInit(0.01) }),
  });
}

export const ALEXNETS: readonly Model[] = [
  alexnet('alexnet', 1, IMAGENET_INPUT.size),
  // Miniature: an eighth of the channels.
  alexnet('alexnet_mini', 0.125, 64),
];
