/**
 * DenseNet: Huang, Liu, van der Maaten, Weinberger, "Densely Connected Convolutional Networks"
 * (arXiv 1608.06993), with bottlenecks and halving transitions (DenseNet-BC). Names are those of torchvision's
 * networks (`denselayer1.norm1.weight`); its oldest files wrote `norm.1`.
 */
import { averagePool2d, concat, maxPool2d, relu } from '../graph/build.ts';
import type { Value } from '../graph/graph.ts';
import { heNormal } from '../nn/init.ts';
import { batchNorm, type ConvLayerOptions, conv, globalMean } from '../nn/layers.ts';
import type { Network } from '../nn/network.ts';
import { defineModel, IMAGENET_INPUT } from './define.ts';
import { linearHead } from './heads.ts';
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

/** The end of a block, with its norm and ReLU; what detectors take of it. */
const ended = (net: Network, normName: string, x: Value): Value => relu(batchNorm(net, normName, x));

/** Half the channels, half the size. */
function transition(net: Network, convName: string, x: Value): Value {
  const halved = { out: Math.floor(x.shape[1] / 2), kernel: 1, initializer: heNormal('fanIn') };
  return averagePool2d(conv(net, convName, x, halved), { kernel: 2 });
}

// Network

interface Variant {
  /** Layers of the blocks. */
  readonly depths: readonly number[];
  /** Channels that a layer adds. */
  readonly growth: number;
}

function backbone(net: Network, images: Value, { depths, growth }: Variant): BackboneOutput {
  const initializer = heNormal('fanIn');
  const stem = { out: 2 * growth, kernel: 7, strides: 2, padding: 3, initializer };
  let x = relu(batchNorm(net, 'features.norm0', conv(net, 'features.conv0', images, stem)));
  x = maxPool2d(x, { kernel: 3, strides: 2, padding: 1 });
  const stages = depths.map((layers, index) => {
    const number = index + 1;
    x = denseBlock(net, `features.denseblock${number}`, x, layers, growth);
    if (number === depths.length) return ended(net, 'features.norm5', x);
    const end = ended(net, `features.transition${number}.norm`, x);
    x = transition(net, `features.transition${number}.conv`, end);
    return end;
  });
  const map = stages[stages.length - 1];
  return { map, stages, features: globalMean(map) };
}

// Variants

function densenet(name: string, variant: Variant, size = IMAGENET_INPUT.size): Model {
  return defineModel({
    name,
    family: 'DenseNet',
    paper: 'Huang et al. 2016, arXiv 1608.06993',
    input: { ...IMAGENET_INPUT, size },
    backbone: (net, images) => backbone(net, images, variant),
    originalHead: linearHead('classifier'),
  });
}

export const DENSENETS: readonly Model[] = [
  densenet('densenet121', { depths: [6, 12, 24, 16], growth: 32 }),
  densenet('densenet169', { depths: [6, 12, 32, 32], growth: 32 }),
  densenet('densenet201', { depths: [6, 12, 48, 32], growth: 32 }),
  // Miniature: a sixth of the layers, three eighths of the growth.
  densenet('densenet_mini', { depths: [1, 2, 4, 3], growth: 12 }, 64),
];
