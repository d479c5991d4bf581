/**
 * Inception v4: Szegedy, Ioffe, Vanhoucke, Alemi, "Inception-v4, Inception-ResNet and the Impact of Residual Connections
 * on Learning" (arXiv 1602.07261), figures 3 to 8. Names are timm's: positions in one sequence of 22 blocks. Its files
 * come from TF-Slim without the auxiliary classifier, which is a switch here.
 */
import type { Value } from '../graph/graph.ts';
import { globalMean } from '../nn/layers.ts';
import type { Network } from '../nn/network.ts';
import {
  halvingMaxPool,
  INCEPTION_SIZE,
  InceptionLayers,
  inceptionVariants,
  MINIATURE_SIZE,
  sideBySide,
  smoothingPool,
} from './inception-layers.ts';
import type { BackboneOutput, Model } from './model.ts';

// Blocks

type Block = (layers: InceptionLayers, name: string, x: Value) => Value;

function pooled(layers: InceptionLayers, name: string, x: Value, out: number): Value {
  return layers.unit(`${name}.branch3.1`, smoothingPool(x, false), [out, 1]);
}

/** The three blocks of the stem behind its convolutions (figure 3). */
const STEM: readonly Block[] = [
  (layers, name, x) => sideBySide([halvingMaxPool(x), layers.unit(`${name}.conv`, x, [96, 3, 'halve'])]),
  (layers, name, x) =>
    sideBySide([
      layers.chain(`${name}.branch0`, x, [
        [64, 1],
        [96, 3, 'valid'],
      ]),
      layers.chain(`${name}.branch1`, x, [
        [64, 1],
        [64, [1, 7]],
        [64, [7, 1]],
        [96, 3, 'valid'],
      ]),
    ]),
  (layers, name, x) => sideBySide([layers.unit(`${name}.conv`, x, [192, 3, 'halve']), halvingMaxPool(x)]),
];

/** 35 x 35 (figure 4). */
const moduleA: Block = (layers, name, x) =>
  sideBySide([
    layers.unit(`${name}.branch0`, x, [96, 1]),
    layers.chain(`${name}.branch1`, x, [
      [64, 1],
      [96, 3],
    ]),
    layers.chain(`${name}.branch2`, x, [
      [64, 1],
      [96, 3],
      [96, 3],
    ]),
    pooled(layers, name, x, 96),
  ]);

/** 35 x 35 to 17 x 17 (figure 7). */
const reductionA: Block = (layers, name, x) =>
  sideBySide([
    layers.unit(`${name}.branch0`, x, [384, 3, 'halve']),
    layers.chain(`${name}.branch1`, x, [
      [192, 1],
      [224, 3],
      [256, 3, 'halve'],
    ]),
    halvingMaxPool(x),
  ]);

/** 17 x 17 (figure 5). */
const moduleB: Block = (layers, name, x) =>
  sideBySide([
    layers.unit(`${name}.branch0`, x, [384, 1]),
    layers.chain(`${name}.branch1`, x, [
      [192, 1],
      [224, [1, 7]],
      [256, [7, 1]],
    ]),
    layers.chain(`${name}.branch2`, x, [
      [192, 1],
      [192, [7, 1]],
      [224, [1, 7]],
      [224, [7, 1]],
      [256, [1, 7]],
    ]),
    pooled(layers, name, x, 128),
  ]);

/** 17 x 17 to 8 x 8 (figure 8). */
const reductionB: Block = (layers, name, x) =>
  sideBySide([
    layers.chain(`${name}.branch0`, x, [
      [192, 1],
      [192, 3, 'halve'],
    ]),
    layers.chain(`${name}.branch1`, x, [
      [256, 1],
      [256, [1, 7]],
      [320, [7, 1]],
      [320, 3, 'halve'],
    ]),
    halvingMaxPool(x),
  ]);

/** 8 x 8, whose branches split once more at their ends (figure 6). */
const moduleC: Block = (layers, name, x) => {
  const split = (branch: string, y: Value) => [
    layers.unit(`${branch}a`, y, [256, [1, 3]]),
    layers.unit(`${branch}b`, y, [256, [3, 1]]),
  ];
  const short = layers.unit(`${name}.branch1_0`, x, [384, 1]);
  let long = layers.unit(`${name}.branch2_0`, x, [384, 1]);
  long = layers.unit(`${name}.branch2_1`, long, [448, [3, 1]]);
  long = layers.unit(`${name}.branch2_2`, long, [512, [1, 3]]);
  return sideBySide([
    layers.unit(`${name}.branch0`, x, [256, 1]),
    ...split(`${name}.branch1_1`, short),
    ...split(`${name}.branch2_3`, long),
    pooled(layers, name, x, 256),
  ]);
};

// Network

const repeated = (block: Block, times: number): Block[] => Array.from({ length: times }, () => block);

const TO_17: readonly Block[] = [...STEM, ...repeated(moduleA, 4), reductionA, ...repeated(moduleB, 7)];
const TO_8: readonly Block[] = [reductionB, ...repeated(moduleC, 3)];

function backbone(net: Network, images: Value, width: number): BackboneOutput {
  const layers = new InceptionLayers(net, width);
  let position = 3;
  const through = (blocks: readonly Block[], x: Value) =>
    blocks.reduce((y, block) => block(layers, `features.${position++}`, y), x);
  const stem = layers.chain('features', images, [
    [32, 3, 'halve'],
    [32, 3, 'valid'],
    [64, 3],
  ]);
  const middle = through(TO_17, stem);
  const auxiliary = layers.auxiliary('AuxLogits', middle);
  const map = through(TO_8, middle);
  return { map, features: globalMean(map), auxiliary };
}

// Variants

const variant = inceptionVariants({
  family: 'Inception v4',
  paper: 'Szegedy et al. 2016, arXiv 1602.07261',
  classifier: 'last_linear',
  dropout: ['head_drop', 0.2],
});

export const INCEPTIONS_V4: readonly Model[] = [
  variant('inception_v4', INCEPTION_SIZE, (net, images) => backbone(net, images, 1)),
  // Miniature: a quarter of the channels.
  variant('inception_v4_025', MINIATURE_SIZE, (net, images) => backbone(net, images, 0.25)),
];
