/**
 * A small residual network against PyTorch in double precision (scripts/fixtures/small_residual.py): logits,
 * loss, every gradient and the running statistics of one step, and everything after twenty steps of Nesterov SGD
 * with weight decay, label smoothing and a cosine schedule; ten of AdamW with groups, clipping and averages.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gradient } from '../../src/autodiff/index.ts';
import { add, clip, Graph, maxPool2d, relu, type Value } from '../../src/graph/index.ts';
import {
  batchNorm,
  conv,
  cosine,
  globalMean,
  linear,
  Network,
  softmaxCrossEntropy,
  TRAIN,
} from '../../src/nn/index.ts';
import { Executable } from '../../src/runtime/index.ts';
import { type Tensor, tensor } from '../../src/tensor/tensor.ts';
import { Evaluator } from '../../src/train/evaluator.ts';
import { NO_DECAY_ON_NORM_AND_BIAS } from '../../src/train/groups.ts';
import { TrainingStep } from '../../src/train/step.ts';
import fixture from '../fixtures/small-residual.json' with { type: 'json' };

interface Packed {
  shape: number[];
  data: string;
}

const bytes = ({ data }: Packed) => Uint8Array.from(Buffer.from(data, 'base64'));
const unpack = (packed: Packed) => tensor('float32', packed.shape, new Float32Array(bytes(packed).buffer));
const unpackAll = (group: Readonly<Record<string, Packed>>) =>
  new Map(Object.entries(group).map(([name, packed]) => [name, unpack(packed)]));

const images = tensor(
  'float32',
  fixture.pixels.shape,
  Float32Array.from(bytes(fixture.pixels), (v) => (v - 128) / 64),
);
const labels = Int32Array.from(fixture.labels);
const initial = unpackAll(fixture.initial);

function convNorm(
  net: Network,
  names: readonly [string, string],
  x: Value,
  out: number,
  kernel: number,
  stride = 1,
) {
  const y = conv(net, names[0], x, { out, kernel, strides: stride, padding: kernel >> 1 });
  return batchNorm(net, names[1], y);
}

function block(net: Network, name: string, x: Value, out: number, stride: number): Value {
  const inner = relu(convNorm(net, [`${name}.conv1`, `${name}.bn1`], x, out, 3, stride));
  const y = convNorm(net, [`${name}.conv2`, `${name}.bn2`], inner, out, 3);
  const shortcut: [string, string] = [`${name}.downsample.0`, `${name}.downsample.1`];
  return relu(add(y, stride === 1 && x.shape[1] === out ? x : convNorm(net, shortcut, x, out, 1, stride)));
}

function smallResidual(net: Network, x: Value): Value {
  const stem = relu(convNorm(net, ['conv1', 'bn1'], x, 8, 3));
  const pooled = maxPool2d(stem, { kernel: 3, strides: 2, padding: 1 });
  const blocks = block(net, 'block2', block(net, 'block1', pooled, 8, 1), 12, 2);
  const filtered = conv(net, 'depthwise', blocks, { out: 12, kernel: 3, padding: 1, groups: 12 });
  const mixed = convNorm(net, ['pointwise', 'bn3'], clip(batchNorm(net, 'bn2', filtered), 0, 6), 16, 1);
  return linear(net, 'fc', globalMean(clip(mixed, 0, 6)), 5);
}

/** |found - expected| / |expected|, in the Euclidean norm. */
function relativeError(found: Tensor, expected: Tensor): number {
  expect(found.shape).toEqual(expected.shape);
  const [a, b] = [Array.from(found.data, Number), Array.from(expected.data, Number)];
  return Math.hypot(...a.map((value, i) => value - b[i])) / Math.hypot(...b);
}

describe('one step', () => {
  let results: Record<string, Tensor>;
  let parameterNames: string[];

  beforeAll(async () => {
    const graph = new Graph();
    const net = new Network(graph, TRAIN);
    const logits = smallResidual(net, graph.input('images', images.shape));
    const loss = softmaxCrossEntropy(
      logits,
      graph.input('labels', [8], { dtype: 'int32' }),
      fixture.labelSmoothing,
    );
    const parameters = net.variables.filter(({ kind }) => kind === 'parameter');
    parameterNames = parameters.map(({ name }) => name);
    const gradients = gradient(
      loss,
      parameters.map(({ value }) => value),
    );
    const outputs = new Map([
      ['logits', logits],
      ['loss', loss],
      ...gradients.map((g, i) => [`d ${parameterNames[i]}`, g] as const),
    ]);
    const executable = await Executable.compile(outputs);
    executable.set('images', images);
    executable.set('labels', tensor('int32', [8], labels));
    for (const name of parameterNames) executable.set(name, initial.get(name)!);
    results = await executable.run();
    await executable.close();
  });

  test('logits and loss', () => {
    expect(relativeError(results.logits, unpack(fixture.logits))).toBeLessThan(1e-5);
    expect(results.loss.data[0]).toBeCloseTo(fixture.losses[0], 5);
  });

  test.each(Object.entries(fixture.gradients))('gradient of %s', (name, packed) => {
    expect(relativeError(results[`d ${name}`], unpack(packed))).toBeLessThan(1e-4);
  });

  test('the parameters are those of PyTorch', () => {
    expect(parameterNames.toSorted()).toEqual(Object.keys(fixture.gradients).toSorted());
  });
});

describe('training', () => {
  let step: TrainingStep;
  const run = (number: number) =>
    step.run({
      images: images.data,
      labels,
      learningRate: fixture.learningRate * cosine(number, fixture.steps),
      weightDecay: fixture.weightDecay,
      statisticsDecay: 0.9,
      seed: 1,
      step: number,
    });

  beforeAll(async () => {
    const options = {
      images: images.shape,
      labelSmoothing: fixture.labelSmoothing,
      momentum: fixture.momentum,
    };
    step = await TrainingStep.compile(smallResidual, options);
  });
  afterAll(() => step.close());

  test('running statistics after one step', async () => {
    step.load(initial);
    await run(0);
    const weights = step.weights();
    for (const [name, expected] of unpackAll(fixture.statistics)) {
      expect(relativeError(weights.get(name)!, expected)).toBeLessThan(1e-5);
    }
  });

  test('losses, parameters and statistics over twenty steps, then probabilities with the stored statistics', async () => {
    step.load(initial);
    for (let number = 0; number < fixture.steps; number++) {
      const { loss } = await run(number);
      expect(Math.abs(loss - fixture.losses[number])).toBeLessThan(1e-3);
    }
    const weights = step.weights();
    const trained = unpackAll(fixture.trained);
    expect([...weights.keys()].toSorted()).toEqual([...trained.keys()].toSorted());
    for (const [name, expected] of trained) {
      expect(relativeError(weights.get(name)!, expected), name).toBeLessThan(1e-3);
    }
    const evaluator = await Evaluator.compile(smallResidual, images.shape);
    evaluator.share(step);
    const probabilities = await evaluator.probabilities(images.data);
    expect(relativeError(probabilities, unpack(fixture.probabilities))).toBeLessThan(1e-3);
    await evaluator.close();
  });
});

test('AdamW, groups, a frozen stem, gradients clipped by their norm, averaged weights', async () => {
  const expected = fixture.adamw;
  const step = await TrainingStep.compile(smallResidual, {
    images: images.shape,
    optimizer: { kind: 'adamw', epsilon: expected.epsilon },
    groups: [
      NO_DECAY_ON_NORM_AND_BIAS,
      { matches: ({ name }) => name.startsWith('fc.'), learningRate: 10 },
      { matches: ({ name }) => name.startsWith('conv1.') || name.startsWith('bn1.'), frozen: true },
    ],
    clip: { by: 'norm', limit: expected.clip },
    average: { decay: expected.average },
  });
  step.load(initial);
  const { learningRate, weightDecay } = expected;
  for (let number = 0; number < expected.steps; number++) {
    const inputs = { images: images.data, labels, learningRate, weightDecay, statisticsDecay: 0.9 };
    const { loss, gradientNorm } = await step.run({ ...inputs, seed: 1, step: number });
    expect(Math.abs(loss - expected.losses[number])).toBeLessThan(1e-4);
    expect(Math.abs(gradientNorm! / expected.norms[number] - 1)).toBeLessThan(1e-3);
  }
  const weights = step.weights();
  for (const [name, value] of unpackAll(expected.trained)) {
    expect(relativeError(weights.get(name)!, value), name).toBeLessThan(1e-4);
  }
  const averages = step.weights('averaged');
  for (const [name, value] of unpackAll(expected.averages)) {
    expect(relativeError(averages.get(name)!, value), `average of ${name}`).toBeLessThan(1e-4);
  }
  for (const name of ['conv1.weight', 'bn1.weight', 'bn1.bias']) {
    expect(weights.get(name)).toEqual(initial.get(name));
    expect(averages.get(name)).toEqual(initial.get(name));
  }
  await step.close();
});
