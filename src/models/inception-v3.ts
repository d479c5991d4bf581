/**
 * Inception v3: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, "Rethinking the Inception Architecture for Computer Vision"
 * (arXiv 1512.00567). Names are torchvision's, which took those of TF-Slim for the modules. Torchvision's files hold
 * the auxiliary classifier too; here it is a switch.
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
  type Unit,
} from './inception-layers.ts';
import type { BackboneOutput, Model } from './model.ts';

// Blocks

/** Units `name_1`, `name_2` and so on. */
function numbered(layers: InceptionLayers, name: string, x: Value, units: readonly Unit[]): Value {
  return units.reduce((y, unit, index) => layers.unit(`${name}_${index + 1}`, y, unit), x);
}

function pooled(layers: InceptionLayers, name: string, x: Value, out: number): Value {
  return layers.unit(`${name}.branch_pool`, smoothingPool(x, true), [out, 1]);
}

/** 35 x 35 (figure 5 of the paper). */
function moduleA(layers: InceptionLayers, name: string, x: Value, pool: number): Value {
  return sideBySide([
    layers.unit(`${name}.branch1x1`, x, [64, 1]),
    numbered(layers, `${name}.branch5x5`, x, [
      [48, 1],
      [64, 5],
    ]),
    numbered(layers, `${name}.branch3x3dbl`, x, [
      [64, 1],
      [96, 3],
      [96, 3],
    ]),
    pooled(layers, name, x, pool),
  ]);
}

/** 35 x 35 to 17 x 17 (figure 10). */
function reductionA(layers: InceptionLayers, name: string, x: Value): Value {
  return sideBySide([
    layers.unit(`${name}.branch3x3`, x, [384, 3, 'halve']),
    numbered(layers, `${name}.branch3x3dbl`, x, [
      [64, 1],
      [96, 3],
      [96, 3, 'halve'],
    ]),
    halvingMaxPool(x),
  ]);
}

/** 17 x 17, with 7 x 7 kernels taken apart (figure 6); `narrow` channels inside. */
function moduleB(layers: InceptionLayers, name: string, x: Value, narrow: number): Value {
  return sideBySide([
    layers.unit(`${name}.branch1x1`, x, [192, 1]),
    numbered(layers, `${name}.branch7x7`, x, [
      [narrow, 1],
      [narrow, [1, 7]],
      [192, [7, 1]],
    ]),
    numbered(layers, `${name}.branch7x7dbl`, x, [
      [narrow, 1],
      [narrow, [7, 1]],
      [narrow, [1, 7]],
      [narrow, [7, 1]],
      [192, [1, 7]],
    ]),
    pooled(layers, name, x, 192),
  ]);
}

/** 17 x 17 to 8 x 8. */
function reductionB(layers: InceptionLayers, name: string, x: Value): Value {
  return sideBySide([
    numbered(layers, `${name}.branch3x3`, x, [
      [192, 1],
      [320, 3, 'halve'],
    ]),
    numbered(layers, `${name}.branch7x7x3`, x, [
      [192, 1],
      [192, [1, 7]],
      [192, [7, 1]],
      [192, 3, 'halve'],
    ]),
    halvingMaxPool(x),
  ]);
}

/** 8 x 8, whose branches split once more at their ends (figure 7). */
function moduleC(layers: InceptionLayers, name: string, x: Value): Value {
  const split = (branch: string, y: Value) => [
    layers.unit(`${branch}a`, y, [384, [1, 3]]),
    layers.unit(`${branch}b`, y, [384, [3, 1]]),
  ];
  const short = layers.unit(`${name}.branch3x3_1`, x, [384, 1]);
  const long = numbered(layers, `${name}.branch3x3dbl`, x, [
    [448, 1],
    [384, 3],
  ]);
  return sideBySide([
    layers.unit(`${name}.branch1x1`, x, [320, 1]),
    ...split(`${name}.branch3x3_2`, short),
    ...split(`${name}.branch3x3dbl_3`, long),
    pooled(layers, name, x, 192),
  ]);
}

// Network

function backbone(net: Network, images: Value, width: number): BackboneOutput {
  const layers = new InceptionLayers(net, width);
  let x = layers.unit('Conv2d_1a_3x3', images, [32, 3, 'halve']);
  x = layers.unit('Conv2d_2a_3x3', x, [32, 3, 'valid']);
  x = halvingMaxPool(layers.unit('Conv2d_2b_3x3', x, [64, 3]));
  x = layers.unit('Conv2d_3b_1x1', x, [80, 1]);
  x = halvingMaxPool(layers.unit('Conv2d_4a_3x3', x, [192, 3, 'valid']));
  x = moduleA(layers, 'Mixed_5b', x, 32);
  x = moduleA(layers, 'Mixed_5c', x, 64);
  x = moduleA(layers, 'Mixed_5d', x, 64);
  x = reductionA(layers, 'Mixed_6a', x);
  x = moduleB(layers, 'Mixed_6b', x, 128);
  x = moduleB(layers, 'Mixed_6c', x, 160);
  x = moduleB(layers, 'Mixed_6d', x, 160);
  x = moduleB(layers, 'Mixed_6e', x, 192);
  const auxiliary = layers.auxiliary('AuxLogits', x);
  x = reductionB(layers, 'Mixed_7a', x);
  x = moduleC(layers, 'Mixed_7b', x);
  x = moduleC(layers, 'Mixed_7c', x);
  return { map: x, features: globalMean(x), auxiliary };
}

// Variants

const variant = inceptionVariants({
  family: 'Inception v3',
  paper: 'Szegedy et al. 2015, arXiv 1512.00567',
  classifier: 'fc',
  // Torchvision's; TF-Slim has 20%.
  dropout: ['dropout', 0.5],
});

export const INCEPTIONS_V3: readonly Model[] = [
  variant('inception_v3', INCEPTION_SIZE, (net, images) => backbone(net, images, 1)),
  // Miniature: a quarter of the channels.
  variant('inception_v3_025', MINIATURE_SIZE, (net, images) => backbone(net, images, 0.25)),
];
