/**
 * ResNet: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition" (arXiv 1512.03385), version 1.5:
 * bottlenecks stride in their 3x3 convolution, not in the first 1x1. Names, and so checkpoints, are torchvision's.
 */
import { add, maxPool2d, relu } from '../graph/build.ts';
import type { Value } from '../graph/graph.ts';
import { globalMean, linear } from '../nn/layers.ts';
import type { Network } from '../nn/network.ts';
import { convNorm } from './conv-norm.ts';
import { defineModel, IMAGENET_INPUT } from './define.ts';
import type { BackboneOutput, Model } from './model.ts';

// Blocks

interface BlockKind {
  /** Output channels per `width`. */
  readonly expansion: number;
  /** The residual branch; the shortcut is added outside. */
  branch(net: Network, name: string, x: Value, width: number, stride: number): Value;
}

const BASIC: BlockKind = {
  expansion: 1,
  branch(net, name, x, width, stride) {
    const first = { out: width, kernel: 3, strides: stride, padding: 1 };
    const y = relu(convNorm(net, `${name}.conv1`, `${name}.bn1`, x, first));
    return convNorm(net, `${name}.conv2`, `${name}.bn2`, y, { out: width, kernel: 3, padding: 1 });
  },
};

const BOTTLENECK: BlockKind = {
  expansion: 4,
  branch(net, name, x, width, stride) {
    const middle = { out: width, kernel: 3, strides: stride, padding: 1 };
    let y = relu(convNorm(net, `${name}.conv1`, `${name}.bn1`, x, { out: width, kernel: 1 }));
    y = relu(convNorm(net, `${name}.conv2`, `${name}.bn2`, y, middle));
    return convNorm(net, `${name}.conv3`, `${name}.bn3`, y, { out: 4 * width, kernel: 1 });
  },
};

function residual(
  net: Network,
  kind: BlockKind,
  name: string,
  x: Value,
  width: number,
  stride: number,
): Value {
  const out = kind.expansion * width;
  const y = kind.branch(net, name, x, width, stride);
  const projection = { out, kernel: 1, strides: stride };
  const shortcut =
    stride === 1 && x.shape[1] === out
      ? x
      : convNorm(net, `${name}.downsample.0`, `${name}.downsample.1`, x, projection);
  return relu(add(y, shortcut));
}

// Network

interface Variant {
  readonly kind: BlockKind;
  /** Blocks of the four stages. */
  readonly depths: readonly number[];
  /** Channels of the stem; each stage behind the first doubles them. */
  readonly width: number;
}

function backbone(net: Network, images: Value, { kind, depths, width }: Variant): BackboneOutput {
  const stem = { out: width, kernel: 7, strides: 2, padding: 3 };
  let x = relu(convNorm(net, 'conv1', 'bn1', images, stem));
  x = maxPool2d(x, { kernel: 3, strides: 2, padding: 1 });
  depths.forEach((depth, stage) => {
    for (let block = 0; block < depth; block++) {
      const stride = stage > 0 && block === 0 ? 2 : 1;
      x = residual(net, kind, `layer${stage + 1}.${block}`, x, width << stage, stride);
    }
  });
  return { map: x, features: globalMean(x) };
}

// Variants

function resnet(name: string, kind: BlockKind, depths: readonly number[], width = 64): Model {
  return defineModel({
    name,
    family: 'ResNet',
    paper: 'He et al. 2015, arXiv 1512.03385 (stride in the 3x3)',
    input: IMAGENET_INPUT,
    backbone: (net, images) => backbone(net, images, { kind, depths, width }),
    originalHead: {
      classes: 1000,
      prefixes: ['fc.'],
      logits: (net, { features }) => linear(net, 'fc', features, 1000),
    },
  });
}

export const RESNETS: readonly Model[] = [
  resnet('resnet18', BASIC, [2, 2, 2, 2]),
  resnet('resnet34', BASIC, [3, 4, 6, 3]),
  resnet('resnet50', BOTTLENECK, [3, 4, 6, 3]),
  resnet('resnet101', BOTTLENECK, [3, 4, 23, 3]),
  resnet('resnet152', BOTTLENECK, [3, 8, 36, 3]),
  // Miniature: a quarter of the channels.
  resnet('resnet18_025', BASIC, [2, 2, 2, 2], 16),
];
