/**
 * SqueezeNet: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size"
 * (arXiv 1602.07360). 1.0 is the paper's, 1.1 the cheaper version of the authors' repository. Names are torchvision's.
 */
import { concat, maxPool2d, relu } from '../graph/build.ts';
import type { Value } from '../graph/graph.ts';
import { heNormal, normalInit } from '../nn/init.ts';
import { type ConvLayerOptions, conv, dropout, globalMean } from '../nn/layers.ts';
import type { Network } from '../nn/network.ts';
import { defineModel, IMAGENET_INPUT } from './define.ts';
import type { BackboneOutput, Model } from './model.ts';

// Blocks

function activated(net: Network, name: string, x: Value, options: ConvLayerOptions): Value {
  // Without batch norm the forward variance counts, hence the fan of the inputs.
  return relu(conv(net, name, x, { bias: true, initializer: heNormal('fanIn'), ...options }));
}

/** A 1x1 squeeze to few channels, then 1x1 and 3x3 expansions side by side. */
function fire(net: Network, name: string, x: Value, squeeze: number, expand: number): Value {
  const narrow = activated(net, `${name}.squeeze`, x, { out: squeeze, kernel: 1 });
  const pointwise = activated(net, `${name}.expand1x1`, narrow, { out: expand, kernel: 1 });
  const spatial = activated(net, `${name}.expand3x3`, narrow, { out: expand, kernel: 3, padding: 1 });
  return concat([pointwise, spatial], 1);
}

// Network

interface Variant {
  /** Output channels and kernel of the first convolution. */
  readonly stem: readonly [number, number];
  /** Squeeze and expand channels of the fire modules; a pooling halves the map. It begins behind the stem. */
  readonly layers: readonly ('pool' | readonly [number, number])[];
}

const VERSION_0: Variant = {
  stem: [96, 7],
  layers: [
    ...(['pool', [16, 64], [16, 64], [32, 128]] as const),
    ...(['pool', [32, 128], [48, 192], [48, 192], [64, 256]] as const),
    ...(['pool', [64, 256]] as const),
  ],
};

const VERSION_1: Variant = {
  stem: [64, 3],
  layers: [
    ...(['pool', [16, 64], [16, 64]] as const),
    ...(['pool', [32, 128], [32, 128]] as const),
    ...(['pool', [48, 192], [48, 192], [64, 256], [64, 256]] as const),
  ],
};

/** Positions in torchvision's sequence of the first convolution and its ReLU. */
const STEM_LAYERS = 2;

function backbone(net: Network, images: Value, { stem, layers }: Variant): BackboneOutput {
  let x = activated(net, 'features.0', images, { out: stem[0], kernel: stem[1], strides: 2 });
  layers.forEach((layer, index) => {
    x =
      layer === 'pool'
        ? maxPool2d(x, { kernel: 3, strides: 2, ceilMode: true })
        : fire(net, `features.${STEM_LAYERS + index}`, x, ...layer);
  });
  return { map: x, features: globalMean(x) };
}

const DROPOUT = 0.5;

/** A 1x1 convolution of the map to the classes, ReLU, then the mean: logits are never negative. */
function originalLogits(net: Network, { map }: BackboneOutput): Value {
  const initializer = normalInit(0.01);
  const kept = dropout(net, 'classifier.0', map, DROPOUT);
  return globalMean(activated(net, 'classifier.1', kept, { out: 1000, kernel: 1, initializer }));
}

// Variants

function squeezenet(name: string, variant: Variant): Model {
  return defineModel({
    name,
    family: 'SqueezeNet',
    paper: 'Iandola et al. 2016, arXiv 1602.07360',
    input: IMAGENET_INPUT,
    dropout: DROPOUT,
    backbone: (net, images) => backbone(net, images, variant),
    originalHead: { classes: 1000, prefixes: ['classifier.'], logits: originalLogits },
  });
}

export const SQUEEZENETS: readonly Model[] = [
  squeezenet('squeezenet1_0', VERSION_0),
  squeezenet('squeezenet1_1', VERSION_1),
];
