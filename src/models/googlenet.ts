/**
 * GoogLeNet, or Inception v1: Szegedy et al., "Going Deeper with Convolutions" (arXiv 1409.4842), as it is trained
 * today: with batch norms, without biases and local response norms, and with 3 x 3 kernels where the paper has 5 x 5.
 * TF-Slim and torchvision both have it so; names are torchvision's. Torchvision's files hold the two auxiliary
 * classifiers too; here they are a switch.
 */
import { maxPool2d, relu, reshape } from '../graph/build.ts';
import type { Value } from '../graph/graph.ts';
import { adaptiveMean } from '../nn/adaptive-mean.ts';
import { dropout, globalMean, linear } from '../nn/layers.ts';
import type { Network } from '../nn/network.ts';
import { convNorm } from './conv-norm.ts';
import { InceptionLayers, inceptionVariants, sideBySide } from './inception-layers.ts';
import type { BackboneOutput, Model } from './model.ts';

// Blocks

/** Channels: 1x1; before 3x3 and 3x3; before the second 3x3 and that; behind the pooling. */
type Module = readonly [number, number, number, number, number, number];

function inception(layers: InceptionLayers, name: string, x: Value, channels: Module): Value {
  const [point, narrow, out, narrow2, out2, pool] = channels;
  return sideBySide([
    layers.unit(`${name}.branch1`, x, [point, 1]),
    layers.chain(`${name}.branch2`, x, [
      [narrow, 1],
      [out, 3],
    ]),
    layers.chain(`${name}.branch3`, x, [
      [narrow2, 1],
      [out2, 3],
    ]),
    layers.unit(`${name}.branch4.1`, maxPool2d(x, { kernel: 3, strides: 1, padding: 1 }), [pool, 1]),
  ]);
}

/** Features of an auxiliary classifier (section 5 of the paper): means over a 4 x 4 grid and two layers. */
function auxiliaryFeatures(layers: InceptionLayers, name: string, x: Value): Value {
  const { net } = layers;
  const y = layers.unit(`${name}.conv`, adaptiveMean(x, 4), [128, 1]);
  const flat = reshape(y, [y.shape[0], y.shape[1] * 16]);
  return dropout(net, `${name}.dropout`, relu(linear(net, `${name}.fc1`, flat, layers.channels(1024))), 0.7);
}

// Network

/** Table 1 of the paper; a pooling ends each of the first two stages. */
const STAGES: readonly (readonly (readonly [name: string, Module])[])[] = [
  [
    ['3a', [64, 96, 128, 16, 32, 32]],
    ['3b', [128, 128, 192, 32, 96, 64]],
  ],
  [
    ['4a', [192, 96, 208, 16, 48, 64]],
    ['4b', [160, 112, 224, 24, 64, 64]],
    ['4c', [128, 128, 256, 24, 64, 64]],
    ['4d', [112, 144, 288, 32, 64, 64]],
    ['4e', [256, 160, 320, 32, 128, 128]],
  ],
  [
    ['5a', [256, 160, 320, 32, 128, 128]],
    ['5b', [384, 192, 384, 48, 128, 128]],
  ],
];

/** Kernels of the poolings behind the stages. */
const POOLS = [3, 2];

/** Auxiliary classifiers by the module that they look at, and the weight of their losses in the paper. */
const AUXILIARY: ReadonlyMap<string, string> = new Map([
  ['4a', 'aux1'],
  ['4d', 'aux2'],
]);
const AUXILIARY_WEIGHT = 0.3;

function backbone(net: Network, images: Value, width: number): BackboneOutput {
  const layers = new InceptionLayers(net, width);
  const halve = (x: Value, kernel = 3) => maxPool2d(x, { kernel, strides: 2, ceilMode: true });
  const stem = { out: layers.channels(64), kernel: 7, strides: 2, padding: 3, epsilon: 1e-3 };
  let x = halve(relu(convNorm(net, 'conv1.conv', 'conv1.bn', images, stem)));
  x = layers.unit('conv2', x, [64, 1]);
  x = halve(layers.unit('conv3', x, [192, 3]));
  const auxiliary: { features: Value; weight: number }[] = [];
  STAGES.forEach((modules, stage) => {
    for (const [name, channels] of modules) {
      x = inception(layers, `inception${name}`, x, channels);
      const branch = net.switches.auxiliary ? AUXILIARY.get(name) : undefined;
      if (!branch) continue;
      auxiliary.push({ features: auxiliaryFeatures(layers, branch, x), weight: AUXILIARY_WEIGHT });
    }
    if (stage < POOLS.length) x = halve(x, POOLS[stage]);
  });
  const switched = auxiliary.length > 0 ? auxiliary : undefined;
  return { map: x, features: globalMean(x), auxiliary: switched };
}

// Variants

const variant = inceptionVariants({
  family: 'Inception v1',
  paper: 'Szegedy et al. 2014, arXiv 1409.4842',
  classifier: 'fc',
  // Torchvision's and TF-Slim's; the paper has 40%.
  dropout: ['dropout', 0.2],
  auxiliary: { prefixes: ['aux1.', 'aux2.'], layer: (number) => `aux${number}.fc2` },
});

export const GOOGLENETS: readonly Model[] = [
  variant('googlenet', 224, (net, images) => backbone(net, images, 1)),
  // Miniature: a quarter of the channels.
  variant('googlenet_025', 64, (net, images) => backbone(net, images, 0.25)),
];
