/** Compiled graphs: carried memory against a loop in JavaScript, inputs in and out, sharing, refusals, closing. */
import { describe, expect, test } from 'vitest';
import { add, conv2d, exp, Graph, mul, neg, sub, sum, transpose, type Value } from '../../src/graph/index.ts';
import { optimizerRule } from '../../src/nn/index.ts';
import { createSession, Executable, OnnxFunction } from '../../src/runtime/index.ts';
import { float32, type Shape, sizeOf, type Tensor, tensor } from '../../src/tensor/tensor.ts';
import { UserError } from '../../src/util/errors.ts';

const THREADS = { threads: 1 };
const scalar = (value: number) => float32([], [value]);
const counting = (shape: Shape) =>
  float32(
    shape,
    Array.from({ length: sizeOf(shape) }, (_, i) => i),
  );
const outputs = (named: Record<string, Value>) => new Map(Object.entries(named));

/** Nesterov SGD on p with the gradient p * data; v holds momentum times velocity. */
function optimizer(shape: Shape, overwritten: readonly string[] = []): Promise<Executable> {
  const graph = new Graph();
  const [p, v] = [graph.input('p', shape, { role: 'parameter' }), graph.input('v', shape, { role: 'state' })];
  const next = optimizerRule({ kind: 'sgd', momentum: 0.9 }).update({
    parameter: p,
    gradient: mul(p, graph.input('data', shape)),
    slots: [v],
    counters: [],
    learningRate: graph.input('rate', []),
    weightDecay: graph.input('decay', []),
    adapt: true,
  });
  const carried = new Map([
    ['p', 'next p'],
    ['v', 'next v'],
  ]);
  const named = outputs({ 'next p': next.parameter, 'next v': next.slots[0], size: sum(mul(p, p)) });
  return Executable.compile(named, { ...THREADS, carried, overwritten: new Set(overwritten) });
}

describe('carried inputs', () => {
  test.each([
    ['in two sets of memory', []],
    ['the velocity in one', ['v']],
  ])('after any number of steps they are what a loop makes of them, %s', async (_name, overwritten) => {
    const executable = await optimizer([5], overwritten);
    expect([...executable.inputs].sort()).toEqual(['data', 'decay', 'p', 'rate', 'v']);
    let [p, v] = [
      [1, -2, 3, 0.5, 4],
      [0, 0, 0, 0, 0],
    ];
    executable.set('p', float32([5], p));
    executable.set('decay', scalar(0.01));
    for (let step = 1; step <= 5; step++) {
      const [rate, data] = [0.1 / step, [0.5, 1, -0.5, 0.2, step]];
      executable.set('rate', scalar(rate));
      executable.set('data', float32([5], data));
      const results = await executable.run();
      expect(Object.keys(results)).toEqual(['size']);
      expect(results.size.data[0]).toBeCloseTo(
        p.reduce((total, x) => total + x * x, 0),
        4,
      );
      const before = p;
      const g = p.map((x, i) => x * data[i] + 0.01 * x);
      v = v.map((x, i) => 0.9 * x + g[i]);
      p = p.map((x, i) => x - rate * (g[i] + 0.9 * v[i]));
      executable.previous('p')!.data.forEach((value, i) => {
        expect(value).toBeCloseTo(before[i], 5);
      });
      for (const [name, expected] of [
        ['p', p],
        ['v', v.map((x) => 0.9 * x)],
      ] as const) {
        const found = executable.get(name).data;
        expected.forEach((value, i) => {
          expect(found[i]).toBeCloseTo(value, 5);
        });
      }
    }
    expect(executable.previous('v') === undefined).toBe(overwritten.includes('v'));
    expect(executable.previous('data')).toBeUndefined();
    await executable.close();
  });

  test('a value set between steps is the one the next step reads', async () => {
    const executable = await optimizer([2]);
    executable.set('rate', scalar(1));
    executable.set('data', float32([2], [1, 1]));
    for (const start of [8, 16]) {
      executable.set('p', float32([2], [start, -start]));
      executable.set('v', float32([2], [0, 0]));
      await executable.run();
      // p - (1 + 0.9) p
      expect(executable.get('p').data[0]).toBeCloseTo(-0.9 * start, 4);
    }
    await executable.close();
  });

  test('refuses outputs that are not there, differ in shape or lie differently', async () => {
    const graph = new Graph();
    const x = graph.input('x', [3, 3, 3, 3]);
    // As a convolution weight x lies [O, KH, KW, I]; the transposed image lies [C, N, H, W].
    const y = conv2d(graph.input('image', [1, 3, 4, 4]), x);
    const turned = exp(transpose(y, [1, 0, 2, 3]));
    const big = conv2d(graph.input('images', [3, 3, 5, 5]), x);
    const named = outputs({ turned, big });
    const compile = (output: string) => Executable.compile(named, { carried: new Map([['x', output]]) });
    await expect(compile('none')).rejects.toThrow('internal: carried "x" -> "none": no such input or output');
    await expect(compile('turned')).rejects.toThrow('internal: carried "x" and "turned" lie differently');
    await expect(compile('big')).rejects.toThrow('internal: carried "x" and "big" lie differently');
  });
});

describe('inputs and outputs', () => {
  test.each<[string, Shape]>([
    ['image', [2, 3, 4, 5]],
    ['weight', [4, 3, 2, 2]],
    ['matrix', [3, 7]],
    ['number', []],
  ])('%s: what is set is got, and what the graph sees', async (name, shape) => {
    const graph = new Graph();
    const inputs = {
      image: graph.input('image', [2, 3, 4, 5]),
      weight: graph.input('weight', [4, 3, 2, 2]),
      matrix: graph.input('matrix', [3, 7]),
      number: graph.input('number', []),
    };
    const { image, weight, matrix, number } = inputs;
    const named = outputs({
      image2: neg(image),
      weight2: neg(weight),
      matrix2: neg(matrix),
      number2: neg(number),
      y: conv2d(image, weight),
    });
    const executable = await Executable.compile(named, THREADS);
    const value = counting(shape);
    executable.set(name, value);
    expect(executable.get(name)).toEqual(value);
    const result = (await executable.run())[`${name}2`];
    expect(result.shape).toEqual(shape);
    expect([...result.data].map((x) => 0 - Number(x))).toEqual([...value.data]);
    await executable.close();
  });

  test('results are copies: a later run leaves them as they were', async () => {
    const x = new Graph().input('x', [2]);
    const executable = await Executable.compile(outputs({ y: mul(x, 2) }), THREADS);
    executable.set('x', float32([2], [1, 2]));
    const first = (await executable.run()).y;
    executable.set('x', float32([2], [5, 6]));
    await executable.run();
    expect([...first.data]).toEqual([2, 4]);
    await executable.close();
  });

  test('refuses unknown names, other shapes and other types', async () => {
    const x = new Graph().input('x', [2, 3]);
    const executable = await Executable.compile(outputs({ y: neg(x) }), THREADS);
    const setting = (name: string, value: Tensor) => () => executable.set(name, value);
    expect(setting('z', counting([2, 3]))).toThrow('internal: "z" is not an input of this executable');
    expect(setting('x', counting([3, 2]))).toThrow('internal: input "x" is float32 2x3, given float32 3x2');
    expect(setting('x', tensor('int32', [2, 3], new Int32Array(6)))).toThrow(
      'is float32 2x3, given int32 2x3',
    );
    expect(() => executable.get('z')).toThrow('internal: "z" is not an input of this executable');
    await executable.close();
  });
});

test('shared inputs are read where the other executable has them', async () => {
  const step = await optimizer([2]);
  const p = new Graph().input('p', [2]);
  const reader = await Executable.compile(outputs({ double: add(p, p) }), THREADS);
  step.set('p', float32([2], [1, 2]));
  step.set('rate', scalar(0.5));
  step.set('data', float32([2], [1, 1]));
  const doubled = async () => {
    reader.share(step, ['p', 'v', 'not there']);
    return [...(await reader.run()).double.data];
  };
  expect(await doubled()).toEqual([2, 4]);
  await step.run();
  const now = step.get('p').data as Float32Array;
  expect(now[0]).toBeCloseTo(1 - 0.5 * 1.9, 6);
  expect(await doubled()).toEqual([...now.map((value) => 2 * value)]);
  await Promise.all([step.close(), reader.close()]);
});

test('a closed executable does not run', async () => {
  const x = new Graph().input('x', [2]);
  const executable = await Executable.compile(outputs({ y: sub(x, 1) }), THREADS);
  await executable.run();
  await executable.close();
  await expect(executable.run()).rejects.toThrow();
});

test('bytes that are no network are refused with the reason', async () => {
  const failure = await createSession(new Uint8Array([1, 2, 3])).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(UserError);
  expect((failure as UserError).code).toBe('SESSION_FAILED');
  await expect(OnnxFunction.load('/nowhere/network.onnx')).rejects.toMatchObject({ code: 'SESSION_FAILED' });
});
