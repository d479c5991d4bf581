/**
 * Inception-ResNet v2: Szegedy, Ioffe, Vanhoucke, Alemi, "Inception-v4, Inception-ResNet and the Impact of Residual
 * Connections on Learning" (arXiv 1602.07261), in the form that its authors published in TF-Slim: the stem of
 * Inception v3, blocks 10, 20 and 10 times (the paper has 5, 10 and 5), 1088 and 2080 channels (the paper 1154 and
 * 2048). Names are timm's, whose files lack the auxiliary classifier, which is a switch here.
 */
import { add, mul, relu } from '../graph/build.ts';
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

/** Units of the branches of a residual block, and the factor on their sum: without it the networks diverge. */
interface Residual {
  readonly point: Unit;
  readonly branches: readonly (readonly Unit[])[];
  readonly scale: number;
}

const BLOCK_35: Residual = {
  point: [32, 1],
  branches: [
    [
      [32, 1],
      [32, 3],
    ],
    [
      [32, 1],
      [48, 3],
      [64, 3],
    ],
  ],
  scale: 0.17,
};

const BLOCK_17: Residual = {
  point: [192, 1],
  branches: [
    [
      [128, 1],
      [160, [1, 7]],
      [192, [7, 1]],
    ],
  ],
  scale: 0.1,
};

const BLOCK_8: Residual = {
  point: [192, 1],
  branches: [
    [
      [192, 1],
      [224, [1, 3]],
      [256, [3, 1]],
    ],
  ],
  scale: 0.2,
};

/** x plus a share of what the branches make of it, before the ReLU. */
function residual(layers: InceptionLayers, name: string, x: Value, block: Residual): Value {
  const inner = sideBySide([
    layers.unit(`${name}.branch0`, x, block.point),
    ...block.branches.map((units, index) => layers.chain(`${name}.branch${index + 1}`, x, units)),
  ]);
  return add(mul(layers.projection(`${name}.conv2d`, inner, x.shape[1]), block.scale), x);
}

function repeated(
  layers: InceptionLayers,
  name: string,
  input: Value,
  block: Residual,
  times: number,
): Value {
  let x = input;
  for (let index = 0; index < times; index++) x = relu(residual(layers, `${name}.${index}`, x, block));
  return x;
}

/** 35 x 35, once, before the blocks. */
function mixed5b(layers: InceptionLayers, x: Value): Value {
  return sideBySide([
    layers.unit('mixed_5b.branch0', x, [96, 1]),
    layers.chain('mixed_5b.branch1', x, [
      [48, 1],
      [64, 5],
    ]),
    layers.chain('mixed_5b.branch2', x, [
      [64, 1],
      [96, 3],
      [96, 3],
    ]),
    layers.unit('mixed_5b.branch3.1', smoothingPool(x, false), [64, 1]),
  ]);
}

/** 35 x 35 to 17 x 17. */
function mixed6a(layers: InceptionLayers, x: Value): Value {
  return sideBySide([
    layers.unit('mixed_6a.branch0', x, [384, 3, 'halve']),
    layers.chain('mixed_6a.branch1', x, [
      [256, 1],
      [256, 3],
      [384, 3, 'halve'],
    ]),
    halvingMaxPool(x),
  ]);
}

/** 17 x 17 to 8 x 8. */
function mixed7a(layers: InceptionLayers, x: Value): Value {
  return sideBySide([
    layers.chain('mixed_7a.branch0', x, [
      [256, 1],
      [384, 3, 'halve'],
    ]),
    layers.chain('mixed_7a.branch1', x, [
      [256, 1],
      [288, 3, 'halve'],
    ]),
    layers.chain('mixed_7a.branch2', x, [
      [256, 1],
      [288, 3],
      [320, 3, 'halve'],
    ]),
    halvingMaxPool(x),
  ]);
}

// Network

interface Variant {
  readonly width: number;
  /** How often the blocks of the three sizes are repeated. */
  readonly depths: readonly [number, number, number];
}

function stem(layers: InceptionLayers, images: Value): Value {
  let x = layers.unit('conv2d_1a', images, [32, 3, 'halve']);
  x = layers.unit('conv2d_2a', x, [32, 3, 'valid']);
  x = halvingMaxPool(layers.unit('conv2d_2b', x, [64, 3]));
  x = layers.unit('conv2d_3b', x, [80, 1]);
  return halvingMaxPool(layers.unit('conv2d_4a', x, [192, 3, 'valid']));
}

function backbone(net: Network, images: Value, { width, depths }: Variant): BackboneOutput {
  const layers = new InceptionLayers(net, width);
  let x = mixed5b(layers, stem(layers, images));
  x = mixed6a(layers, repeated(layers, 'repeat', x, BLOCK_35, depths[0]));
  x = repeated(layers, 'repeat_1', x, BLOCK_17, depths[1]);
  const auxiliary = layers.auxiliary('AuxLogits', x);
  x = repeated(layers, 'repeat_2', mixed7a(layers, x), BLOCK_8, depths[2] - 1);
  // The last block stays linear.
  x = residual(layers, 'block8', x, { ...BLOCK_8, scale: 1 });
  const map = layers.unit('conv2d_7b', x, [1536, 1]);
  return { map, features: globalMean(map), auxiliary };
}

// Variants

const variant = inceptionVariants({
  family: 'Inception-ResNet v2',
  paper: 'Szegedy et al. 2016, arXiv 1602.07261',
  classifier: 'classif',
  dropout: ['head_drop', 0.2],
});

export const INCEPTION_RESNETS_V2: readonly Model[] = [
  variant('inception_resnet_v2', INCEPTION_SIZE, (net, images) =>
    backbone(net, images, { width: 1, depths: [10, 20, 10] }),
  ),
  // Miniature: a quarter of the channels and of the depth.
  variant('inception_resnet_v2_025', MINIATURE_SIZE, (net, images) =>
    backbone(net, images, { width: 0.25, depths: [3, 5, 3] }),
  ),
];
