/**
 * DenseNet: Huang, Liu, van der Maaten, Weinberger, "Densely Connected Convolutional Networks"
 * (arXiv 1608.06993), with bottlenecks and halving transitions (DenseNet-BC). Names are those of torchvision's
 * networks (`denselayer1.norm1.weight`); its oldest files wrote `norm.1`.
 */
import { averagePool2d, concat, maxPool2d, relu } from '../graph/build.ts';
import type { Value } from '../graph/graph.ts';
import { heNormal } from '../nn/init.ts';
import { batchNorm, type ConvLayerOptions, conv, globalMean, linear } from '../nn/layers.ts';
import type { Network } from '../nn/network.ts';
import { defineModel, IMAGENET_INPUT } from './define.ts';
import type { BackboneOutput, Model } from './model.ts';

// Blocks

function normConv(
  net: Network,
  names: readonly [norm: string, conv: string],
  x: Value,
  options: ConvLayerOptions,
): Value {
  return conv(net, names[1], relu(batchNorm(net, names[0], x)), {
    initializer: heNormal('fanIn'),
    ...options,
  });
}

/**
 * Each layer sees everything before it in the block, side by side, and adds `growth` channels. They are put behind
 * the others one by one, so that a gradient is taken apart in two pieces per layer and not in all of them.
 */
function denseBlock(net: Network, name: string, x: Value, layers: number, growth: number): Value {
  let seen = x;
  for (let layer = 1; layer <= layers; layer++) {
    const prefix = `${name}.denselayer${layer}`;
    const narrow = { out: 4 * growth, kernel: 1 };
    const added = { out: growth, kernel: 3, padding: 1 };
    const y = normConv(net, [`${prefix}.norm1`, `${prefix}.conv1`], seen, narrow);
    seen = concat([seen, normConv(net, [`${prefix}.norm2`, `${prefix}.conv2`], y, added)], 1);
  }
  return seen;
}

/** Half the channels, half the size. */
function transition(net: Network, name: string, x: Value): Value {
  const halved = { out: x.shape[1] / 2, kernel: 1 };
  return averagePool2d(normConv(net, [`${name}.norm`, `${name}.conv`], x, halved), { kernel: 2 });
}

// Network

const GROWTH = 32;

function backbone(net: Network, images: Value, depths: readonly number[]): BackboneOutput {
  const initializer = heNormal('fanIn');
  const stem = { out: 2 * GROWTH, kernel: 7, strides: 2, padding: 3, initializer };
  let x = relu(batchNorm(net, 'features.norm0', conv(net, 'features.conv0', images, stem)));
  x = maxPool2d(x, { kernel: 3, strides: 2, padding: 1 });
  depths.forEach((layers, index) => {
    x = denseBlock(net, `features.denseblock${index + 1}`, x, layers, GROWTH);
    if (index < depths.length - 1) x = transition(net, `features.transition${index + 1}`, x);
  });
  const map = relu(batchNorm(net, 'features.norm5', x));
  return { map, features: globalMean(map) };
}

// Variants

function densenet(depth: number, depths: readonly number[]): Model {
  return defineModel({
    name: `densenet${depth}`,
    family: 'DenseNet',
    paper: 'Huang et al. 2016, arXiv 1608.06993',
    input: IMAGENET_INPUT,
    backbone: (net, images) => backbone(net, images, depths),
    originalHead: {
      classes: 1000,
      prefixes: ['classifier.'],
      logits: (net, { features }) => linear(net, 'classifier', features, 1000),
    },
  });
}

export const DENSENETS: readonly Model[] = [
  densenet(121, [6, 12, 24, 16]),
  densenet(169, [6, 12, 32, 32]),
  densenet(201, [6, 12, 48, 32]),
];
