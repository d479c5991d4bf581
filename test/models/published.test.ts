/** Sizes that papers publish: numbers of parameters and features, input sizes, multiply-adds. */
import { expect, test } from 'vitest';
import { findModel, variablesOf } from '../../src/models/index.ts';
import { sizeOf } from '../../src/tensor/tensor.ts';

/**
 * Millions of parameters without the classifier, features, pixels: Kornblith et al., arXiv 1805.08974, table 1. Its
 * BN-Inception of 10.2 million is TF-Slim's inception_v2; the paper's own network has 10.3.
 */
test.each([
  ['googlenet', 5.6, 1024, 224],
  ['inception_v2', 10.2, 1024, 224],
  ['bn_inception', 10.3, 1024, 224],
  ['inception_v3', 21.8, 2048, 299],
  ['inception_v4', 41.1, 1536, 299],
  ['inception_resnet_v2', 54.3, 1536, 299],
  ['resnet50', 23.5, 2048, 224],
  ['resnet101', 42.5, 2048, 224],
  ['resnet152', 58.1, 2048, 224],
  ['mobilenet_v1', 3.2, 1024, 224],
  ['mobilenet_v2', 2.2, 1280, 224],
  ['mobilenet_v2_140', 4.3, 1792, 224],
  ['densenet121', 7.0, 1024, 224],
  ['densenet169', 12.5, 1664, 224],
  ['densenet201', 18.1, 1920, 224],
  ['nasnetamobile', 4.2, 1056, 224],
  ['nasnetalarge', 84.7, 4032, 331],
])('%s has %f million parameters, %i features and takes %i pixels', (name, millions, features, pixels) => {
  const model = findModel(name);
  expect(Number((model.parameters / 1e6).toFixed(1))).toBe(millions);
  expect(model.featureSize).toBe(features);
  expect(model.input.size).toBe(pixels);
});

function classifierAndAll(name: string): { classifier: number; parameters: number } {
  const { backbone, head } = variablesOf(findModel(name));
  const count = (variables: typeof head) =>
    variables.filter(({ kind }) => kind === 'parameter').reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return { classifier: count(head), parameters: count([...backbone, ...head]) };
}

/** Millions of parameters with the classifier. */
test.each([
  // He et al., arXiv 1512.03385, table 6.
  ['cifar_resnet20', 0.27],
  ['cifar_resnet32', 0.46],
  ['cifar_resnet44', 0.66],
  ['cifar_resnet56', 0.85],
  ['cifar_resnet110', 1.7],
  // Howard et al., arXiv 1704.04861, tables 6 and 8.
  ['mobilenet_v1', 4.2],
  ['mobilenet_v1_075', 2.6],
  ['mobilenet_v1_050', 1.3],
  ['mobilenet_v1_025', 0.5],
  // Zoph et al., arXiv 1707.07012, tables 2 and 3; the first says 88.9, the weights of TensorFlow have 88.8.
  ['nasnetalarge', 89],
  ['nasnetamobile', 5.3],
  // Xie et al., arXiv 1611.05431, table 1.
  ['resnext50_32x4d', 25.0],
  // Simonyan, Zisserman, arXiv 1409.1556, table 2.
  ['vgg16', 138],
])('%s has %f million parameters in all', (name, millions) => {
  const digits = String(millions).split('.')[1]?.length ?? 0;
  expect(Number((classifierAndAll(name).parameters / 1e6).toFixed(digits))).toBe(millions);
});

/** Millions of multiply-adds at the network's own size, the classifier (one product per weight) included. */
test.each([
  // Torchvision's documentation of its weights.
  ['resnet18', 1814],
  ['resnet34', 3664],
  ['resnet50', 4089],
  ['resnet101', 7801],
  ['resnet152', 11514],
  ['resnext50_32x4d', 4230],
  ['resnext101_32x8d', 16414],
  ['densenet121', 2834],
  ['densenet169', 3360],
  ['densenet201', 4291],
  ['vgg16', 15470],
  ['vgg16_bn', 15470],
  ['alexnet', 714],
  // Howard et al., arXiv 1704.04861, tables 6 and 8.
  ['mobilenet_v1', 569],
  ['mobilenet_v1_075', 325],
  ['mobilenet_v1_050', 149],
  ['mobilenet_v1_025', 41],
  // Sandler et al., arXiv 1801.04381, table 4.
  ['mobilenet_v2', 300],
  ['mobilenet_v2_140', 585],
  // Zoph et al., arXiv 1707.07012, tables 2 and 3.
  ['nasnetamobile', 564],
  ['nasnetalarge', 23800],
])('%s takes %i million multiply-adds', (name, millions) => {
  const counted = (findModel(name).multiplyAdds + classifierAndAll(name).classifier) / 1e6;
  expect(Math.abs(counted / millions - 1)).toBeLessThan(0.01);
});
