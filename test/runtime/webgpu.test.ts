/**
 * Graphs on WebGPU, in software: training that keeps its parameters on the device against the same on the
 * processor, evaluation that shares them, and gradients by finite differences.
 */
import { expect, test } from 'vitest';
import * as g from '../../src/graph/index.ts';
import { batchNorm, conv, INFERENCE, initialize, linear, Network } from '../../src/nn/index.ts';
import { createSession, type Device, inferenceFile, OnnxFunction } from '../../src/runtime/index.ts';
import { Random } from '../../src/tensor/random.ts';
import { type Shape, tensor } from '../../src/tensor/tensor.ts';
import type { Classifier } from '../../src/train/index.ts';
import { Evaluator, type StepInputs, TrainingStep } from '../../src/train/index.ts';
import { checkGradients, type GradientCase } from '../autodiff/finite-differences.ts';
import { describeWebgpu } from '../webgpu.ts';

const [BATCH, SIZE, CLASSES] = [4, 8, 3];
const STEPS = 3;

/** One of each kind of layer that trains, and max pooling, whose kernel on WebGPU lacks an output. */
const classifier: Classifier = (net, x) => {
  const convolved = conv(net, 'conv', x, { out: 6, kernel: 3, padding: 1 });
  const normalised = g.relu(batchNorm(net, 'bn', convolved));
  const pooled = g.maxPool2d(normalised, { kernel: 2, strides: 2 });
  return linear(net, 'fc', g.mean(pooled, [2, 3]), CLASSES);
};

const random = new Random(3);
const images = Float32Array.from({ length: BATCH * 3 * SIZE * SIZE }, () => random.normal());
const inputs = (step: number): StepInputs => ({
  images,
  labels: Int32Array.of(0, 1, 2, 0),
  learningRate: 0.05,
  weightDecay: 1e-4,
  statisticsDecay: 0.9,
  seed: 1,
  step,
});

async function trained(device: Device) {
  const step = await TrainingStep.compile(classifier, { images: [BATCH, 3, SIZE, SIZE], device, threads: 1 });
  const evaluator = await Evaluator.compile(classifier, [BATCH, 3, SIZE, SIZE], { device, threads: 1 });
  step.load(initialize(step.variables, 1));
  const losses: number[] = [];
  for (let k = 0; k < STEPS; k++) losses.push((await step.run(inputs(k))).loss);
  evaluator.share(step);
  const probabilities = await evaluator.probabilities(images);
  return { step, evaluator, losses, probabilities };
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}

describeWebgpu('WebGPU', () => {
  test('training is the same as on the processor, with parameters that stay on the device', async () => {
    const onDevice = await trained('webgpu');
    const onProcessor = await trained('cpu');
    onDevice.losses.forEach((loss, i) => {
      expect(loss).toBeCloseTo(onProcessor.losses[i], 3);
    });
    expect(onDevice.losses[STEPS - 1]).toBeLessThan(onDevice.losses[0]);
    const probabilities = onDevice.probabilities.data;
    expect(largestDifference(probabilities, onProcessor.probabilities.data)).toBeLessThan(2e-3);

    // Were they on the host, they could be read without asking for them.
    expect(() => onDevice.step.weights()).toThrow('lies on the device and was not downloaded');
    await onDevice.step.download();
    const expected = onProcessor.step.weights();
    for (const [name, { shape, data }] of onDevice.step.weights()) {
      expect(shape).toEqual(expected.get(name)!.shape);
      expect(largestDifference(data, expected.get(name)!.data), name).toBeLessThan(2e-3);
    }

    // Loading sets them anew, and what follows is the first step again.
    onDevice.step.load(initialize(onDevice.step.variables, 1));
    expect((await onDevice.step.run(inputs(0))).loss).toBeCloseTo(onDevice.losses[0], 5);
    expect(() => onDevice.step.weights()).toThrow('was not downloaded');
    for (const { step, evaluator } of [onDevice, onProcessor]) {
      await evaluator.close();
      await step.close();
    }
  });

  const unit = { low: -1, high: 1 };
  const convolutionOf = (image: Shape, weight: Shape, groups: number): GradientCase => ({
    operands: [
      { shape: image, numbers: unit },
      { shape: weight, numbers: unit },
    ],
    build: (x, w) => g.conv2d(x, w, { padding: 1, groups }),
    epsilon: 0.02,
  });
  const CASES: readonly [string, GradientCase][] = [
    // What the runtime's kernels compute wrongly, or not at all.
    ['convolution of channels by threes', convolutionOf([2, 6, 5, 4], [4, 6, 3, 3], 1)],
    ['convolution with six filters in each of two groups', convolutionOf([2, 4, 5, 4], [12, 2, 3, 3], 2)],
    ['depthwise convolution with two filters each', convolutionOf([2, 3, 6, 6], [6, 1, 3, 3], 3)],
    [
      'power that repeats both operands',
      {
        operands: [
          { shape: [3, 1], numbers: { low: 0.5, high: 2 } },
          { shape: [1, 4], numbers: unit },
        ],
        build: (x, y) => g.pow(x, y),
        epsilon: 0.01,
      },
    ],
    [
      'convolution',
      {
        operands: [
          { shape: [2, 3, 6, 5], numbers: unit },
          { shape: [4, 3, 3, 3], numbers: unit },
        ],
        build: (x, w) => g.conv2d(x, w, { padding: 1, strides: 2 }),
        epsilon: 0.02,
      },
    ],
    [
      'max pooling',
      {
        operands: [{ shape: [2, 3, 6, 6], numbers: { gap: 0.1 } }],
        build: (x) => g.maxPool2d(x, { kernel: 3, strides: 2, padding: 1 }),
        epsilon: 0.01,
      },
    ],
    [
      'matrix product and softmax',
      {
        operands: [
          { shape: [3, 4], numbers: unit },
          { shape: [4, 5], numbers: unit },
        ],
        build: (a, b) => g.logSoftmax(g.matmul(a, b)),
        epsilon: 0.02,
      },
    ],
  ];
  test.each(CASES)('the gradient of %s fits finite differences', async (_, row) => {
    for (const { analytic, numeric, scale } of await checkGradients(row, 'webgpu')) {
      expect(Math.abs(analytic - numeric) / scale).toBeLessThan(2e-3);
    }
  });

  test('a file whose convolution WebGPU computes wrongly gives what it gives on the processor', async () => {
    const net = new Network(new g.Graph(), INFERENCE);
    const y = conv(net, 'conv', net.graph.input('x', [2, 6, 5, 4]), { out: 4, kernel: 3, padding: 1 });
    const file = inferenceFile(new Map([['y', y]]), initialize(net.variables, 1));
    const x = tensor(
      'float32',
      [2, 6, 5, 4],
      Float32Array.from({ length: 240 }, () => random.normal()),
    );
    const results = await Promise.all(
      (['webgpu', 'cpu'] as const).map(async (device) => {
        const network = await OnnxFunction.load(file, { device, threads: 1 });
        const { y } = await network.run({ x });
        await network.close();
        return y.data as Float32Array;
      }),
    );
    expect(largestDifference(results[0], results[1])).toBeLessThan(1e-4);
  });

  test('what is no ONNX file is not taken for a missing device', async () => {
    await expect(createSession(new Uint8Array([1, 2, 3]), { device: 'webgpu' })).rejects.toMatchObject({
      code: 'SESSION_FAILED',
    });
  });
});
