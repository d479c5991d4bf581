/**
 * Training steps: micro-batches against the whole batch, groups, clipping and averages against what they mean,
 * frozen layers without a backward graph, and a state that resumes to the same bits.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cast, maxPool2d, mean, mul, relu, type Value } from '../../src/graph/index.ts';
import { reachable } from '../../src/graph/specialize.ts';
import {
  conv,
  dropout,
  globalMean,
  initialize,
  linear,
  type Network,
  type NormLayer,
  normalise,
  type Optimizer,
} from '../../src/nn/index.ts';
import { Random } from '../../src/tensor/random.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { Evaluator, NO_DECAY_ON_NORM_AND_BIAS, TrainingStep } from '../../src/train/index.ts';
import type { StepInputs, TrainingStepOptions } from '../../src/train/step.ts';
import { buildStep, type Classifier, type StepDefinition } from '../../src/train/step-graph.ts';
import { UserError } from '../../src/util/errors.ts';
import { readSafetensors, writeSafetensors } from '../../src/weights/index.ts';

const IMAGES = [8, 3, 12, 12];
const random = new Random(1, 'images');
const images = Float32Array.from({ length: 8 * 3 * 12 * 12 }, () => random.normal());
const labels = Int32Array.from([0, 1, 2, 3, 0, 1, 2, 3]);

/** Two convolutions and a linear layer, with this norm and dropout. */
function network(norm: NormLayer, rate = 0): Classifier {
  return (net: Network, x: Value) => {
    const stem = relu(
      normalise(net, 'norm1', conv(net, 'conv1', x, { out: 4, kernel: 3, padding: 1 }), norm),
    );
    const pooled = maxPool2d(stem, { kernel: 2 });
    const inner = conv(net, 'conv2', pooled, { out: 6, kernel: 3, padding: 1, bias: true });
    const features = globalMean(relu(normalise(net, 'norm2', inner, norm)));
    return linear(net, 'fc', dropout(net, 'dropout', features, rate), 4);
  };
}

const GROUP: NormLayer = { kind: 'group', groups: 2 };
const plain = network(GROUP);

const inputsOf = (step: number, changes: Partial<StepInputs> = {}): StepInputs => ({
  images,
  labels,
  learningRate: 0.05 / (step + 1),
  weightDecay: 0.01,
  statisticsDecay: 0.9,
  seed: 7,
  step,
  ...changes,
});

async function compile(
  classifier: Classifier,
  options: Partial<TrainingStepOptions> = {},
): Promise<TrainingStep> {
  const step = await TrainingStep.compile(classifier, { images: IMAGES, threads: 1, ...options });
  step.load(initialize(step.variables, 3));
  return step;
}

/** What `steps` steps make of the initial weights, and their results. */
async function trained(
  classifier: Classifier,
  options: Partial<TrainingStepOptions> = {},
  steps = 3,
  changes: Partial<StepInputs> = {},
) {
  const step = await compile(classifier, options);
  const start = step.weights();
  const results = [];
  for (let index = 0; index < steps; index++) results.push(await step.run(inputsOf(index, changes)));
  const [weights, state] = [step.weights(), step.state()];
  const averages = options.average && step.weights('averaged');
  await step.close();
  return { start, results, weights, state, averages };
}

type Values = ReadonlyMap<string, Tensor<'float32'>>;

/** The largest |found - expected| / |expected| over all variables, in the Euclidean norm of each. */
function distance(found: Values, expected: Values, names: Iterable<string> = expected.keys()): number {
  const of = (name: string) => {
    const [a, b] = [found.get(name)!.data, expected.get(name)!.data];
    return Math.hypot(...Array.from(a, (value, i) => value - b[i])) / (Math.hypot(...b) || 1);
  };
  return Math.max(...Array.from(names, of));
}

describe('micro-batches', () => {
  const optimizers: Optimizer[] = [{ kind: 'sgd' }, { kind: 'adamw', epsilon: 1e-3 }, { kind: 'lamb' }];

  test.each(optimizers)('make what the whole batch makes, with $kind', async (optimizer) => {
    const options = { optimizer, clip: { by: 'norm', limit: 0.2 }, average: { decay: 0.5 } } as const;
    const whole = await trained(plain, options);
    for (const microBatches of [2, 8]) {
      const parts = await trained(plain, { ...options, microBatches });
      expect(distance(parts.weights, whole.weights)).toBeLessThan(1e-5);
      expect(distance(parts.averages!, whole.averages!)).toBeLessThan(1e-5);
      parts.results.forEach(({ loss, correct, gradientNorm }, index) => {
        expect(Math.abs(loss - whole.results[index].loss)).toBeLessThan(1e-5);
        expect(correct).toBe(whole.results[index].correct);
        expect(Math.abs(gradientNorm! / whole.results[index].gradientNorm! - 1)).toBeLessThan(1e-4);
      });
    }
  });

  test('with batch norm are ghost batches of their size, in one step', async () => {
    const classifier = network({ kind: 'batch' });
    const parts = await trained(classifier, { microBatches: 4 }, 1);
    const ghosts = await trained(classifier, { norm: { kind: 'ghost', size: 2 } }, 1);
    // A bias in front of a batch norm has no gradient but rounding.
    const parameters = [...ghosts.weights.keys()].filter((name) => !/running|conv2.bias/.test(name));
    expect(distance(parts.weights, ghosts.weights, parameters)).toBeLessThan(1e-5);
    expect(parts.results[0].loss).toBeCloseTo(ghosts.results[0].loss, 5);
  });

  test('update running statistics one after another, by the same decay per batch', async () => {
    const classifier = network({ kind: 'batch' });
    const name = 'norm1.running_var';
    const { start, weights } = await trained(classifier, { microBatches: 4 }, 1);
    const [size, keep] = [images.length / 4, 0.9 ** (1 / 4)];
    let expected = Array.from(start.get(name)!.data, Number);
    for (let part = 0; part < 4; part++) {
      const inputs = {
        images: images.slice(part * size, (part + 1) * size),
        labels: labels.slice(part * 2, part * 2 + 2),
        statisticsDecay: 0,
      };
      const alone = await trained(classifier, { images: [2, ...IMAGES.slice(1)] }, 1, inputs);
      const { data } = alone.weights.get(name)!;
      expected = expected.map((value, i) => keep * value + (1 - keep) * data[i]);
    }
    weights.get(name)!.data.forEach((value, i) => {
      expect(Math.abs(value / expected[i] - 1)).toBeLessThan(1e-5);
    });
  });

  test('with synchronised norms make exactly what the whole batch makes', async () => {
    const classifier = network({ kind: 'batch' });
    const parts = await trained(classifier, { microBatches: 4, norm: 'synchronised' });
    expect(parts.weights).toEqual((await trained(classifier)).weights);
  });

  test('are computed as one part if any layer is synchronised, and not for what is no layer', () => {
    const classifier = network({ kind: 'batch' });
    const parts = (synchronised: string) =>
      buildStep(classifier, {
        images: IMAGES,
        microBatches: 4,
        norm: (layer) => (layer === synchronised ? 'synchronised' : { kind: 'ghost', size: 2 }),
      }).parts;
    expect([parts('norm2'), parts('norm3')]).toEqual([1, 4]);
  });

  test('that do not divide the batch are refused', async () => {
    await expect(compile(plain, { microBatches: 3 })).rejects.toThrow(
      'A batch of 8 images cannot be divided into 3 equal micro-batches.',
    );
  });

  test('can be evaluated between steps', async () => {
    const [step, whole] = [await compile(plain, { microBatches: 2 }), await compile(plain)];
    const evaluator = await Evaluator.compile(plain, IMAGES, { threads: 1 });
    for (let index = 0; index < 2; index++) {
      const answers: Tensor<'float32'>[] = [];
      for (const each of [step, whole]) {
        await each.run(inputsOf(index));
        evaluator.share(each);
        answers.push(await evaluator.probabilities(images));
      }
      expect(distance(new Map([['p', answers[0]]]), new Map([['p', answers[1]]]))).toBeLessThan(1e-5);
    }
    for (const each of [step, whole, evaluator]) await each.close();
  });
});

describe('parameter groups', () => {
  const sgd: Optimizer = { kind: 'sgd', momentum: 0 };
  const change = ({ start, weights }: { start: Values; weights: Values }, name: string) =>
    Array.from(weights.get(name)!.data, (value, i) => value - start.get(name)!.data[i]);

  test('a factor on the learning rate is a factor on the step', async () => {
    const groups = [{ matches: ({ name }: { name: string }) => name.startsWith('fc.'), learningRate: 10 }];
    const ordinary = await trained(plain, { optimizer: sgd }, 1, { weightDecay: 0 });
    const faster = await trained(plain, { optimizer: sgd, groups }, 1, { weightDecay: 0 });
    for (const name of ['fc.weight', 'fc.bias']) {
      const [slow, fast] = [change(ordinary, name), change(faster, name)];
      fast.forEach((value, i) => {
        expect(Math.abs(value - 10 * slow[i])).toBeLessThan(1e-6);
      });
    }
    expect(faster.weights.get('conv1.weight')).toEqual(ordinary.weights.get('conv1.weight'));
  });

  test('norms and biases can be left out of the decay', async () => {
    const [with_, without] = [{ weightDecay: 0.5 }, { weightDecay: 0 }];
    const options = { optimizer: sgd, groups: [NO_DECAY_ON_NORM_AND_BIAS] };
    const grouped = (await trained(plain, options, 1, with_)).weights;
    const decayed = (await trained(plain, { optimizer: sgd }, 1, with_)).weights;
    const kept = (await trained(plain, { optimizer: sgd }, 1, without)).weights;
    for (const [name, { shape }] of grouped) {
      expect(distance(grouped, shape.length > 1 ? decayed : kept, [name]), name).toBeLessThan(1e-6);
    }
    expect(distance(decayed, kept, ['norm1.weight'])).toBeGreaterThan(1e-3);
  });

  test('several groups that match multiply', async () => {
    const all = () => true;
    const twice = [
      { matches: all, learningRate: 2 },
      { matches: all, learningRate: 3, weightDecay: 0.5 },
      { matches: all, weightDecay: 4 },
    ];
    const once = [{ matches: all, learningRate: 6, weightDecay: 2 }];
    expect((await trained(plain, { groups: twice })).weights).toEqual(
      (await trained(plain, { groups: once })).weights,
    );
  });
});

describe('frozen layers', () => {
  const frozen = (prefixes: readonly string[]) => ({
    groups: [
      { matches: ({ name }: { name: string }) => prefixes.some((p) => name.startsWith(p)), frozen: true },
    ],
  });
  const opsOf = (definition: Partial<StepDefinition>) => {
    const { main, slots } = buildStep(plain, { images: IMAGES, ...definition });
    const nodes = reachable([...main.outputs.values()]);
    return { count: (op: string) => nodes.filter((node) => node.op === op).length, nodes, slots };
  };

  test('have no backward graph and no momentum', () => {
    const all = opsOf({});
    expect([all.count('conv2dWeightGradient'), all.count('conv2dInputGradient')]).toEqual([2, 1]);
    const head = opsOf(frozen(['conv', 'norm']));
    expect([head.count('conv2dWeightGradient'), head.count('conv2dInputGradient')]).toEqual([0, 0]);
    expect([head.count('groupNormGradient'), head.count('maxPool2dGradient')]).toEqual([0, 0]);
    expect(head.slots).toEqual(['velocity:fc.weight', 'velocity:fc.bias']);
    // Only the first layers: the second convolution needs its weight's gradient, and none of its input's.
    const rear = opsOf(frozen(['conv1', 'norm1']));
    expect([rear.count('conv2dWeightGradient'), rear.count('conv2dInputGradient')]).toEqual([1, 0]);
    expect(head.nodes.length).toBeLessThan(rear.nodes.length);
    expect(rear.nodes.length).toBeLessThan(all.nodes.length);
  });

  test('stay as they are, and the others move as they would with all trained', async () => {
    const some = await trained(plain, frozen(['conv1', 'norm1']), 1);
    const all = await trained(plain, {}, 1);
    for (const name of some.weights.keys()) {
      const still = name.startsWith('conv1') || name.startsWith('norm1');
      expect(distance(some.weights, still ? some.start : all.weights, [name]), name).toBeLessThan(1e-6);
    }
  });

  test('can be in a step with micro-batches', async () => {
    const options = frozen(['conv1', 'norm1']);
    const parts = await trained(plain, { ...options, microBatches: 4 });
    expect(distance(parts.weights, (await trained(plain, options)).weights)).toBeLessThan(1e-5);
  });

  test('cannot be all', async () => {
    await expect(compile(plain, frozen(['']))).rejects.toThrow('All 9 parameters of the network are frozen.');
  });
});

describe('gradients', () => {
  test('clipped by value move no number further than the rate times the limit', async () => {
    const clip = { by: 'value', limit: 0.001 } as const;
    const options = { optimizer: { kind: 'sgd', momentum: 0 }, clip } as const;
    const changes = { weightDecay: 0, learningRate: 1 };
    const { start, weights } = await trained(plain, options, 1, changes);
    const free = await trained(plain, { optimizer: options.optimizer }, 1, changes);
    for (const [name, { data }] of weights) {
      data.forEach((value, i) => {
        const before = start.get(name)!.data[i];
        const wanted = free.weights.get(name)!.data[i] - before;
        const allowed = Math.max(-clip.limit, Math.min(clip.limit, wanted));
        expect(Math.abs(value - before - allowed)).toBeLessThan(1e-6);
      });
    }
  });
});

describe('averaged weights', () => {
  test('are the moving average of the weights after every step', async () => {
    const decay = 0.7;
    const step = await compile(plain, { average: { decay } });
    let expected: Values = step.weights();
    for (let index = 0; index < 4; index++) {
      await step.run(inputsOf(index));
      const now = step.weights();
      expected = new Map(
        [...expected].map(([name, { shape, data }]) => {
          const next = data.map((value, i) => decay * value + (1 - decay) * now.get(name)!.data[i]);
          return [name, { dtype: 'float32', shape, data: next }];
        }),
      );
    }
    expect(distance(step.weights('averaged'), expected)).toBeLessThan(1e-6);
    await step.close();
  });

  test('can be evaluated, with the running statistics of the moment', async () => {
    const classifier = network({ kind: 'batch' });
    const step = await compile(classifier, { average: { decay: 0.5 } });
    for (let index = 0; index < 3; index++) await step.run(inputsOf(index));
    const evaluator = await Evaluator.compile(classifier, IMAGES, { threads: 1 });
    evaluator.share(step, 'averaged');
    const averaged = await evaluator.probabilities(images);
    evaluator.share(step);
    expect(await evaluator.probabilities(images)).not.toEqual(averaged);
    const other = await compile(classifier);
    other.load(step.weights('averaged'));
    evaluator.share(other);
    expect(await evaluator.probabilities(images)).toEqual(averaged);
    for (const each of [step, other, evaluator]) await each.close();
  });

  test('are refused where none are carried', async () => {
    const step = await compile(plain);
    expect(() => step.weights('averaged')).toThrow('carries no moving average');
    await step.close();
  });
});

/** What is overwritten with its next value must not be read by anything that could be computed after that value. */
test.each([
  ['one part', {}],
  ['micro-batches', { microBatches: 2 }],
] as const)(
  'everything that reads an overwritten input comes before its next value: %s',
  (_name, options) => {
    const optimizers: Optimizer[] = [
      { kind: 'sgd' },
      { kind: 'sgd', nesterov: false },
      { kind: 'adam' },
      { kind: 'lars' },
      { kind: 'lamb' },
    ];
    for (const optimizer of optimizers) {
      const definition = { images: IMAGES, optimizer, average: { decay: 0.9 }, ...options };
      const { main, update } = buildStep(plain, definition);
      for (const { outputs, carried, overwritten } of update ? [main, update] : [main]) {
        const nodes = reachable([...outputs.values()]);
        expect(overwritten.size).toBeGreaterThan(0);
        for (const name of overwritten) {
          const [input] = nodes.find(
            ({ op, attributes }) => op === 'input' && 'name' in attributes && attributes.name === name,
          )!.outputs;
          const before = new Set(reachable([outputs.get(carried.get(name)!)!]));
          const readers = nodes.filter(({ inputs }) => inputs.includes(input));
          expect(readers.length).toBeGreaterThan(0);
          for (const reader of readers) expect(before.has(reader), `${optimizer.kind}: ${name}`).toBe(true);
        }
      }
    }
  },
);

describe('state', () => {
  const variants: [string, Partial<TrainingStepOptions>][] = [
    ['Nesterov SGD', {}],
    ['AdamW with averages', { optimizer: { kind: 'adamw' }, average: { decay: 0.9 } }],
    ['LAMB on micro-batches', { optimizer: { kind: 'lamb' }, microBatches: 2, average: { decay: 0.9 } }],
  ];

  test.each(variants)(
    'taken out after five steps, through bytes, resumes to the same bits: %s',
    async (_name, options) => {
      const classifier = network({ kind: 'batch' }, 0.3);
      const folder = await mkdtemp(join(tmpdir(), 'transferlab-state-'));
      const path = join(folder, 'state.safetensors');
      const through = await trained(classifier, options, 10);
      const first = await trained(classifier, options, 5);
      await writeSafetensors(path, first.state);
      const second = await TrainingStep.compile(classifier, { images: IMAGES, threads: 1, ...options });
      second.restore((await readSafetensors(path)).tensors);
      const losses = [];
      for (let index = 5; index < 10; index++) losses.push((await second.run(inputsOf(index))).loss);
      expect(losses).toEqual(through.results.slice(5).map(({ loss }) => loss));
      expect(second.state()).toEqual(through.state);
      await second.close();
      await rm(folder, { recursive: true });
    },
  );

  test('of another optimizer is refused', async () => {
    const { state } = await trained(plain, {}, 1);
    const step = await compile(plain, { optimizer: { kind: 'adamw' } });
    expect(() => step.restore(state)).toThrow(
      'lacks 20 values of this training step, the first is "firstMoment:',
    );
    await step.close();
  });

  test('loading weights starts the optimizer anew', async () => {
    const step = await compile(plain, { optimizer: { kind: 'adamw' }, average: { decay: 0.5 } });
    const start = step.state();
    await step.run(inputsOf(0));
    const once = step.state();
    step.load(initialize(step.variables, 3));
    expect(step.state()).toEqual(start);
    await step.run(inputsOf(0));
    expect(step.state()).toEqual(once);
    await step.close();
  });
});

describe('what is no batch of the step', () => {
  const refused = async (options: Partial<TrainingStepOptions>, changes: Partial<StepInputs>) => {
    const step = await compile(plain, options);
    const before = step.state();
    await expect(step.run(inputsOf(0, changes))).rejects.toBeInstanceOf(UserError);
    expect(step.state()).toEqual(before);
    const error = await step.run(inputsOf(0, changes)).catch((caught: UserError) => caught);
    await step.close();
    return error as UserError;
  };
  const withLabel = (position: number, label: number) => ({ labels: labels.with(position, label) });
  const multi = Int32Array.from({ length: 32 }, (_, i) => (i % 3) - 1);

  test.each([
    ['images too many', { images: new Float32Array(images.length + 1) }],
    ['images too few', { images: images.subarray(1) }],
    ['labels too few', { labels: labels.subarray(1) }],
    ['labels of another kind of step', { labels: multi }],
  ])('is refused: %s', async (_name, changes) => {
    expect((await refused({ microBatches: 2 }, changes)).code).toBe('BATCH_MISFIT');
  });

  test.each<[number, Partial<TrainingStepOptions>, Partial<StepInputs>]>([
    [4, {}, withLabel(5, 4)],
    [-1, {}, withLabel(5, -1)],
    [-1, { microBatches: 4 }, withLabel(5, -1)],
    [2, { task: 'multi-label' }, { labels: multi.with(5, 2) }],
    [-2, { task: 'multi-label' }, { labels: multi.with(5, -2) }],
  ])('is refused with the first label that is none: %d', async (label, options, changes) => {
    const { code, message } = await refused(options, changes);
    expect([code, message]).toEqual([
      'LABEL_RANGE',
      expect.stringContaining(`Label ${label} at position 5 of the batch`),
    ]);
  });

  test('may have any labels where the loss is given, for only that knows what they mean', async () => {
    const step = await compile(plain, {
      loss: (logits, value) => mean(mul(logits, mean(cast(value, 'float32')))),
    });
    await expect(step.run(inputsOf(0, withLabel(5, -100)))).resolves.toBeDefined();
    await step.close();
  });

  test('or lacks a weight is refused before anything is loaded', async () => {
    const step = await compile(plain);
    const before = step.state();
    const weights: Map<string, Tensor> = initialize(step.variables, 4);
    weights.delete('fc.bias');
    expect(() => step.load(weights)).toThrow(/1 of the 9 variables .* "fc.bias" \(4\), which is missing/);
    weights.set('fc.bias', step.weights().get('conv2.bias')!);
    expect(() => step.load(weights)).toThrow(/"fc.bias" \(4\), given as 6/);
    expect(step.state()).toEqual(before);
    await step.close();
  });
});

describe('dropout', () => {
  const frozen = {
    groups: [{ matches: ({ name }: { name: string }) => /conv|norm/.test(name), frozen: true }],
  };

  test('drops the same whether layers in front are frozen or not', async () => {
    const free = await trained(network(GROUP, 0.5), {}, 1);
    const still = await trained(network(GROUP, 0.5), frozen, 1);
    expect(still.results[0].loss).toBe(free.results[0].loss);
  });

  test('gives each part of a batch a stream of its own', async () => {
    // Both parts are the same images; only what is dropped differs.
    const twice = {
      images: new Float32Array([
        ...images.subarray(0, images.length / 2),
        ...images.subarray(0, images.length / 2),
      ]),
    };
    const rate = 0.5;
    const [once, parts] = [
      await trained(network(GROUP, rate), { images: [4, ...IMAGES.slice(1)] }, 1, {
        images: twice.images.subarray(0, images.length / 2),
        labels: labels.subarray(0, 4),
      }),
      await trained(network(GROUP, rate), { microBatches: 2 }, 1, twice),
    ];
    expect(parts.results[0].loss).not.toBe(once.results[0].loss);
    const again = await trained(network(GROUP, rate), { microBatches: 2 }, 1, twice);
    expect(again.results).toEqual(parts.results);
  });
});
