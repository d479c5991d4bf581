/**
 * ResNet: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition" (arXiv 1512.03385), version 1.5:
 * bottlenecks stride in their 3x3 convolution, not in the first 1x1. ResNeXt: Xie, Girshick, Dollar, Tu, He,
 * "Aggregated Residual Transformations for Deep Neural Networks" (arXiv 1611.05431), whose 3x3 convolutions have
 * groups. Names, and so checkpoints, are torchvision's.
 */
import { add, maxPool2d, relu } from '../graph/build.ts';
import type { Value } from '../graph/graph.ts';
import { globalMean } from '../nn/layers.ts';
import type { Network } from '../nn/network.ts';
import { convNorm } from './conv-norm.ts';
import { defineModel, IMAGENET_INPUT } from './define.ts';
import { linearHead } from './heads.ts';
import type { BackboneOutput, Model } from './model.ts';

// Blocks

/** Groups of a bottleneck's 3x3 convolution, and the channels of each in a stage of 64. */
interface Grouping {
  readonly groups: number;
  readonly groupWidth: number;
}

interface BlockKind {
  /** Output channels per `width`. */
  readonly expansion: number;
  /** The residual branch; the shortcut is added outside. */
  branch(net: Network, name: string, x: Value, width: number, stride: number, grouping: Grouping): Value;
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
  branch(net, name, x, width, stride, { groups, groupWidth }) {
    const inner = ((width * groupWidth) / 64) * groups;
    const middle = { out: inner, kernel: 3, strides: stride, padding: 1, groups };
    let y = relu(convNorm(net, `${name}.conv1`, `${name}.bn1`, x, { out: inner, kernel: 1 }));
    y = relu(convNorm(net, `${name}.conv2`, `${name}.bn2`, y, middle));
    return convNorm(net, `${name}.conv3`, `${name}.bn3`, y, { out: 4 * width, kernel: 1 });
  },
};

function residual(
  net: Network,
  { kind, ...grouping }: Variant,
  name: string,
  x: Value,
  width: number,
  stride: number,
): Value {
  const out = kind.expansion * width;
  const y = kind.branch(net, name, x, width, stride, grouping);
  const projection = { out, kernel: 1, strides: stride };
  const shortcut =
    stride === 1 && x.shape[1] === out
      ? x
      : convNorm(net, `${name}.downsample.0`, `${name}.downsample.1`, x, projection);
  return relu(add(y, shortcut));
}

// Network

interface Variant extends Grouping {
  readonly kind: BlockKind;
  /** Blocks of the four stages. */
  readonly depths: readonly number[];
  /** Channels of the stem; each stage behind the first doubles them. */
  readonly width: number;
}

function backbone(net: Network, images: Value, variant: Variant): BackboneOutput {
  const { depths, width } = variant;
  const stem = { out: width, kernel: 7, strides: 2, padding: 3 };
  let x = relu(convNorm(net, 'conv1', 'bn1', images, stem));
  x = maxPool2d(x, { kernel: 3, strides: 2, padding: 1 });
  const stages = depths.map((depth, stage) => {
    for (let block = 0; block < depth; block++) {
      const stride = stage > 0 && block === 0 ? 2 : 1;
      x = residual(net, variant, `layer${stage + 1}.${block}`, x, width << stage, stride);
    }
    return x;
  });
  return { map: x, stages, features: globalMean(x) };
}

// Variants

const PAPERS = {
  ResNet: 'He et al. 2015, arXiv 1512.03385 (stride in the 3x3)',
  ResNeXt: 'Xie et al. 2016, arXiv 1611.05431',
};

function define(family: keyof typeof PAPERS, name: string, variant: Variant, size: number): Model {
  return defineModel({
    name,
    family,
    paper: PAPERS[family],
    input: { ...IMAGENET_INPUT, size },
    backbone: (net, images) => backbone(net, images, variant),
    originalHead: linearHead('fc'),
  });
}

function resnet(name: string, kind: BlockKind, depths: readonly number[], width = 64): Model {
  return define('ResNet', name, { kind, depths, width, groups: 1, groupWidth: 64 }, IMAGENET_INPUT.size);
}

function resnext(name: string, variant: Omit<Variant, 'kind'>, size = IMAGENET_INPUT.size): Model {
  return define('ResNeXt', name, { kind: BOTTLENECK, ...variant }, size);
}

export const RESNETS: readonly Model[] = [
  resnet('resnet18', BASIC, [2, 2, 2, 2]),
  resnet('resnet34', BASIC, [3, 4, 6, 3]),
  resnet('resnet50', BOTTLENECK, [3, 4, 6, 3]),
  resnet('resnet101', BOTTLENECK, [3, 4, 23, 3]),
  resnet('resnet152', BOTTLENECK, [3, 8, 36, 3]),
  // Miniature: a quarter of the channels.
  resnet('resnet18_025', BASIC, [2, 2, 2, 2], 16),
  resnext('resnext50_32x4d', { depths: [3, 4, 6, 3], width: 64, groups: 32, groupWidth: 4 }),
  resnext('resnext101_32x8d', { depths: [3, 4, 23, 3], width: 64, groups: 32, groupWidth: 8 }),
  // Miniature: one block per stage, a quarter of the channels, eight groups.
  resnext('resnext14_mini', { depths: [1, 1, 1, 1], width: 16, groups: 8, groupWidth: 16 }, 64),
];
