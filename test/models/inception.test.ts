/**
 * The Inception family against what is published: counts, sizes, multiply-adds, and the map behind every block in the
 * tables of the papers and of TF-Slim; BN-Inception against its PyTorch form (fixture by
 * scripts/fixtures/bn_inception.py). Torchvision's and timm's networks have tests of their own.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Graph, type Value } from '../../src/graph/index.ts';
import { findModel, variablesOf } from '../../src/models/index.ts';
import { INFERENCE, Network } from '../../src/nn/index.ts';
import { sizeOf } from '../../src/tensor/tensor.ts';
import { expectFormulaAnswer, type FormulaAnswer } from './formula-weights.ts';

/** All parameters, those of the auxiliary classifiers included where they are switched on. */
test.each([
  // torchvision 0.14: the weights' `num_params`, and the sum over the network with its auxiliary classifiers.
  ['googlenet', 6_624_904],
  ['googlenet+aux', 13_004_888],
  ['inception_v3+aux', 27_161_264],
  // pretrainedmodels' bninception, timm's inception_v4 and inception_resnet_v2 (results-imagenet.csv: 42.68, 55.84).
  ['bn_inception', 11_295_240],
  ['inception_v4', 42_679_816],
  ['inception_resnet_v2', 55_843_464],
])('%s has %i parameters in all', (name, count) => {
  const { backbone, head } = variablesOf(findModel(name));
  const parameters = [...backbone, ...head].filter(({ kind }) => kind === 'parameter');
  expect(parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0)).toBe(count);
});

/**
 * Billions of multiply-adds at the native size, as published for the whole network: torchvision's documentation for the
 * first two (the papers say 1.5 and 5 billion), timm's tables for the others. They agree to half a percent; some count
 * the classifier, biases or norms.
 */
test.each([
  ['googlenet', 1.5],
  ['inception_v3', 5.71],
  ['inception_v4', 12.28],
  ['inception_resnet_v2', 13.18],
])('%s takes %f billion multiply-adds', (name, billions) => {
  expect(Math.abs(findModel(name).multiplyAdds / 1e9 / billions - 1)).toBeLessThan(0.005);
});

test('bn_inception has the names of the weights that came from Caffe and computes the same', async () => {
  const path = new URL('../fixtures/bn-inception.json', import.meta.url);
  const answer: FormulaAnswer = JSON.parse(readFileSync(path, 'utf8'));
  await expectFormulaAnswer(findModel('bn_inception'), answer);
});

/** Pixels and channels of the first layers' maps, and of everything that is joined, in order; repeats as "x n". */
function maps(name: string): { stem: string[]; joined: string[] } {
  const model = findModel(name);
  const net = new Network(new Graph(), INFERENCE);
  const { size } = model.input;
  model.backbone(net, net.graph.input('images', [1, 3, size, size]));
  const show = ({ shape: [, channels, height, width] }: Value) => {
    expect(height).toBe(width);
    return `${height}: ${channels}`;
  };
  const layers = net.graph.nodes.filter(({ op }) => op === 'conv2d' || op === 'maxPool2d' || op === 'concat');
  const first = layers.findIndex(({ op, inputs }) => op === 'concat' && inputs[0].shape[1] > 1);
  const joined = layers.filter((node, index) => node.op === 'concat' && index >= first);
  return {
    stem: layers.slice(0, first).map(({ outputs }) => show(outputs[0])),
    joined: joined.map(({ outputs }) => show(outputs[0])).reduce<string[]>(countRepeats, []),
  };
}

function countRepeats(lines: string[], map: string): string[] {
  const [last, times = '1'] = (lines.at(-1) ?? '').split(' x ');
  return last === map ? [...lines.slice(0, -1), `${map} x ${Number(times) + 1}`] : [...lines, map];
}

describe('maps behind the stem and the blocks', () => {
  test('of GoogLeNet are those of table 1 of the paper', () => {
    const { stem, joined } = maps('googlenet');
    expect(stem.slice(0, 5)).toEqual(['112: 64', '56: 64', '56: 64', '56: 192', '28: 192']);
    expect(joined).toEqual([
      ...['28: 256', '28: 480'],
      ...['14: 512 x 3', '14: 528', '14: 832'],
      ...['7: 832', '7: 1024'],
    ]);
  });

  test('of BN-Inception are those of figure 5 of the paper', () => {
    const { stem, joined } = maps('bn_inception');
    // Before them the three channels are turned round.
    expect(stem.slice(1, 6)).toEqual(['112: 64', '56: 64', '56: 64', '56: 192', '28: 192']);
    expect(joined).toEqual([
      ...['28: 256', '28: 320'],
      ...['14: 576 x 3', '14: 608 x 2'],
      ...['7: 1056', '7: 1024 x 2'],
    ]);
  });

  test('of Inception v2 are those in the comments of TF-Slim', () => {
    const { stem, joined } = maps('inception_v2');
    expect(stem.slice(0, 6)).toEqual(['112: 24', '112: 64', '56: 64', '56: 64', '56: 192', '28: 192']);
    expect(joined).toEqual(['28: 256', '28: 320', '14: 576 x 5', '7: 1024 x 3']);
  });

  const threes = ['149: 32', '147: 32', '147: 64', '73: 64', '73: 80', '71: 192', '35: 192'];

  test('of Inception v3 are those of table 1 of the paper, whose stem TF-Slim and torchvision have changed', () => {
    const { stem, joined } = maps('inception_v3');
    expect(stem.slice(0, 7)).toEqual(threes);
    expect(joined).toEqual(['35: 256', '35: 288 x 2', '17: 768 x 5', '8: 1280', '8: 2048 x 2']);
  });

  test('of Inception v4 are those of figures 3 and 9 of the paper', () => {
    const { stem, joined } = maps('inception_v4');
    expect(stem.slice(0, 3)).toEqual(['149: 32', '147: 32', '147: 64']);
    expect(joined).toEqual(['73: 160', '71: 192', '35: 384 x 5', '17: 1024 x 8', '8: 1536 x 4']);
  });

  test('of Inception-ResNet v2 are those of TF-Slim; of its residual blocks the branches, joined', () => {
    const { stem, joined } = maps('inception_resnet_v2');
    expect(stem.slice(0, 7)).toEqual(threes);
    expect(joined).toEqual([
      ...['35: 320', '35: 128 x 10'],
      ...['17: 1088', '17: 384 x 20'],
      ...['8: 2080', '8: 448 x 10'],
    ]);
    expect(findModel('inception_resnet_v2').featureSize).toBe(1536);
  });
});
