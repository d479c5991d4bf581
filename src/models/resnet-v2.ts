/**
 * Pre-activation ResNet: He, Zhang, Ren, Sun, "Identity Mappings in Deep Residual Networks" (arXiv 1603.05027),
 * in the form of MXNet Gluon: a batch norm on the input, stride in the 3x3 convolution, projections that take
 * the activated input. Names are those of the published resnet50v2 arrays; `bn_last` is our name for the norm
 * after the last stage, which those arrays lack.
 */
import { add, maxPool2d, relu } from '../graph/build.ts';
import type { Value } from '../graph/graph.ts';
import { batchNorm, conv, globalMean } from '../nn/layers.ts';
import type { Network } from '../nn/network.ts';
import { defineModel, IMAGENET_INPUT } from './define.ts';
import { linearHead } from './heads.ts';
import type { BackboneOutput, Model } from './model.ts';

// Blocks

/** Bottleneck: norm and ReLU come before each convolution, and the sum is left as it is. */
function block(net: Network, name: string, x: Value, width: number, stride: number, project: boolean): Value {
  const out = 4 * width;
  const activated = relu(batchNorm(net, `${name}.bn1`, x));
  let y = conv(net, `${name}.conv1`, activated, { out: width, kernel: 1 });
  y = relu(batchNorm(net, `${name}.bn2`, y));
  y = conv(net, `${name}.conv2`, y, { out: width, kernel: 3, strides: stride, padding: 1 });
  y = relu(batchNorm(net, `${name}.bn3`, y));
  y = conv(net, `${name}.conv3`, y, { out, kernel: 1 });
  const projection = { out, kernel: 1, strides: stride };
  return add(y, project ? conv(net, `${name}.downsample`, activated, projection) : x);
}

// Network

/** Without `lastNorm` the map is only rectified: the stages before the last have no norm of their own at the end. */
function backbone(net: Network, images: Value, depths: readonly number[], lastNorm: boolean): BackboneOutput {
  let x = conv(net, 'conv1', batchNorm(net, 'bn_data', images), {
    out: 64,
    kernel: 7,
    strides: 2,
    padding: 3,
  });
  x = maxPool2d(relu(batchNorm(net, 'bn1', x)), { kernel: 3, strides: 2, padding: 1 });
  depths.forEach((depth, stage) => {
    for (let index = 0; index < depth; index++) {
      const stride = stage > 0 && index === 0 ? 2 : 1;
      x = block(net, `layer${stage + 1}.${index}`, x, 64 << stage, stride, index === 0);
    }
  });
  const map = relu(lastNorm ? batchNorm(net, 'bn_last', x) : x);
  return { map, features: globalMean(map) };
}

// Variants

const FAMILY = {
  family: 'ResNet v2',
  paper: 'He et al. 2016, arXiv 1603.05027 (pre-activation)',
  input: IMAGENET_INPUT,
};

function resnetV2(name: string, depths: readonly number[]): Model {
  return defineModel({
    ...FAMILY,
    name,
    backbone: (net, images) => backbone(net, images, depths, true),
    originalHead: linearHead('fc'),
  });
}

export const RESNETS_V2: readonly Model[] = [
  resnetV2('resnet50v2', [3, 4, 6, 3]),
  resnetV2('resnet101v2', [3, 4, 23, 3]),
  resnetV2('resnet152v2', [3, 8, 36, 3]),
  defineModel({
    ...FAMILY,
    name: 'resnet50v2_stages123',
    backbone: (net, images) => backbone(net, images, [3, 4, 6], false),
  }),
];
