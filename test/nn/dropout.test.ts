/** Dropout: a layer's mask follows from seed, step and the layer's name alone. */
import { describe, expect, test } from 'vitest';
import { gradient } from '../../src/autodiff/index.ts';
import { add, Graph, sum, type Value } from '../../src/graph/index.ts';
import { dropout, INFERENCE, Network, TRAIN } from '../../src/nn/index.ts';
import { Executable, type RandomSource } from '../../src/runtime/index.ts';
import { float32 } from '../../src/tensor/tensor.ts';

const SHAPE = [64, 50];
const COUNT = 64 * 50;
const RATE = 0.3;

/** What dropout of layer `name` makes of ones, by several threads, with other layers before it. */
async function masked(name: string, source: RandomSource, threads = 1, others: readonly string[] = []) {
  const net = new Network(new Graph(), TRAIN);
  const x = net.graph.input('x', SHAPE);
  const rest = others.map((other) => dropout(net, other, x, RATE));
  const y = dropout(net, name, x, RATE);
  const outputs = new Map<string, Value>([
    ['y', y],
    ['dx', gradient(sum(y), [x])[0]],
  ]);
  if (rest.length > 0) outputs.set('rest', rest.reduce(add));
  const executable = await Executable.compile(outputs, { threads });
  executable.set('x', float32(SHAPE, new Array(COUNT).fill(1)));
  const results = await executable.run(source);
  await executable.close();
  return { y: results.y.data as Float32Array, dx: results.dx.data as Float32Array };
}

describe('a mask', () => {
  const source = { seed: 5, step: 9 };

  test('is the same for any number of threads, and whatever other layers there are', async () => {
    const { y } = await masked('drop', source);
    expect((await masked('drop', source, 2)).y).toEqual(y);
    expect((await masked('drop', source, 2, ['before', 'also before'])).y).toEqual(y);
  });

  test('differs with seed, step and layer', async () => {
    const { y } = await masked('drop', source);
    expect((await masked('drop', { ...source, seed: 6 })).y).not.toEqual(y);
    expect((await masked('drop', { ...source, step: 10 })).y).not.toEqual(y);
    expect((await masked('other', source)).y).not.toEqual(y);
  });

  test('drops its share, scales the rest, and masks the gradient alike', async () => {
    const { y, dx } = await masked('drop', source);
    const dropped = y.filter((value) => value === 0).length;
    expect(Math.abs(dropped / COUNT - RATE)).toBeLessThan(4 * Math.sqrt((RATE * (1 - RATE)) / COUNT));
    for (const value of y) expect([0, Math.fround(1 / (1 - RATE))]).toContain(value);
    expect(dx).toEqual(y);
  });
});

test('at inference, or at a rate of zero, there is none', () => {
  const net = new Network(new Graph(), INFERENCE);
  const x = net.graph.input('x', SHAPE);
  expect(dropout(net, 'drop', x, RATE)).toBe(x);
  const training = new Network(new Graph(), TRAIN);
  const z = training.graph.input('x', SHAPE);
  expect(dropout(training, 'drop', z, 0)).toBe(z);
});
