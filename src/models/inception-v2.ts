/**
 * Inception v2 as TF-Slim has it, the BN-Inception of Kornblith et al.: the modules of Ioffe, Szegedy (arXiv 1502.03167)
 * with 96 instead of 128 channels behind two poolings, on a separable first convolution, with TensorFlow's padding
 * (SAME, which pads even sizes only at the bottom and right), and pixels from -1 to 1. Names are TF-Slim's with dots,
 * and `.conv` and `.bn` for the two parts of a unit; output 0 is "background".
 */
import { averagePool2d, maxPool2d, relu } from '../graph/build.ts';
import type { Value } from '../graph/graph.ts';
import { heNormal } from '../nn/init.ts';
import { conv, globalMean } from '../nn/layers.ts';
import type { Network } from '../nn/network.ts';
import { BN_INCEPTION_MODULES, type BnInceptionModule } from './bn-inception.ts';
import { convNorm } from './conv-norm.ts';
import { defineModel } from './define.ts';
import { linearHead } from './heads.ts';
import { INCEPTION_INPUT, sideBySide } from './inception-layers.ts';
import type { BackboneOutput, Model } from './model.ts';
import { samePadding } from './same-padding.ts';

// Blocks

interface UnitOptions {
  readonly out: number;
  readonly kernel: number;
  readonly strides?: number;
}

/** Convolution, norm, ReLU. */
function unit(net: Network, name: string, x: Value, options: UnitOptions): Value {
  const { kernel, strides = 1 } = options;
  const padding = samePadding(x, kernel, strides);
  const y = convNorm(net, `${name}.conv`, `${name}.bn`, x, { ...options, padding, epsilon: 1e-3 });
  return relu(y);
}

/** Each colour by eight 7 x 7 kernels, then a mixture; only what is mixed has a norm. */
function separableStem(net: Network, name: string, images: Value, out: number): Value {
  const perColour = {
    out: 8 * images.shape[1],
    groups: images.shape[1],
    kernel: 7,
    strides: 2,
    padding: samePadding(images, 7, 2),
    initializer: heNormal('fanIn'),
  };
  return unit(net, name, conv(net, `${name}.depthwise`, images, perColour), { out, kernel: 1 });
}

const pool = (x: Value, strides: number) => ({ kernel: 3, strides, padding: samePadding(x, 3, strides) });
const halve = (x: Value): Value => maxPool2d(x, pool(x, 2));

function pooled(net: Network, name: string, x: Value, kind: BnInceptionModule['pool']): Value {
  if (kind === 'halve') return halve(x);
  const y = kind[0] === 'average' ? averagePool2d(x, pool(x, 1)) : maxPool2d(x, pool(x, 1));
  return unit(net, `${name}.Conv2d_0b_1x1`, y, { out: kind[1], kernel: 1 });
}

function inception(net: Network, name: string, x: Value, module: BnInceptionModule): Value {
  const { point, single, double } = module;
  const halves = module.pool === 'halve';
  const strides = halves ? 2 : 1;
  const branch = (index: number) => `${name}.Branch_${point ? index : index - 1}`;
  const first = (index: number, out: number) =>
    unit(net, `${branch(index)}.Conv2d_0a_1x1`, x, { out, kernel: 1 });
  const branches = point ? [first(0, point)] : [];
  const last = (index: number, letter: 'b' | 'c', y: Value, out: number) =>
    unit(net, `${branch(index)}.Conv2d_${halves ? '1a' : `0${letter}`}_3x3`, y, { out, kernel: 3, strides });
  branches.push(last(1, 'b', first(1, single[0]), single[1]));
  const middle = { out: double[1], kernel: 3 };
  const two = unit(net, `${branch(2)}.Conv2d_0b_3x3`, first(2, double[0]), middle);
  branches.push(last(2, 'c', two, double[1]));
  return sideBySide([...branches, pooled(net, branch(3), x, module.pool)]);
}

// Network

/** TF-Slim's names of the paper's modules, and what it changed about them. */
const MODULES: readonly (readonly [paper: string, name: string, change?: Partial<BnInceptionModule>])[] = [
  ['3a', 'Mixed_3b'],
  ['3b', 'Mixed_3c'],
  ['3c', 'Mixed_4a'],
  ['4a', 'Mixed_4b'],
  ['4b', 'Mixed_4c'],
  ['4c', 'Mixed_4d', { pool: ['average', 96] }],
  ['4d', 'Mixed_4e', { pool: ['average', 96] }],
  ['4e', 'Mixed_5a'],
  ['5a', 'Mixed_5b'],
  ['5b', 'Mixed_5c'],
];

function backbone(net: Network, images: Value): BackboneOutput {
  const published = new Map(BN_INCEPTION_MODULES);
  let x = halve(separableStem(net, 'Conv2d_1a_7x7', images, 64));
  x = unit(net, 'Conv2d_2b_1x1', x, { out: 64, kernel: 1 });
  x = halve(unit(net, 'Conv2d_2c_3x3', x, { out: 192, kernel: 3 }));
  for (const [paper, name, change] of MODULES) {
    x = inception(net, name, x, { ...published.get(paper)!, ...change });
  }
  return { map: x, features: globalMean(x) };
}

// Variants

const DROPOUT = 0.2;

export const INCEPTIONS_V2: readonly Model[] = [
  defineModel({
    name: 'inception_v2',
    family: 'BN-Inception',
    paper: 'Ioffe, Szegedy 2015, arXiv 1502.03167 (as in TF-Slim)',
    input: { ...INCEPTION_INPUT, size: 224 },
    dropout: DROPOUT,
    backbone,
    originalHead: linearHead('Logits.Conv2d_1c_1x1', {
      classes: 1001,
      dropout: ['Logits.Dropout_1b', DROPOUT],
    }),
  }),
];
