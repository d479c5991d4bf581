/**
 * Training steps with several classes to an image: loss and gradient against PyTorch (scripts/fixtures/multi_label.py),
 * what counts as right, and micro-batches against the whole batch.
 */
import { describe, expect, test } from 'vitest';
import { gradient } from '../../src/autodiff/index.ts';
import { Graph } from '../../src/graph/index.ts';
import { conv, globalMean, initialize, linear, type Network } from '../../src/nn/index.ts';
import { maskedBinaryCrossEntropy } from '../../src/nn/losses.ts';
import { Executable } from '../../src/runtime/index.ts';
import { Random } from '../../src/tensor/random.ts';
import { float32, tensor } from '../../src/tensor/tensor.ts';
import { TrainingStep } from '../../src/train/index.ts';
import type { Classifier } from '../../src/train/step-graph.ts';
import fixture from '../fixtures/multi_label.json' with { type: 'json' };

describe('the loss', () => {
  test.each(fixture.loss)('with label smoothing $smoothing: value and gradient', async (row) => {
    const graph = new Graph();
    const logits = graph.input('logits', [5, 4]);
    const labels = graph.constant(tensor('int32', [5, 4], Int32Array.from(row.labels)));
    const loss = maskedBinaryCrossEntropy(logits, labels, row.smoothing);
    const [slope] = gradient(loss, [logits]);
    const outputs = new Map([
      ['loss', loss],
      ['slope', slope],
    ]);
    const executable = await Executable.compile(outputs, { threads: 1 });
    executable.set('logits', float32([5, 4], row.logits));
    const result = await executable.run();
    expect(Number(result.loss.data[0])).toBeCloseTo(row.loss, 5);
    for (const [i, expected] of row.gradient.entries())
      expect(Number(result.slope.data[i])).toBeCloseTo(expected, 6);
    await executable.close();
  });
});

const N = 8;
const K = 3;
const IMAGES = [N, 3, 6, 6];
const random = new Random(2, 'multi-label');
const images = Float32Array.from({ length: N * 3 * 36 }, () => random.normal());
const labels = Int32Array.from({ length: N * K }, () => random.integer(3) - 1);

const network: Classifier = (net: Network, x) =>
  linear(net, 'fc', globalMean(conv(net, 'conv', x, { out: 4, kernel: 3, padding: 1, bias: true })), K);

const inputs = {
  images,
  labels,
  learningRate: 0.1,
  weightDecay: 0,
  statisticsDecay: 0.9,
  seed: 0,
  step: 0,
};

async function oneStep(microBatches: number, given = inputs) {
  const step = await TrainingStep.compile(network, {
    images: IMAGES,
    task: 'multi-label',
    microBatches,
    threads: 1,
  });
  step.load(initialize(step.variables, 3));
  const result = await step.run(given);
  const weights = step.weights();
  await step.close();
  return { result, weights };
}

describe('a step', () => {
  test('in micro-batches is the step of the whole batch', async () => {
    const whole = await oneStep(1);
    const parts = await oneStep(4);
    expect(parts.result.loss).toBeCloseTo(whole.result.loss, 5);
    expect(parts.result.correct).toBeCloseTo(whole.result.correct, 5);
    for (const [name, { data }] of whole.weights)
      for (const [i, value] of data.entries()) expect(parts.weights.get(name)!.data[i]).toBeCloseTo(value, 5);
  });

  test('learns nothing from what is left out', async () => {
    const none = Int32Array.from(labels, () => -1);
    const { result, weights } = await oneStep(1, { ...inputs, labels: none });
    expect(result).toEqual({ loss: 0, correct: 0 });
    const step = await TrainingStep.compile(network, { images: IMAGES, task: 'multi-label', threads: 1 });
    for (const [name, { data }] of initialize(step.variables, 3))
      expect(weights.get(name)!.data).toEqual(data);
    await step.close();
  });

  test('comes to tell every class of every image that counts', async () => {
    const step = await TrainingStep.compile(network, { images: IMAGES, task: 'multi-label', threads: 1 });
    step.load(initialize(step.variables, 3));
    // Images of one colour each, whose channels are the labels.
    const painted = new Float32Array(images.length);
    for (let n = 0; n < N; n++)
      for (let c = 0; c < 3; c++) painted.fill(n & (1 << c) ? 1 : -1, (n * 3 + c) * 36, (n * 3 + c + 1) * 36);
    const told = Int32Array.from({ length: N * K }, (_, i) => ((i / K) & (1 << (i % K)) ? 1 : 0));
    // One wrong label is marked as difficult, so it does no harm.
    told[0] = -1;
    let last = { loss: Number.NaN, correct: 0 };
    for (let i = 0; i < 150; i++)
      last = await step.run({ ...inputs, images: painted, labels: told, step: i, learningRate: 0.05 });
    expect(last.correct).toBe(N);
    expect(last.loss).toBeLessThan(0.3);
    await step.close();
  });
});
