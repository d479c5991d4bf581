/** Random numbers of graphs: fixed by seed, step and key, and nothing else; uniform; dropout that draws from them. */
import { describe, expect, test } from 'vitest';
import { Graph, mul, type Value } from '../../src/graph/index.ts';
import { dropout, INFERENCE, Network, TRAIN } from '../../src/nn/index.ts';
import { Executable } from '../../src/runtime/index.ts';
import { fillUniform } from '../../src/runtime/random.ts';
import { float32 } from '../../src/tensor/tensor.ts';

const COUNT = 1 << 16;

function numbers(seed: number, step: number, key: string, count = COUNT): Float32Array {
  const out = new Float32Array(count);
  fillUniform(out, seed, step, key);
  return out;
}

const mean = (values: Float32Array) => values.reduce((sum, x) => sum + x, 0) / values.length;

/** Correlation of two samples of uniform numbers, in its standard deviations. */
function correlation(a: Float32Array, b: Float32Array): number {
  const products = a.map((x, i) => 12 * (x - 0.5) * (b[i] - 0.5));
  return mean(products) * Math.sqrt(a.length);
}

describe('uniform numbers', () => {
  test('mean, variance and range', () => {
    for (const [seed, step, key] of [
      [0, 0, ''],
      [1, 0, 'dropout'],
      [-5, 123456, 'head.dropout'],
    ] as const) {
      const drawn = numbers(seed, step, key);
      const deviation = Math.sqrt(1 / 12 / COUNT);
      expect(Math.abs(mean(drawn) - 0.5)).toBeLessThan(4 * deviation);
      const variance = mean(drawn.map((x) => (x - 0.5) ** 2));
      expect(Math.abs(variance - 1 / 12)).toBeLessThan(4 * Math.sqrt(1 / 180 / COUNT));
      expect(Math.min(...drawn.subarray(0, 10_000))).toBeGreaterThanOrEqual(0);
      expect(drawn.every((x) => x >= 0 && x < 1)).toBe(true);
    }
  });

  test('fill 256 bins evenly: chi-squared', () => {
    const bins = new Float64Array(256);
    for (const x of numbers(3, 1, 'bins')) bins[Math.floor(x * 256)]++;
    const expected = COUNT / 256;
    const statistic = bins.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // 255 degrees of freedom: mean 255, standard deviation sqrt(510).
    expect(Math.abs(statistic - 255)).toBeLessThan(4 * Math.sqrt(510));
  });

  test('are the same for the same seed, step and key, whatever the length', () => {
    expect(numbers(7, 3, 'a')).toEqual(numbers(7, 3, 'a'));
    expect(numbers(7, 3, 'a', 10)).toEqual(numbers(7, 3, 'a').slice(0, 10));
  });

  test('do not follow those of another seed, step or key, nor their neighbours', () => {
    const first = numbers(7, 3, 'a');
    const others = [
      numbers(8, 3, 'a'),
      numbers(7, 4, 'a'),
      numbers(7, 3, 'b'),
      numbers(3, 7, 'a'),
      numbers(7, 3, 'aa'),
    ];
    for (const other of others) {
      expect(Math.abs(correlation(first, other))).toBeLessThan(4);
      expect(first.filter((x, i) => x === other[i]).length).toBeLessThan(10);
    }
    expect(Math.abs(correlation(first.subarray(1), first.subarray(0, -1)))).toBeLessThan(4);
  });
});

describe('dropout', () => {
  const SHAPE = [4, 1000];
  const ones = float32(SHAPE, new Float32Array(4000).fill(1));

  async function compile(build: (net: Network, x: Value) => Map<string, Value>): Promise<Executable> {
    const net = new Network(new Graph(), TRAIN);
    const executable = await Executable.compile(build(net, net.graph.input('x', SHAPE)), { threads: 1 });
    executable.set('x', ones);
    return executable;
  }

  test('depends on seed, step and layer alone', async () => {
    const executable = await compile(
      (net, x) =>
        new Map([
          ['from a', dropout(net, 'a', x, 0.5)],
          ['from b', dropout(net, 'b', x, 0.5)],
        ]),
    );
    const first = await executable.run({ seed: 1, step: 0 });
    const results = [first['from a'], first['from b']];
    for (const source of [
      { seed: 1, step: 1 },
      { seed: 2, step: 0 },
    ])
      results.push((await executable.run(source))['from a']);
    expect((await executable.run({ seed: 1, step: 0 }))['from a']).toEqual(first['from a']);
    const patterns = results.map(({ data }) => data.join());
    expect(new Set(patterns).size).toBe(4);
    await executable.close();
    const alone = await compile((net, x) => new Map([['y', mul(dropout(net, 'b', x, 0.5), 1)]]));
    expect((await alone.run({ seed: 1, step: 0 })).y).toEqual(first['from b']);
    await alone.close();
  });

  test.each([0.1, 0.5, 0.8])('of %f keeps that share less, scaled', async (rate) => {
    const executable = await compile((net, x) => new Map([['y', dropout(net, 'd', x, rate)]]));
    const data = (await executable.run({ seed: 3, step: 9 })).y.data as Float32Array;
    await executable.close();
    const kept = data.filter((value) => value !== 0);
    const deviation = Math.sqrt(rate * (1 - rate) * data.length);
    expect(Math.abs(kept.length - (1 - rate) * data.length)).toBeLessThan(4 * deviation);
    for (const value of new Set(kept)) expect(value).toBeCloseTo(1 / (1 - rate), 5);
  });

  test('needs a source of random numbers, and does nothing at inference', async () => {
    const executable = await compile((net, x) => new Map([['y', dropout(net, 'd', x, 0.5)]]));
    await expect(executable.run()).rejects.toThrow('internal: the graph draws random numbers');
    await executable.close();
    const x = new Graph().input('x', SHAPE);
    expect(dropout(new Network(x.graph, INFERENCE), 'd', x, 0.5)).toBe(x);
    expect(dropout(new Network(x.graph, TRAIN), 'd', x, 0)).toBe(x);
  });
});
