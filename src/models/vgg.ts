/**
 * VGG: Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition"
 * (arXiv 1409.1556), configuration D. Its features are those of the second fully connected layer, so the backbone
 * ends behind `classifier.3` and only `classifier.6` is the head. Names are torchvision's: positions in its
 * sequences, where activations, poolings and dropouts count too.
 */
import { maxPool2d, relu, reshape } from '../graph/build.ts';
import type { Value } from '../graph/graph.ts';
import { adaptiveMean } from '../nn/adaptive-mean.ts';
import { heNormal, normalInit } from '../nn/init.ts';
import { batchNorm, conv, dropout, linear } from '../nn/layers.ts';
import type { Network } from '../nn/network.ts';
import { defineModel, IMAGENET_INPUT } from './define.ts';
import { linearHead } from './heads.ts';
import type { BackboneOutput, Model } from './model.ts';

interface Variant {
  /** Whether a batch norm stands behind every convolution, which keeps its bias all the same. */
  readonly norm: boolean;
  /** Output channels of the 3x3 convolutions of each stage; a pooling ends the stage. */
  readonly stages: readonly (readonly number[])[];
  /** Width of the two fully connected layers. */
  readonly hidden: number;
}

// Network

/** The grid that the fully connected layers take: 224 px halved five times. */
const GRID = 7;

const DROPOUT = 0.5;

function backbone(net: Network, images: Value, { norm, stages, hidden }: Variant): BackboneOutput {
  let x = images;
  let position = 0;
  const last: Value[] = [];
  for (const stage of stages) {
    for (const out of stage) {
      // Without batch norm the forward variance counts, hence the fan of the inputs.
      const initializer = heNormal(norm ? 'fanOut' : 'fanIn');
      x = conv(net, `features.${position}`, x, { out, kernel: 3, padding: 1, bias: true, initializer });
      if (norm) x = batchNorm(net, `features.${position + 1}`, x);
      x = relu(x);
      position += norm ? 3 : 2;
    }
    last.push(x);
    x = maxPool2d(x, { kernel: 2 });
    position++;
  }
  const map = x;
  const cells = reshape(adaptiveMean(map, GRID), [map.shape[0], map.shape[1] * GRID * GRID]);
  // Torchvision's deviation at the published width; narrower layers sum fewer numbers.
  const initializer = normalInit(0.01 * Math.sqrt(4096 / hidden));
  x = relu(linear(net, 'classifier.0', cells, hidden, initializer));
  x = dropout(net, 'classifier.2', x, DROPOUT);
  const features = relu(linear(net, 'classifier.3', x, hidden, initializer));
  return { map, stages: [...last.slice(2), map], features };
}

// Variants

/** Any network of the family; tests make narrow ones. */
export function vgg(name: string, variant: Variant, size = IMAGENET_INPUT.size): Model {
  return defineModel({
    name,
    family: 'VGG',
    paper: 'Simonyan, Zisserman 2014, arXiv 1409.1556',
    input: { ...IMAGENET_INPUT, size },
    dropout: DROPOUT,
    backbone: (net, images) => backbone(net, images, variant),
    originalHead: linearHead('classifier.6', {
      initializer: normalInit(0.01),
      dropout: ['classifier.5', DROPOUT],
    }),
  });
}

const CONFIGURATION_D = [
  [64, 64],
  [128, 128],
  [256, 256, 256],
  [512, 512, 512],
  [512, 512, 512],
];

/** An eighth of the channels, and half the convolutions of the deeper stages. */
const MINIATURE = { stages: [[8], [16], [32, 32], [64, 64], [64, 64]], hidden: 128 };

export const VGGS: readonly Model[] = [
  vgg('vgg16', { norm: false, stages: CONFIGURATION_D, hidden: 4096 }),
  vgg('vgg16_bn', { norm: true, stages: CONFIGURATION_D, hidden: 4096 }),
  vgg('vgg_mini', { norm: false, ...MINIATURE }, 64),
  vgg('vgg_mini_bn', { norm: true, ...MINIATURE }, 64),
];
