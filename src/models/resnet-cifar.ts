/**
 * ResNet for 32x32 images: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition"
 * (arXiv 1512.03385), section 4.2: 6n + 2 layers in three stages of 16, 32 and 64 channels, with shortcuts
 * that have no parameters (option A). Names are those of the akamaster/pytorch_resnet_cifar10 checkpoints.
 */
import { add, pad, relu, slice } from '../graph/build.ts';
import type { Value } from '../graph/graph.ts';
import { globalMean } from '../nn/layers.ts';
import type { Network } from '../nn/network.ts';
import { convNorm } from './conv-norm.ts';
import { defineModel, IMAGENET_INPUT } from './define.ts';
import { linearHead } from './heads.ts';
import type { BackboneOutput, Model } from './model.ts';

// Blocks

/** Option A: every second pixel, and the missing channels as zeros, half of them before and half after. */
function shortcut(x: Value, out: number, stride: number): Value {
  if (stride === 1) return x;
  const added = (out - x.shape[1]) / 2;
  const sampled = slice(x, [0, 0, 0, 0], x.shape, [1, 1, stride, stride]);
  return pad(sampled, [0, added, 0, 0], [0, added, 0, 0]);
}

function block(net: Network, name: string, x: Value, out: number, stride: number): Value {
  const first = { out, kernel: 3, strides: stride, padding: 1 };
  let y = relu(convNorm(net, `${name}.conv1`, `${name}.bn1`, x, first));
  y = convNorm(net, `${name}.conv2`, `${name}.bn2`, y, { out, kernel: 3, padding: 1 });
  return relu(add(y, shortcut(x, out, stride)));
}

// Network

function backbone(net: Network, images: Value, blocks: number): BackboneOutput {
  let x = relu(convNorm(net, 'conv1', 'bn1', images, { out: 16, kernel: 3, padding: 1 }));
  for (let stage = 0; stage < 3; stage++) {
    for (let index = 0; index < blocks; index++) {
      const stride = stage > 0 && index === 0 ? 2 : 1;
      x = block(net, `layer${stage + 1}.${index}`, x, 16 << stage, stride);
    }
  }
  return { map: x, features: globalMean(x) };
}

// Variants

/** `depth` counts the layers with weights: 6 blocks of two layers per stage triple, the first and the last. */
function cifarResnet(depth: number): Model {
  return defineModel({
    name: `cifar_resnet${depth}`,
    family: 'CIFAR ResNet',
    paper: 'He et al. 2015, arXiv 1512.03385, section 4.2',
    input: { ...IMAGENET_INPUT, size: 32 },
    backbone: (net, images) => backbone(net, images, (depth - 2) / 6),
    originalHead: linearHead('linear', { classes: 10 }),
  });
}

export const CIFAR_RESNETS: readonly Model[] = [20, 32, 44, 56, 110].map(cifarResnet);
