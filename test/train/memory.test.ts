/**
 * Memory of training steps: what is planned grows with the batch, falls with recomputation and micro-batches, and a
 * limit is kept by both without another result.
 */
import { describe, expect, test } from 'vitest';
import { candidatesOf, convolutionsOf } from '../../src/compile/index.ts';
import { concat, relu, reshape, type Value } from '../../src/graph/index.ts';
import {
  conv,
  globalMean,
  initialize,
  linear,
  type Network,
  type NormLayer,
  normalise,
} from '../../src/nn/index.ts';
import { channelBlock } from '../../src/runtime/blocks.ts';
import { Random } from '../../src/tensor/random.ts';
import { Evaluator, stepOutputs, TrainingStep, type TrainingStepOptions } from '../../src/train/index.ts';
import { buildStep, type Classifier } from '../../src/train/step-graph.ts';
import { memoryOf, type StepMemory } from '../../src/train/step-memory.ts';

const COUNT = 16;
const SIZE = 32;
const CLASSES = 5;
const WIDTH = 16;

const BATCH: NormLayer = { kind: 'batch' };

/** A norm, an activation and a convolution, as DenseNets have them. */
const layer = (net: Network, name: string, x: Value, norm: NormLayer) =>
  conv(net, `${name}.conv`, relu(normalise(net, `${name}.norm`, x, norm)), {
    ...{ out: WIDTH, kernel: 3, padding: 1 },
  });

const head = (net: Network, x: Value) => linear(net, 'head', globalMean(relu(x)), CLASSES);

/** One layer behind the other. */
const chain =
  (norm: NormLayer = BATCH): Classifier =>
  (net, images) => {
    let x = conv(net, 'stem', images, { out: WIDTH, kernel: 3, padding: 1 });
    for (let i = 0; i < 4; i++) x = layer(net, `layer${i}`, x, norm);
    return head(net, x);
  };

/** Each layer reads what all before it have made. */
const dense: Classifier = (net, images) => {
  const made = [conv(net, 'stem', images, { out: WIDTH, kernel: 3, padding: 1 })];
  for (let i = 0; i < 4; i++) made.push(layer(net, `layer${i}`, concat([...made], 1), BATCH));
  return head(net, concat([...made], 1));
};

const compile = (classifier: Classifier, count: number, options: Partial<TrainingStepOptions> = {}) =>
  TrainingStep.compile(classifier, { images: [count, 3, SIZE, SIZE], threads: 1, ...options });

/** Losses of some steps on random images, and the weights after them. */
async function trained(classifier: Classifier, options: Partial<TrainingStepOptions> = {}) {
  const step = await compile(classifier, COUNT, options);
  step.load(initialize(step.variables, 3));
  const random = new Random(4, 'images');
  const images = Float32Array.from({ length: COUNT * 3 * SIZE * SIZE }, () => random.normal());
  const labels = Int32Array.from({ length: COUNT }, (_, i) => i % CLASSES);
  const rates = { learningRate: 0.01, weightDecay: 1e-3, statisticsDecay: 0.9, seed: 1 };
  const losses: number[] = [];
  for (let i = 0; i < 4; i++) losses.push((await step.run({ images, labels, ...rates, step: i })).loss);
  const [memory, weights] = [await step.memory(), step.weights()];
  await step.close();
  return { losses, memory, weights };
}

async function plannedBytes(
  classifier: Classifier,
  count: number,
  options: Partial<TrainingStepOptions> = {},
) {
  const step = await compile(classifier, count, options);
  const memory = await step.memory();
  await step.close();
  return memory.plannedBytes;
}

describe('recomputation', () => {
  test.each([
    ['a chain of layers', chain()],
    ['layers that read all before them', dense],
  ])('gives the same bits in less memory: %s', async (_name, classifier) => {
    const kept = await trained(classifier);
    const recomputed = await trained(classifier, { recompute: true });
    expect(recomputed.losses).toEqual(kept.losses);
    for (const [name, { data }] of recomputed.weights) expect(data).toEqual(kept.weights.get(name)!.data);
    expect(recomputed.memory.plannedBytes).toBeLessThan(kept.memory.plannedBytes);
  });
});

describe('planned memory', () => {
  test('grows with the batch', async () => {
    const planned: number[] = [];
    for (const count of [4, 8, 32]) planned.push(await plannedBytes(chain(), count));
    expect(planned).toEqual([...planned].sort((a, b) => a - b));
    expect(new Set(planned).size).toBe(3);
  });

  test('has room for a wide layer, its velocity and its next value', async () => {
    const wide: Classifier = (net, x) =>
      linear(net, 'out', linear(net, 'wide', globalMean(x), 2 ** 20), CLASSES);
    expect((await plannedBytes(wide, 1)) - (await plannedBytes(chain(), 1))).toBeGreaterThan(
      4 * 3 * 8 * 2 ** 20,
    );
  });
});

describe('an evaluator beside a step', () => {
  test('computes in the same memory, and neither spoils what the other gives', async () => {
    const step = await compile(chain(), COUNT);
    step.load(initialize(step.variables, 3));
    const shape = [8 * COUNT, 3, SIZE, SIZE];
    const random = new Random(5, 'images');
    const images = Float32Array.from({ length: 8 * COUNT * 3 * SIZE * SIZE }, () => random.normal());
    const inputs = {
      ...{ images: images.subarray(0, images.length / 8), labels: new Int32Array(COUNT), step: 0 },
      ...{ learningRate: 0, weightDecay: 0, statisticsDecay: 1, seed: 0 },
    };
    const { loss } = await step.run(inputs);
    const alone = await Evaluator.compile(chain(), shape, { threads: 1 });
    const before = step.executable.scratch.block().byteLength;
    const beside = await Evaluator.compile(chain(), shape, { threads: 1, beside: step });
    const answers = [];
    for (const evaluator of [alone, beside]) {
      evaluator.share(step);
      answers.push(await evaluator.probabilities(images));
    }
    expect(answers[1]).toEqual(answers[0]);
    expect((await step.run(inputs)).loss).toBe(loss);
    // So many images take more than the step has.
    expect(step.executable.scratch.block().byteLength).toBeGreaterThan(before);
    for (const each of [step, alone, beside]) await each.close();
  });
});

describe('a limit of memory', () => {
  test('recomputes before it divides the batch, and divides no more than it must', async () => {
    const planned = (microBatches: number, recompute: boolean) =>
      plannedBytes(chain(), COUNT, { microBatches, recompute });
    const [whole, frugal] = [await planned(1, false), await planned(1, true)];
    expect(frugal).toBeLessThan(whole);
    const chosen = async (memory: number) => {
      const step = await compile(chain(), COUNT, { memory });
      const { plannedBytes: planned, ...rest } = await step.memory();
      await step.close();
      expect(planned).toBeLessThanOrEqual(memory);
      return rest;
    };
    expect(await chosen(whole)).toEqual({ microBatches: 1, recompute: false });
    expect(await chosen(whole - 1)).toEqual({ microBatches: 1, recompute: true });
    const { microBatches } = await chosen(frugal - 1);
    expect(microBatches).toBeGreaterThan(1);
    for (let fewer = 1; fewer < microBatches; fewer *= 2) {
      expect(await planned(fewer, true)).toBeGreaterThan(frugal - 1);
    }
  });

  test('divides the batch alike whatever was measured on a machine, and keeps to it there', async () => {
    const images = [COUNT, 3, SIZE, SIZE];
    const graphs = [1, 2].flatMap((microBatches) => stepOutputs(chain(), { images, microBatches }));
    const block = await channelBlock('cpu');
    const formulations = new Map(
      convolutionsOf(graphs).map((convolution) => {
        const { names, usual } = candidatesOf(convolution, block);
        return [convolution.key, names.find((name) => name !== usual) ?? usual];
      }),
    );
    const plan = (options: Partial<TrainingStepOptions>) =>
      TrainingStep.plan(chain(), { images, threads: 1, ...options });
    const usual = await plan({ recompute: true });
    const measured = await plan({ recompute: true, formulations });
    expect(measured.plannedBytes).not.toBe(usual.plannedBytes);
    const memory = (usual.plannedBytes + measured.plannedBytes) / 2;
    const [without, within] = [await plan({ memory }), await plan({ memory, formulations })];
    expect(within.microBatches).toBe(without.microBatches);
    expect(within.plannedBytes).toBeLessThanOrEqual(memory);
  });

  test('divides the batch alike for blocks of any number of channels', async () => {
    const thin: Classifier = (net, x) =>
      head(net, layer(net, 'layer', conv(net, 'stem', x, { out: 24, kernel: 3, padding: 1 }), BATCH));
    const options = { images: [COUNT, 3, SIZE, SIZE], recompute: true, threads: 1 };
    const graph = buildStep(thin, options);
    const planned = await Promise.all([16, 8, 0].map((block) => memoryOf(graph, options, block)));
    const bytes = planned.map(({ plannedBytes }) => plannedBytes);
    expect(new Set(bytes).size).toBeGreaterThan(1);
    const parts = async (memory: number) =>
      (await TrainingStep.plan(thin, { ...options, memory })).microBatches;
    expect(await parts(Math.max(...bytes))).toBe(1);
    expect(await parts(Math.max(...bytes) - 1)).toBeGreaterThan(1);
  });

  test('divides ghost batches between them', async () => {
    const options = { images: [12, 3, SIZE, SIZE], norm: { kind: 'ghost', size: 4 }, threads: 1 } as const;
    const inThree = await TrainingStep.plan(chain(), { ...options, microBatches: 3, recompute: true });
    // Neither two parts of six images nor four of three can be divided into ghost batches.
    const plan = await TrainingStep.plan(chain(), { ...options, memory: inThree.plannedBytes + 2 ** 20 });
    expect(plan.microBatches).toBe(3);
    const tooLittle = TrainingStep.plan(chain(), { ...options, memory: inThree.plannedBytes - 2 ** 20 });
    await expect(tooLittle).rejects.toMatchObject({ code: 'MEMORY' });
    const misfit = TrainingStep.plan(chain(), {
      ...options,
      norm: { kind: 'ghost', size: 5 },
      memory: 2 ** 32,
    });
    await expect(misfit).rejects.toMatchObject({ code: 'GHOST_BATCH' });
  });

  test('leaves a batch norm more than one number of each channel', async () => {
    const pooled: Classifier = (net, x) => {
      const means = globalMean(layer(net, 'layer', x, BATCH));
      const features = reshape(means, [...means.shape, 1, 1]);
      return linear(net, 'head', globalMean(normalise(net, 'last', features, BATCH)), CLASSES);
    };
    const options = { images: [4, 3, 64, 64], threads: 1 };
    const [whole, two, four] = await Promise.all(
      [1, 2, 4].map((microBatches) =>
        TrainingStep.plan(pooled, { ...options, microBatches, recompute: true }),
      ),
    );
    const chosen = (a: StepMemory, b: StepMemory) =>
      TrainingStep.plan(pooled, { ...options, memory: (a.plannedBytes + b.plannedBytes) / 2 });
    expect((await chosen(whole, two)).microBatches).toBe(2);
    await expect(chosen(two, four)).rejects.toMatchObject({ code: 'MEMORY' });
  });

  test('is refused where single images do not fit, with what they take', async () => {
    await expect(compile(chain(), COUNT, { memory: 2 ** 20 })).rejects.toMatchObject({
      code: 'MEMORY',
      message: expect.stringMatching(/takes at least \d+\.\d\d GiB.*allowed are 0\.00 GiB/),
    });
  });

  test('gives the same losses and weights to rounding where norms do not use the batch', async () => {
    const classifier = chain({ kind: 'group', groups: 4 });
    const whole = await trained(classifier);
    const frugal = await plannedBytes(classifier, COUNT, { recompute: true });
    const divided = await trained(classifier, { memory: frugal - 2 ** 20 });
    expect(divided.memory.microBatches).toBeGreaterThan(1);
    expect(divided.memory.plannedBytes).toBeLessThan(frugal);
    divided.losses.forEach((loss, i) => {
      expect(loss).toBeCloseTo(whole.losses[i], 4);
    });
    for (const [name, { data }] of divided.weights) {
      const expected = whole.weights.get(name)!.data;
      const furthest = data.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
      expect(furthest, name).toBeLessThan(1e-4);
    }
  });
});
