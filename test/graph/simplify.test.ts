/**
 * Simplification: every identity by the ops it leaves and by its values, what must stay apart, and drawn graphs whose
 * values and gradients stay what they were. Drawn numbers are small integers, so that sums are exact in any order.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gradient } from '../../src/autodiff/index.ts';
import * as g from '../../src/graph/index.ts';
import { Graph, printGraph, type Value, verify } from '../../src/graph/index.ts';
import { simplify } from '../../src/graph/simplify.ts';
import { reachable } from '../../src/graph/specialize.ts';
import { batchNorm, conv, dropout, globalMean, linear, Network, TRAIN } from '../../src/nn/index.ts';
import { Executable } from '../../src/runtime/index.ts';
import { Random } from '../../src/tensor/random.ts';
import { float32, type Shape, sizeOf, type Tensor, tensor } from '../../src/tensor/tensor.ts';

type Outputs = ReadonlyMap<string, Value>;

/** The same outputs in a simplified graph, which is legal. */
function simplified(outputs: Outputs, options?: { recomputed: boolean }): Map<string, Value> {
  const of = simplify([...outputs.values()], options);
  const result = new Map([...outputs].map(([name, value]) => [name, of(value)] as const));
  for (const { graph } of result.values()) verify(graph);
  return result;
}

/** Integers from -4 to 4, always the same for a name. */
function integers(name: string, shape: Shape): Tensor<'float32'> {
  const random = new Random(3, name);
  return float32(
    shape,
    Array.from({ length: sizeOf(shape) }, () => Math.floor(random.uniform(-4, 5))),
  );
}

async function run(outputs: Outputs): Promise<Record<string, Tensor>> {
  const executable = await Executable.compile(outputs, { threads: 1 });
  for (const node of reachable([...outputs.values()])) {
    if (node.op === 'input')
      executable.set(node.attributes.name, integers(node.attributes.name, node.attributes.shape));
  }
  const results = await executable.run({ seed: 5, step: 2 });
  await executable.close();
  return results;
}

/** Largest difference relative to the largest number, over all outputs. */
function difference(found: Record<string, Tensor>, expected: Record<string, Tensor>): number {
  let worst = 0;
  for (const [name, { shape, data }] of Object.entries(expected)) {
    expect(found[name].shape).toEqual(shape);
    const numbers = Array.from(data as Float32Array, Number);
    const scale = Math.max(1, ...numbers.map(Math.abs));
    numbers.forEach((number, i) => {
      const error = Math.abs(number - Number(found[name].data[i])) / scale;
      worst = Math.max(worst, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
    });
  }
  return worst;
}

/** Ops that a value needs, but for its sources. */
function opsOf(value: Value): string[] {
  const sources = ['input', 'constant', 'random'];
  return reachable([value]).flatMap(({ op }) => (sources.includes(op) ? [] : [op]));
}

const all = (like: Value, shape: Shape, value: number): Value =>
  like.graph.constant(float32(shape, new Array(sizeOf(shape)).fill(value)));

describe('identities', () => {
  const rows: [string, Shape[], (...operands: Value[]) => Value, string[]][] = [
    ['twice negated', [[2, 3]], (x) => g.neg(g.neg(x)), []],
    ['a difference negated', [[2, 3], [3]], (a, b) => g.neg(g.sub(a, b)), ['sub']],
    ['a multiple negated', [[2, 3]], (x) => g.neg(g.mul(x, 3)), ['mul']],
    ['a negated multiple', [[2, 3]], (x) => g.mul(x.graph.scalar(3), g.neg(x)), ['mul']],
    ['a product of negations', [[2, 3], [3]], (a, b) => g.mul(g.neg(a), g.neg(b)), ['mul']],
    ['a negation added', [[2, 3], [3]], (a, b) => g.add(a, g.neg(b)), ['sub']],
    ['added to a negation', [[2, 3], [3]], (a, b) => g.add(g.neg(a), b), ['sub']],
    ['a negation subtracted', [[2, 3], [3]], (a, b) => g.sub(a, g.neg(b)), ['add']],
    ['zero added', [[2, 3]], (x) => g.add(g.add(all(x, [3], 0), x), 0), []],
    ['zero subtracted', [[2, 3]], (x) => g.sub(x, 0), []],
    ['times one', [[2, 3]], (x) => g.mul(g.mul(all(x, [2, 3], 1), x), 1), []],
    ['divided by one, to the power of one', [[2, 3]], (x) => g.pow(g.div(x, 1), 1), []],
    ['twice cut', [[2, 3]], (x) => g.relu(g.relu(x)), ['relu']],
    ['twice absolute', [[2, 3]], (x) => g.abs(g.abs(x)), ['abs']],
    [
      'twice refused',
      [[2, 3]],
      (x) => g.cast(g.logicalNot(g.logicalNot(g.greater(x, 0))), 'float32'),
      ['greater', 'cast'],
    ],
    ['constants of a formula', [[2, 3]], (x) => g.add(x, g.sqrt(g.mul(x.graph.scalar(2), 2))), ['add']],
    [
      'to the same shape',
      [[2, 3]],
      (x) => g.pad(g.slice(g.expand(g.reshape(x, [2, 3]), [2, 3]), [0, 0], [2, 3]), [0, 0], [0, 0]),
      [],
    ],
    ['reshaped twice', [[2, 3, 4]], (x) => g.reshape(g.reshape(x, [6, 4]), [4, 6]), ['reshape']],
    ['there and back', [[2, 3, 4]], (x) => g.transpose(g.transpose(x, [2, 0, 1]), [1, 2, 0]), []],
    [
      'transposed twice',
      [[2, 3, 4]],
      (x) => g.transpose(g.transpose(x, [2, 0, 1]), [2, 0, 1]),
      ['transpose'],
    ],
    [
      'a transposed image',
      [[2, 3, 4, 5]],
      (x) => g.transpose(g.transpose(x, [1, 0, 3, 2]), [2, 0, 1, 3]),
      ['transpose'],
    ],
    ['expanded twice', [[3, 1]], (x) => g.expand(g.expand(x, [3, 4]), [2, 3, 4]), ['expand']],
    [
      'expanded for a sum',
      [
        [2, 3, 4, 5],
        [3, 1, 1],
      ],
      (x, b) => g.add(x, g.expand(b, [2, 3, 4, 5])),
      ['add'],
    ],
    [
      'expanded for a choice',
      [[2, 3], [3]],
      (x, b) => g.where(g.greater(x, 0), x, g.expand(b, [2, 3])),
      ['greater', 'where'],
    ],
    [
      'one of two expanded',
      [[3], [2, 1]],
      (a, b) => g.mul(g.expand(a, [2, 3]), g.expand(b, [2, 3])),
      ['mul'],
    ],
    ['one part', [[2, 3]], (x) => g.concat([x], 1), []],
    [
      'a part of parts',
      [
        [2, 3],
        [2, 4],
      ],
      (a, b) => g.slice(g.concat([a, b], 1), [0, 3], [2, 7]),
      [],
    ],
    [
      'within a part',
      [
        [2, 3],
        [2, 4],
      ],
      (a, b) => g.slice(g.concat([a, b], 1), [1, 4], [2, 7], [1, 2]),
      ['slice'],
    ],
    [
      'sliced twice',
      [[9, 20]],
      (x) => g.slice(g.slice(x, [1, 2], [9, 19], [2, 3]), [1, 1], [4, 6], [1, 2]),
      ['slice'],
    ],
    ['resized to the same size', [[1, 2, 3, 4]], (x) => g.resize2d(x, { size: [3, 4], mode: 'linear' }), []],
    ['reduced over one entry', [[2, 1, 3]], (x) => g.max(x, [1], true), []],
    ['reduced over none', [[2, 3]], (x) => g.sum(x, []), []],
    ['a sum of sums', [[2, 3, 4]], (x) => g.sum(g.sum(x, [2], true), [0, 2]), ['sum']],
    ['a sum of sums that were kept', [[2, 3, 4]], (x) => g.sum(g.sum(x, [2], true), [0]), ['sum', 'reshape']],
    ['a mean of means', [[2, 4, 2]], (x) => g.mean(g.mean(x, [0], true), [0, 1], true), ['mean']],
    ['a sum of one number', [[2, 1, 3]], (x) => g.sum(g.expand(x, [2, 4, 3]), [1]), ['reshape', 'mul']],
    [
      'a mean of one number',
      [[2, 1, 3]],
      (x) => g.mean(g.expand(x, [5, 2, 4, 3]), [0, 2], true),
      ['reshape'],
    ],
    ['a sum without its axes', [[2, 3, 4, 5]], (x) => g.reshape(g.sum(x, [0, 2, 3], true), [3]), ['sum']],
    [
      'a transposed factor',
      [
        [3, 2],
        [3, 4],
      ],
      (a, b) => g.matmul(g.transpose(a, [1, 0]), b),
      ['matmul'],
    ],
    [
      'factors transposed back',
      [
        [2, 3, 4],
        [2, 5, 4],
      ],
      (a, b) => g.matmul(a, g.transpose(b, [0, 2, 1])),
      ['matmul'],
    ],
  ];

  test.each(rows)('%s', async (_name, shapes, build, expected) => {
    const graph = new Graph();
    const outputs = new Map([['y', build(...shapes.map((shape, i) => graph.input(`x${i}`, shape)))]]);
    const after = simplified(outputs);
    expect(opsOf(after.get('y')!)).toEqual(expected);
    expect(difference(await run(after), await run(outputs))).toBe(0);
  });
});

describe('what is computed twice', () => {
  test('is computed once, whichever way round its operands are', () => {
    const graph = new Graph();
    const [a, b] = [graph.input('a', [2, 3]), graph.input('b', [3])];
    const twice = g.sub(g.exp(g.add(a, b)), g.mul(g.exp(g.add(b, a)), 2));
    expect(opsOf(simplified(new Map([['y', twice]])).get('y')!)).toEqual(['add', 'exp', 'mul', 'sub']);
  });

  test('with all its results', async () => {
    const graph = new Graph();
    const x = graph.input('x', [2, 5]);
    const [first, second] = [g.topK(x, 3), g.topK(x, 3)];
    const outputs = new Map([['y', g.mul(first.values, g.cast(second.indices, 'float32'))]]);
    const after = simplified(outputs);
    expect(opsOf(after.get('y')!)).toEqual(['topK', 'cast', 'mul']);
    expect(difference(await run(after), await run(outputs))).toBe(0);
  });

  test('keeps apart what differs in an attribute, an operand, or a bit of a constant', () => {
    const graph = new Graph();
    const x = graph.input('x', [2, 3]);
    const pairs = [
      [g.clip(x, Number.NEGATIVE_INFINITY, 1), g.clip(x, Number.POSITIVE_INFINITY, 1)],
      [g.sub(x, all(x, [3], 2)), g.sub(all(x, [3], 2), x)],
      [g.div(all(x, [], 0), x), g.div(all(x, [], -0), x)],
      [g.mul(x, all(x, [1], 2)), g.mul(x, all(x, [1, 1], 2))],
      [g.softmax(x, 0), g.softmax(x, 1)],
      [graph.random('a', [2, 3]), graph.random('b', [2, 3])],
      [
        g.cast(graph.constant(tensor('int64', [], BigInt64Array.of(2n))), 'float32'),
        g.cast(graph.constant(tensor('int32', [], Int32Array.of(2))), 'float32'),
      ],
    ];
    const outputs = new Map(pairs.flat().map((value, i) => [String(i), value] as const));
    expect(new Set(simplified(outputs).values()).size).toBe(pairs.length * 2);
  });

  test('images stay apart where a gradient computes them again', () => {
    const graph = new Graph();
    const x = graph.input('x', [1, 2, 3, 3]);
    const outputs = new Map([['y', g.mul(g.relu(x), g.tanh(g.relu(x)))]]);
    expect(opsOf(simplified(outputs).get('y')!)).toEqual(['relu', 'tanh', 'mul']);
    expect(opsOf(simplified(outputs, { recomputed: true }).get('y')!)).toEqual([
      'relu',
      'relu',
      'tanh',
      'mul',
    ]);
  });
});

describe('what stays', () => {
  const rows: [string, (x: Value) => Value, string[]][] = [
    ['a product with zero, which can be no number', (x) => g.mul(x, 0), ['mul']],
    ['a sum that spreads', (x) => g.add(x, all(x, [4, 2, 3], 0)), ['add']],
    [
      'a long table made of a short one',
      (x) => g.mul(x, g.sub(all(x, [100, 1, 1], 1), all(x, [2, 3], 2))),
      ['mul'],
    ],
    ['a longer one', (x) => g.mul(x, g.sub(all(x, [1000, 1, 1], 1), all(x, [2, 3], 2))), ['sub', 'mul']],
    ['an operand that alone has the extent', (x) => g.mul(g.expand(x, [4, 2, 3]), 2), ['expand', 'mul']],
    [
      'parts that a slice joins',
      (x) => g.slice(g.concat([x, g.neg(x)], 1), [0, 2], [2, 4]),
      ['neg', 'concat', 'slice'],
    ],
    [
      'a sum over repeated numbers and others',
      (x) => g.sum(g.expand(x, [4, 2, 3]), [0, 2]),
      ['expand', 'sum'],
    ],
  ];

  test.each(rows)('%s', (_name, build, expected) => {
    const graph = new Graph();
    const y = build(graph.input('x', [2, 3]));
    expect(opsOf(simplified(new Map([['y', y]])).get('y')!)).toEqual(expected);
  });

  test('layers, the order of nodes and the names of inputs', () => {
    const net = new Network(new Graph(), TRAIN);
    const x = net.graph.input('x', [2, 3, 4, 4]);
    const y = g.neg(g.neg(batchNorm(net, 'norm', conv(net, 'stem', g.add(x, 0), { out: 4, kernel: 3 }))));
    const [after] = simplified(new Map([['y', y]])).values();
    expect(printGraph(after.graph)).toMatchInlineSnapshot(`
      "%0 = input() name="x" role="data" : float32 2x3x4x4
      %1 = constant() value=0 : float32 scalar
      %2 = input() name="stem.weight" role="parameter" : float32 4x3x3x3  // stem
      %3 = conv2d(%0, %2) strides=[1,1] padding=[0,0,0,0] dilations=[1,1] groups=1 : float32 2x4x2x2  // stem
      %4 = input() name="norm.weight" role="parameter" : float32 4  // norm
      %5 = input() name="norm.bias" role="parameter" : float32 4  // norm
      %6.0, %6.1, %6.2 = batchNorm(%3, %4, %5) epsilon=0.00001 : float32 2x4x2x2, float32 4, float32 4  // norm
      %7 = neg(%6.0) : float32 2x4x2x2"
    `);
  });
});

/** A graph of integers drawn from a seed, with much that can be left out. Extents are powers of two. */
function drawnGraph(seed: number): Outputs {
  const random = new Random(seed, 'graph');
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random.uniform(0, list.length))];
  const graph = new Graph();
  const shapes: Shape[] = [[2, 4, 2, 4], [4], [2, 4, 1, 1], [4, 4], [], [2, 1, 4]];
  const parameters = shapes.map((shape, i) => graph.input(`p${i}`, shape, { role: 'parameter' }));
  const values: Value[] = [...parameters, graph.scalar(1), graph.scalar(0), all(parameters[0], [4], 2)];
  const bounded = (x: Value) => g.clip(x, -9, 9);
  const axesOf = (x: Value) => x.shape.flatMap((_, axis) => (random.uniform(0, 1) < 0.5 ? [axis] : []));
  const binary = (f: (a: Value, b: Value) => Value) => (x: Value) => {
    const fits = values.filter(({ shape }) => broadcasts(shape, x.shape));
    return f(x, pick(fits));
  };
  const moves: ((x: Value) => Value)[] = [
    g.neg,
    g.neg,
    g.relu,
    g.abs,
    binary(g.add),
    binary(g.add),
    binary(g.sub),
    binary((a, b) => bounded(g.mul(a, b))),
    binary(g.maximum),
    binary((a, b) => g.where(g.greater(a, b), a, g.neg(b))),
    (x) => g.reshape(x, pick([[sizeOf(x.shape)], [1, ...x.shape], [...x.shape, 1], x.shape])),
    (x) => g.transpose(x, random.shuffle(x.shape.map((_, axis) => axis))),
    (x) =>
      g.expand(x, pick([x.shape, [2, ...x.shape], x.shape.map((extent) => (extent === 1 ? 2 : extent))])),
    (x) => bounded(g.sum(x, axesOf(x), random.uniform(0, 1) < 0.5)),
    (x) => g.max(x, axesOf(x), random.uniform(0, 1) < 0.5),
    (x) =>
      g.slice(
        x,
        x.shape.map(() => 0),
        x.shape.map((extent) => Math.ceil(extent / pick([1, 2]))),
      ),
    (x) =>
      x.shape.length === 0 ? x : g.concat(pick([[x], [x, x]]), Math.floor(random.uniform(0, x.shape.length))),
    (x) => (x.shape.length === 2 ? bounded(g.matmul(x, g.transpose(x, [1, 0]))) : x),
  ];
  for (let i = 0; i < 40; i++) {
    const made = pick(moves)(pick(values.slice(-8).concat(parameters)));
    if (made.shape.length <= 5 && sizeOf(made.shape) <= 256) values.push(made);
  }
  const ends = values.slice(-3);
  const loss = ends.map((value) => g.sum(g.mul(value, value))).reduce((a, b) => g.add(a, b));
  const anyOf = parameters.map((parameter) => g.sum(parameter)).reduce((a, b) => g.add(a, b));
  const gradients = gradient(g.add(loss, anyOf), parameters);
  return new Map([
    ...ends.map((value, i) => [`end${i}`, value] as const),
    ...gradients.map((value, i) => [`gradient${i}`, value] as const),
  ]);
}

function broadcasts(a: Shape, b: Shape): boolean {
  return a.every((extent, axis) => {
    const other = b[axis - a.length + b.length] ?? 1;
    return extent === other || extent === 1 || other === 1;
  });
}

describe('drawn graphs', () => {
  test('keep their values and gradients, and lose nodes', async () => {
    let [before, after] = [0, 0];
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const outputs = drawnGraph(seed);
        const less = simplified(outputs);
        before += reachable([...outputs.values()]).length;
        after += reachable([...less.values()]).length;
        const [found, expected] = [await run(less), await run(outputs)];
        const ends = (results: Record<string, Tensor>) =>
          Object.fromEntries(Object.entries(results).filter(([name]) => name.startsWith('end')));
        expect(difference(ends(found), ends(expected))).toBe(0);
        // Maxima that are equal share the gradient, in parts that are no integers.
        expect(difference(found, expected)).toBeLessThan(1e-5);
      }),
      { numRuns: 100, seed: 1 },
    );
    expect(after).toBeLessThan(0.8 * before);
  });

  test('are simplified to the same text every time', () => {
    const text = () => printGraph([...simplified(drawnGraph(11)).values()][0].graph);
    expect(text()).toBe(text());
  });
});

test('a network with its gradient keeps loss and gradients', async () => {
  const net = new Network(new Graph(), TRAIN);
  const images = net.graph.input('images', [4, 3, 12, 12]);
  const stem = g.relu(batchNorm(net, 'norm1', conv(net, 'conv1', images, { out: 8, kernel: 3, padding: 1 })));
  const branch = g.concat([conv(net, 'a', stem, { out: 8, kernel: 1, bias: true }), stem], 1);
  const pooled = g.maxPool2d(g.add(branch, g.averagePool2d(branch, { kernel: 3, strides: 1, padding: 1 })), {
    kernel: 2,
  });
  const logits = linear(net, 'fc', dropout(net, 'drop', globalMean(pooled), 0.5), 5);
  const loss = g.sum(g.mul(logits, logits));
  const parameters = net.variables.filter(({ kind }) => kind === 'parameter');
  const gradients = gradient(
    loss,
    parameters.map(({ value }) => value),
  );
  const outputs = new Map([
    ['loss', loss],
    ...parameters.map(({ name }, i) => [`of ${name}`, gradients[i]] as const),
  ]);
  const less = simplified(outputs);
  const [found, expected] = [await run(less), await run(outputs)];
  expect(reachable([...less.values()]).length).toBeLessThan(reachable([...outputs.values()]).length);
  expect(difference(found, expected)).toBeLessThan(1e-6);
});
