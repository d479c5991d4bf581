/** Numbers that are not finite: the layer, op and operands that made the first of them are named. */
import { describe, expect, test } from 'vitest';
import { add, div, log, mean, mul, relu, sqrt, sub, type Value } from '../../src/graph/index.ts';
import { conv, globalMean, initialize, linear, type Network } from '../../src/nn/index.ts';
import { TrainingStep, type TrainingStepOptions, train } from '../../src/train/index.ts';
import type { StepInputs } from '../../src/train/step.ts';
import type { Classifier } from '../../src/train/step-graph.ts';
import { colourLoader } from './colour-loader.ts';

const IMAGES = [4, 3, 6, 6];

/** A convolution, then `middle` in a layer "middle", then a linear layer. */
const network =
  (middle: (x: Value) => Value): Classifier =>
  (net: Network, images: Value) => {
    const x = relu(conv(net, 'conv', images, { out: 4, kernel: 3, padding: 1 }));
    return linear(net, 'fc', globalMean(net.graph.scoped('middle', () => middle(x))), 3);
  };

const inputs: StepInputs = {
  images: Float32Array.from({ length: 4 * 3 * 6 * 6 }, (_, i) => Math.sin(i)),
  labels: Int32Array.from([0, 1, 2, 0]),
  learningRate: 0.1,
  weightDecay: 0,
  statisticsDecay: 0.9,
  seed: 1,
  step: 0,
};

async function open(
  classifier: Classifier,
  options: Partial<TrainingStepOptions> = {},
): Promise<TrainingStep> {
  const step = await TrainingStep.compile(classifier, { images: IMAGES, threads: 1, ...options });
  step.load(initialize(step.variables, 1));
  return step;
}

/** x / (x - x): nothing in the layers before or behind it is at fault. */
const dividesByZero = network((x) => div(x, sub(x, x)));

describe('the first numbers that are not finite', () => {
  test.each([1, 2])('are those of a layer that divides by zero (parts: %i)', async (microBatches) => {
    const step = await open(dividesByZero, { microBatches });
    expect((await step.run(inputs)).loss).toBeNaN();
    const error = await step.diagnose(inputs);
    await step.close();
    expect(error?.code).toBe('NOT_FINITE');
    expect(error?.given).toContain('come from div in layer "middle":');
    expect(error?.given).toMatch(/operand 0 \(relu \dx4x6x6\): from 0 to \d/);
    expect(error?.given).toMatch(/operand 1 \(sub \dx4x6x6\): from 0 to 0\n/);
    expect(error?.given).toMatch(
      /result 0 \(div \dx4x6x6\): no finite number, (\d+) of \1 numbers not finite/,
    );
    expect(error?.given).toMatch(/^> %\d+ = div\(%\d+, %\d+\) : float32 \dx4x6x6 {2}\/\/ middle$/m);
    expect(error?.given).toMatch(/^ {2}%\d+ = sub/m);
  });

  test('may be in the gradient: the square root of zero', async () => {
    const step = await open(network((x) => sqrt(mul(x, 0))));
    expect((await step.run(inputs)).loss).toBeGreaterThan(0);
    const error = await step.diagnose(inputs);
    await step.close();
    expect(error?.given).toContain('in layer "gradient of middle"');
    expect(error?.given).toContain('(sqrt 4x4x6x6): from 0 to 0');
  });

  test('may be in one image of the last micro-batch', async () => {
    // The logarithm of each image's mean: the last image is black.
    const classifier: Classifier = (net, images) => {
      const means = net.graph.scoped('means', () => log(mean(mul(images, images), [2, 3])));
      return linear(net, 'fc', means, 3);
    };
    const step = await open(classifier, { microBatches: 4 });
    const black = { ...inputs, images: inputs.images.map((value, i) => (i < 3 * 3 * 36 ? value : 0)) };
    expect(Number.isFinite((await step.run(black)).loss)).toBe(false);
    const error = await step.diagnose(black);
    await step.close();
    expect(error?.given).toContain('come from log in layer "means"');
    expect(error?.given).toContain('(mean 1x3): from 0 to 0');
  });

  test('may have come in with the images, or from an earlier step', async () => {
    const step = await open(network((x) => x));
    const broken = { ...inputs, images: inputs.images.with(5, Number.NaN) };
    await step.run(broken);
    expect((await step.diagnose(broken))?.given).toBe(
      '1 of 432 numbers of the input "images" were not finite before the step began.',
    );
    await step.run(inputs);
    expect((await step.diagnose(inputs))?.given).toMatch(
      /numbers of the input "conv.weight" were not finite before the step began: the update of an earlier step/,
    );
    await step.close();
  });

  test('are none where all is well', async () => {
    const step = await open(network((x) => add(x, 1)));
    await step.run(inputs);
    expect(await step.diagnose(inputs)).toBeUndefined();
    await step.close();
  });
});

test('a run that diverged tells its first bad layer', async () => {
  const { loader, close } = await colourLoader(4, 6);
  const step = await open(dividesByZero);
  const run = await train(step, loader, { ...inputs, steps: 3 });
  expect([run.status, run.steps]).toEqual(['diverged', 1]);
  expect((await run.diagnose!())?.given).toContain('come from div in layer "middle":');
  await step.close();
  await close();
});
