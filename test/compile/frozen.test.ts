/** Graphs whose images stay in blocks of channels from op to op, against the inference form, which knows no blocks. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as g from '../../src/graph/build.ts';
import { Graph, type Value } from '../../src/graph/graph.ts';
import { findModel, variablesOf } from '../../src/models/index.ts';
import { channelBlock } from '../../src/runtime/blocks.ts';
import { compileFrozen, Executable } from '../../src/runtime/index.ts';
import { type Tensor, zeros } from '../../src/tensor/tensor.ts';
import { compileImageFunction, networkFile, openImageFunction } from '../../src/train/index.ts';
import { draw, expectNear, runInference, THREADS } from './both-forms.ts';

type Step = (x: Value, seed: number) => Value;

const constant = (x: Value, shape: readonly number[], seed: number) =>
  x.graph.constant(draw(shape, `constant ${seed}`));

function convolved(x: Value, seed: number, out: number, kernel: number, stride: number): Value {
  const scale = 1 / Math.sqrt(x.shape[1] * kernel * kernel);
  const weight = g.mul(constant(x, [out, x.shape[1], kernel, kernel], seed), scale);
  const half = Math.floor(kernel / 2);
  return g.conv2d(x, weight, { strides: stride, padding: half });
}

const biased = (x: Value, seed: number) => g.add(x, constant(x, [1, x.shape[1], 1, 1], seed));

/** Everything that can be done in blocks, and some ops that cannot. */
const STEPS: Readonly<Record<string, Step>> = {
  pointwise: (x, seed) => convolved(x, seed, 32, 1, 1),
  'pointwise with stride': (x, seed) => convolved(x, seed, 16, 1, 2),
  'three by three': (x, seed) => g.relu(biased(convolved(x, seed, 32, 3, 1), seed)),
  'rows in tiles': (x, seed) => g.relu(biased(convolved(x, seed, 64, 3, 1), seed)),
  'three by three with stride': (x, seed) => convolved(x, seed, 48, 3, 2),
  residual: (x, seed) => g.relu(g.add(convolved(x, seed, x.shape[1], 3, 1), x)),
  'residual, pointwise': (x, seed) => g.relu(g.add(biased(convolved(x, seed, x.shape[1], 1, 1), seed), x)),
  'sum of one image': (x) => g.relu(g.add(x, x)),
  affine: (x, seed) =>
    g.relu(g.channelAffine(x, constant(x, [x.shape[1]], seed), constant(x, [x.shape[1]], seed + 1))),
  depthwise: (x, seed) =>
    g.conv2d(x, constant(x, [x.shape[1], 1, 3, 3], seed), { padding: 1, groups: x.shape[1] }),
  'dense growth': (x, seed) => g.concat([x, convolved(x, seed, 16, 3, 1)], 1),
  'maximum of windows': (x) => g.maxPool2d(x, { kernel: 3, strides: 2, padding: 1 }),
  'mean of windows': (x) => g.averagePool2d(x, { kernel: 2, strides: 1, padding: [0, 0, 1, 1] }),
  'activation alone': (x) => g.leakyRelu(g.clip(x, -1, 0.5), 0.1),
  'gate per image': (x) => g.mul(x, g.sigmoid(g.mean(x, [2, 3], true))),
  'channels that fill no block': (x, seed) => convolved(convolved(x, seed, 20, 1, 1), seed + 1, 16, 3, 1),
};

const names = fc.array(fc.constantFrom(...Object.keys(STEPS)), { minLength: 1, maxLength: 6 });

describe('the frozen form', () => {
  test('gives what the inference form gives, whatever follows what', async () => {
    const images = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 12 }));
    const property = fc.asyncProperty(names, images, async (steps, [n, size]) => {
      const graph = new Graph();
      let x: Value = convolved(graph.input('x', [n, 3, size, size + 1]), 1, 32, 3, 1);
      steps.forEach((name, index) => {
        x = STEPS[name](x, 10 * (index + 1));
      });
      const outputs = new Map([['y', x]]);
      const feeds = { x: draw([n, 3, size, size + 1], 'images') };
      const { y: expected } = await runInference(outputs, feeds);
      const frozen = await Executable.compile(outputs, { ...THREADS, frozen: true });
      frozen.set('x', feeds.x);
      const [first, second] = [(await frozen.run()).y, (await frozen.run()).y];
      await frozen.close();
      const largest = (expected.data as Float32Array).reduce((max, v) => Math.max(max, Math.abs(v)), 1);
      expectNear(first, expected.data as Float32Array, x.shape, 2e-5 * largest);
      expect(second).toEqual(first);
    });
    await fc.assert(property, { numRuns: 60, seed: 3 });
  });

  test('is what features are computed with where all channels fill blocks', async ({ skip }) => {
    if ((await channelBlock('cpu')) === 0) skip('this processor has no blocked kernels');
    const model = findModel('resnet18_025@40');
    const weights = new Map<string, Tensor>(
      variablesOf(model).backbone.map(({ name, shape, kind }) => [
        name,
        name.endsWith('var')
          ? { ...zeros('float32', shape), data: Float32Array.from(zeros('float32', shape).data, () => 1) }
          : draw(shape, `${kind} ${name}`),
      ]),
    );
    const shape = [5, 3, 40, 40];
    const images = draw(shape, 'images');
    const features = (net: Parameters<typeof model.backbone>[0], x: Value) => model.backbone(net, x).features;
    const file = await openImageFunction(networkFile(features, 'features', 40, weights), 'features', shape);
    const compiled = await compileImageFunction(features, shape, weights);
    const expected = await file.run(images.data);
    const found = await compiled.run(images.data);
    await Promise.all([file.close(), compiled.close()]);
    const largest = expected.data.reduce((max, v) => Math.max(max, Math.abs(v)), 0);
    expectNear(found, expected.data, expected.shape, 1e-5 * largest);
  });

  test('is not made where a convolution fills no blocks', async () => {
    const graph = new Graph();
    const y = STEPS['channels that fill no block'](graph.input('x', [1, 16, 5, 5]), 1);
    expect(await compileFrozen(new Map([['y', y]]), new Map())).toBeUndefined();
  });
});
