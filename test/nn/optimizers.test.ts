/**
 * Optimizers over twenty steps on given gradients against PyTorch, LARS and LAMB against loops over their papers'
 * formulas (scripts/fixtures/optimizers.py); clipping; how many passes over full-size values an update makes.
 */
import { describe, expect, test } from 'vitest';
import { Graph, type Value } from '../../src/graph/index.ts';
import { reachable } from '../../src/graph/specialize.ts';
import { globalNormFactor, type Optimizer, optimizerRule } from '../../src/nn/index.ts';
import { Executable } from '../../src/runtime/index.ts';
import { float32 } from '../../src/tensor/tensor.ts';
import fixture from '../fixtures/optimizers.json' with { type: 'json' };

const { shape } = fixture;
const scalar = (value: number) => float32([], [value]);

/** The update as graph, with every value that it reads as an input. */
function updateGraph(optimizer: Optimizer, hasDecay: boolean, adapt = true) {
  const graph = new Graph();
  const rule = optimizerRule(optimizer);
  const parameter = graph.input('parameter', shape, { role: 'parameter' });
  const slots = rule.slots.map((name) => graph.input(name, shape, { role: 'state' }));
  const outputs = new Map<string, Value>();
  const carried = new Map<string, string>();
  const carry = (name: string, next: Value) => {
    outputs.set(`next ${name}`, next);
    carried.set(name, `next ${name}`);
  };
  const counters = [...rule.counters].map(([name, advance]) => {
    const next = advance(graph.input(name, [], { role: 'state' }));
    carry(name, next);
    return next;
  });
  const next = rule.update({
    parameter,
    gradient: graph.input('gradient', shape),
    slots,
    counters,
    learningRate: graph.input('learningRate', []),
    weightDecay: hasDecay ? graph.input('weightDecay', []) : undefined,
    adapt,
  });
  carry('parameter', next.parameter);
  for (const [index, name] of rule.slots.entries()) carry(name, next.slots[index]);
  return { outputs, carried };
}

async function train(
  optimizer: Optimizer,
  weightDecay: number | undefined,
  rates: readonly number[],
  options: { adapt?: boolean; start?: readonly number[] } = {},
): Promise<number[][]> {
  const { outputs, carried } = updateGraph(optimizer, weightDecay !== undefined, options.adapt);
  const executable = await Executable.compile(outputs, { threads: 1, carried });
  executable.set('parameter', float32(shape, options.start ?? fixture.start));
  if (weightDecay !== undefined) executable.set('weightDecay', scalar(weightDecay));
  const values: number[][] = [];
  for (const [step, rate] of rates.entries()) {
    executable.set('learningRate', scalar(rate));
    executable.set('gradient', float32(shape, fixture.gradients[step]));
    await executable.run();
    values.push(Array.from(executable.get('parameter').data, Number));
  }
  await executable.close();
  return values;
}

/** |found - expected| / |expected - start|: relative to how far the optimizer went. */
function relativeError(found: readonly number[], expected: readonly number[]): number {
  const way = Math.hypot(...expected.map((value, i) => value - fixture.start[i]));
  return Math.hypot(...found.map((value, i) => value - expected[i])) / way;
}

describe('against PyTorch and the papers', () => {
  test.each(
    fixture.runs.map((run) => [`${JSON.stringify(run.optimizer)}, decay ${run.weightDecay}`, run] as const),
  )('%s', async (_name, run) => {
    const values = await train(run.optimizer as Optimizer, run.weightDecay, run.learningRates);
    for (const [step, expected] of Object.entries(run.parameterAfter)) {
      expect(relativeError(values[Number(step) - 1], expected), `after ${step} steps`).toBeLessThan(2e-5);
    }
    if (run.weightDecay !== 0) return;
    const without = await train(run.optimizer as Optimizer, undefined, run.learningRates);
    expect(relativeError(without.at(-1)!, run.parameterAfter['20'])).toBeLessThan(2e-5);
  });

  test('defaults are Nesterov momentum of 0.9 and the papers’ moments', async () => {
    const rates = [0.1, 0.05, 0.02];
    const same = async (short: Optimizer, long: Optimizer) =>
      expect(await train(short, 0.01, rates)).toEqual(await train(long, 0.01, rates));
    await same({ kind: 'sgd' }, { kind: 'sgd', momentum: 0.9, nesterov: true });
    await same({ kind: 'adamw' }, { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 });
    await same({ kind: 'lamb' }, { kind: 'lamb', beta1: 0.9, beta2: 0.999, epsilon: 1e-6 });
    await same({ kind: 'lars' }, { kind: 'lars', momentum: 0.9, trust: 0.001 });
  });

  test('LARS without adaptation is SGD whose velocity holds the rate; at a constant rate plain momentum', async () => {
    const rates = [0.1, 0.1, 0.1, 0.1];
    const lars = await train({ kind: 'lars' }, 0.01, rates, { adapt: false });
    const sgd = await train({ kind: 'sgd', nesterov: false }, 0.01, rates);
    expect(relativeError(lars[3], sgd[3])).toBeLessThan(1e-6);
  });

  test.each(['lars', 'lamb'] as const)(
    '%s leaves zero where it starts from zero at its plain rate',
    async (kind) => {
      const start = fixture.start.map(() => 0);
      const [adapted] = await train({ kind }, 0, [0.1], { start });
      const [plain] = await train({ kind }, 0, [0.1], { start, adapt: false });
      expect(adapted).toEqual(plain);
      expect(adapted.every((value) => Number.isFinite(value) && value !== 0)).toBe(true);
    },
  );
});

test.each(fixture.clipped)(
  'gradients clipped to a joint norm of $limit',
  async ({ limit, norm, gradients }) => {
    const graph = new Graph();
    const inputs = gradients.map((_, i) => graph.input(`g${i}`, shape));
    const clipped = globalNormFactor(inputs, limit);
    const executable = await Executable.compile(new Map(Object.entries(clipped)), { threads: 1 });
    inputs.forEach((_, i) => {
      executable.set(`g${i}`, float32(shape, fixture.gradients[i]));
    });
    const found = await executable.run();
    await executable.close();
    expect(Math.abs(Number(found.norm.data[0]) / norm - 1)).toBeLessThan(1e-6);
    const factor = Number(found.factor.data[0]);
    gradients.flat().forEach((expected, i) => {
      const before = fixture.gradients.flat()[i];
      expect(Math.abs(factor * before - expected)).toBeLessThan(1e-6 * Math.abs(before));
    });
  },
);

/** Nodes that write a value of the parameter's size: each is one pass over memory. */
test.each([
  ['sgd', true, { kind: 'sgd' }, 7],
  ['sgd', false, { kind: 'sgd' }, 5],
  ['sgd without momentum', true, { kind: 'sgd', momentum: 0 }, 3],
  ['adamw', true, { kind: 'adamw' }, 11],
] satisfies [string, boolean, Optimizer, number][])(
  'passes of %s, decay %s',
  (_name, decay, optimizer, passes) => {
    const { outputs } = updateGraph(optimizer, decay);
    const large = reachable([...outputs.values()]).filter(
      ({ op, outputs: [value] }) => op !== 'input' && value.shape.length > 0,
    );
    expect(large).toHaveLength(passes);
  },
);
