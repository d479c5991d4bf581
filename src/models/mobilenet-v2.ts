/**
 * MobileNet v2: Sandler, Howard, Zhu, Zhmoginov, Chen, "MobileNetV2: Inverted Residuals and Linear
 * Bottlenecks" (arXiv 1801.04381). Names are torchvision's. `mobilenet_v2_folded` has its batch norms folded
 * into the convolutions; `mobilenet_v2_gluon` is MXNet Gluon's network, whose structure differs in three points
 * (see its variant below).
 */
import { add, clip, relu } from '../graph/build.ts';
import type { Value } from '../graph/graph.ts';
import { heNormal, normalInit } from '../nn/init.ts';
import { type ConvLayerOptions, conv, globalMean } from '../nn/layers.ts';
import type { Network } from '../nn/network.ts';
import { convNorm } from './conv-norm.ts';
import { defineModel, IMAGENET_INPUT } from './define.ts';
import { linearHead } from './heads.ts';
import type { BackboneOutput, Model } from './model.ts';

interface Variant {
  readonly width: number;
  /** Whether each convolution has a batch norm; otherwise it has a bias. */
  readonly norm: boolean;
  readonly activation: (x: Value) => Value;
  /** Whether blocks whose expansion is 1 have a 1x1 convolution for it all the same. */
  readonly expandByOne: boolean;
  /** Stride of the first block of each stage. */
  readonly strides: readonly number[];
}

// Blocks

function convolution(
  net: Network,
  variant: Variant,
  convName: string,
  normName: string,
  x: Value,
  options: ConvLayerOptions,
): Value {
  return variant.norm
    ? convNorm(net, convName, normName, x, options)
    : conv(net, convName, x, { ...options, bias: true });
}

/** 1x1 expansion, 3x3 per channel, 1x1 projection that stays linear; the sum joins the narrow ends. */
function invertedResidual(
  net: Network,
  variant: Variant,
  name: string,
  x: Value,
  block: { out: number; stride: number; expansion: number },
): Value {
  const { out, stride, expansion } = block;
  const hidden = x.shape[1] * expansion;
  let y = x;
  let position = 0;
  const activated = (options: ConvLayerOptions) => {
    const prefix = `${name}.conv.${position++}`;
    y = variant.activation(convolution(net, variant, `${prefix}.0`, `${prefix}.1`, y, options));
  };
  if (expansion !== 1 || variant.expandByOne) activated({ out: hidden, kernel: 1 });
  activated({
    out: hidden,
    groups: hidden,
    kernel: 3,
    strides: stride,
    padding: 1,
    // One input channel feeds each output, so the fan of the other direction would start far too small.
    initializer: heNormal('fanIn'),
  });
  const projection = `${name}.conv.${position}`;
  y = convolution(net, variant, projection, `${name}.conv.${position + 1}`, y, { out, kernel: 1 });
  return stride === 1 && x.shape[1] === out ? add(x, y) : y;
}

// Network

/** Expansion, output channels at width 1, number of blocks: table 2 of the paper. */
const STAGES: readonly (readonly [number, number, number])[] = [
  [1, 16, 1],
  [6, 24, 2],
  [6, 32, 3],
  [6, 64, 4],
  [6, 96, 3],
  [6, 160, 3],
  [6, 320, 1],
];

/** The multiple of 8 nearest to `channels`, at least 8 and never more than a tenth below. */
function round8(channels: number): number {
  const rounded = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return rounded < 0.9 * channels ? rounded + 8 : rounded;
}

function backbone(net: Network, images: Value, variant: Variant): BackboneOutput {
  const { width, strides, activation } = variant;
  const outer = (name: string, x: Value, options: ConvLayerOptions) =>
    activation(convolution(net, variant, `${name}.0`, `${name}.1`, x, options));
  let x = outer('features.0', images, { out: round8(32 * width), kernel: 3, strides: 2, padding: 1 });
  let index = 1;
  const halved: Value[] = [];
  STAGES.forEach(([expansion, channels, depth], stage) => {
    for (let block = 0; block < depth; block++, index++) {
      const stride = block === 0 ? strides[stage] : 1;
      if (stride === 2) halved.push(x);
      const out = round8(channels * width);
      x = invertedResidual(net, variant, `features.${index}`, x, { out, stride, expansion });
    }
  });
  // Narrow networks keep all 1,280 features; wide ones have more.
  x = outer(`features.${index}`, x, { out: round8(1280 * Math.max(1, width)), kernel: 1 });
  // What is halved first has stride 2.
  return { map: x, stages: [...halved.slice(1), x], features: globalMean(x) };
}

// Variants

const DROPOUT = 0.2;

const ORIGINAL_HEAD = linearHead('classifier.1', {
  initializer: normalInit(0.01),
  dropout: ['classifier.0', DROPOUT],
});

const TORCHVISION: Omit<Variant, 'width'> = {
  norm: true,
  activation: (x) => clip(x, 0, 6),
  expandByOne: false,
  strides: [1, 2, 2, 2, 1, 2, 1],
};

function mobilenetV2(name: string, variant: Variant, originalHead?: Model['originalHead']): Model {
  return defineModel({
    name,
    family: 'MobileNet v2',
    paper: 'Sandler et al. 2018, arXiv 1801.04381',
    input: IMAGENET_INPUT,
    backbone: (net, images) => backbone(net, images, variant),
    dropout: originalHead && DROPOUT,
    originalHead,
  });
}

/**
 * Gluon's network: an expansion in the first block, the fourth stride one stage later, and plain ReLU. Its
 * classifier is not part of the published arrays, so it has no original head here.
 */
const GLUON: Variant = {
  width: 1,
  norm: true,
  activation: relu,
  expandByOne: true,
  strides: [1, 2, 2, 1, 2, 2, 1],
};

export const MOBILENETS_V2: readonly Model[] = [
  mobilenetV2('mobilenet_v2', { ...TORCHVISION, width: 1 }, ORIGINAL_HEAD),
  mobilenetV2('mobilenet_v2_140', { ...TORCHVISION, width: 1.4 }, ORIGINAL_HEAD),
  mobilenetV2('mobilenet_v2_075', { ...TORCHVISION, width: 0.75 }, ORIGINAL_HEAD),
  mobilenetV2('mobilenet_v2_050', { ...TORCHVISION, width: 0.5 }, ORIGINAL_HEAD),
  mobilenetV2('mobilenet_v2_035', { ...TORCHVISION, width: 0.35 }, ORIGINAL_HEAD),
  mobilenetV2('mobilenet_v2_folded', { ...TORCHVISION, width: 1, norm: false }, ORIGINAL_HEAD),
  mobilenetV2('mobilenet_v2_gluon', GLUON),
];
