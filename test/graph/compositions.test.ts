/**
 * Functions composed of ops: summations of drawn equations against sums over all labels, other reductions against
 * their definitions, all of them against finite differences, and what people read when an equation does not fit.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as g from '../../src/graph/index.ts';
import { Graph, type Value } from '../../src/graph/index.ts';
import { type Shape, sizeOf, type Tensor } from '../../src/tensor/tensor.ts';
import { UserError } from '../../src/util/errors.ts';
import { checkGradients, type Numbers } from '../autodiff/finite-differences.ts';
import { draw, expectBoth } from '../compile/both-forms.ts';

type Extents = Readonly<Record<string, number>>;

/** Every index of a shape, last axis fastest. */
function* indices(shape: Shape): Generator<number[]> {
  for (let position = 0; position < sizeOf(shape); position++) {
    const index = shape.map(() => 0);
    for (let axis = shape.length - 1, rest = position; axis >= 0; axis--) {
      index[axis] = rest % shape[axis];
      rest = Math.floor(rest / shape[axis]);
    }
    yield index;
  }
}

/** The number of a tensor whose axes have labels; axes of one entry broadcast. */
function at({ shape, data }: Tensor, labels: string, place: Readonly<Record<string, number>>): number {
  const flat = shape.reduce(
    (sum, extent, axis) => sum * extent + (extent === 1 ? 0 : place[labels[axis]]),
    0,
  );
  return Number(data[flat]);
}

/** The definition: for every place of the result the sum, over all places of the other labels, of the products. */
function summation(
  terms: readonly string[],
  result: string,
  operands: readonly Tensor[],
  extents: Extents,
): number[] {
  const inner = Object.keys(extents).filter((label) => !result.includes(label));
  const shapeOf = (labels: readonly string[]) => labels.map((label) => extents[label]);
  return [...indices(shapeOf([...result]))].map((outside) => {
    let total = 0;
    for (const inside of indices(shapeOf(inner))) {
      const labels = [...result, ...inner];
      const place = Object.fromEntries(labels.map((label, i) => [label, [...outside, ...inside][i]]));
      total += operands.reduce((product, operand, i) => product * at(operand, terms[i], place), 1);
    }
    return total;
  });
}

/** Two or three operands over five labels, each with some of them in any order, and a result with some of all. */
const equations = fc
  .record({
    terms: fc.array(fc.shuffledSubarray([...'abcde'], { maxLength: 4 }), { minLength: 1, maxLength: 3 }),
    extents: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 5, maxLength: 5 }),
    seed: fc.nat(),
  })
  .chain(({ terms, extents, seed }) =>
    fc.record({
      terms: fc.constant(terms.map((term) => term.join(''))),
      extents: fc.constant(extents),
      seed: fc.constant(seed),
      result: fc.shuffledSubarray([...new Set(terms.flat())]).map((labels) => labels.join('')),
    }),
  );

describe('summations', () => {
  test('are what their definition says', async () => {
    await fc.assert(
      fc.asyncProperty(equations, async ({ terms, extents, seed, result }) => {
        const used = new Set(terms.join(''));
        const all = Object.fromEntries(
          [...'abcde'].flatMap((label, i) => (used.has(label) ? [[label, extents[i]]] : [])),
        );
        const graph = new Graph();
        const operands = terms.map((term, i) =>
          draw(
            [...term].map((label) => all[label]),
            `${seed} ${i}`,
          ),
        );
        const values = operands.map(({ shape }, i) => graph.input(`x${i}`, shape));
        const feeds = Object.fromEntries(operands.map((operand, i) => [`x${i}`, operand]));
        const y = g.einsum(`${terms.join(',')}->${result}`, ...values);
        // Operands that are summed up whole leave nothing of the graph to run, so a product is put behind.
        await expectBoth(
          g.mul(y, 2),
          feeds,
          summation(terms, result, operands, all).map((sum) => 2 * sum),
          1e-4,
        );
      }),
      { numRuns: 60, seed: 2 },
    );
  });

  const written: [string, Shape[], string, string[], Extents][] = [
    [
      '...c, c o -> ...o',
      [
        [2, 3, 4],
        [4, 5],
      ],
      'xyo',
      ['xyc', 'co'],
      { x: 2, y: 3, c: 4, o: 5 },
    ],
    [
      'b...k,...k',
      [
        [2, 3, 4],
        [3, 4],
      ],
      'xb',
      ['bxk', 'xk'],
      { x: 3, b: 2, k: 4 },
    ],
    [
      'ij,jk',
      [
        [2, 3],
        [3, 4],
      ],
      'ik',
      ['ij', 'jk'],
      { i: 2, j: 3, k: 4 },
    ],
    ['ba', [[2, 3]], 'ab', ['ba'], { a: 3, b: 2 }],
    [
      '...ij,...jk->...ik',
      [
        [5, 2, 3],
        [1, 3, 4],
      ],
      'xik',
      ['xij', 'xjk'],
      { x: 5, i: 2, j: 3, k: 4 },
    ],
    ['...,...->...', [[2, 3], [3]], 'xy', ['xy', 'y'], { x: 2, y: 3 }],
  ];

  test.each(written)('%s', async (equation, shapes, result, terms, extents) => {
    const graph = new Graph();
    const operands = shapes.map((shape, i) => draw(shape, `x${i}`));
    const y = g.einsum(equation, ...shapes.map((shape, i) => graph.input(`x${i}`, shape)));
    const feeds = Object.fromEntries(operands.map((operand, i) => [`x${i}`, operand]));
    await expectBoth(y, feeds, summation(terms, result, operands, extents), 1e-5);
  });

  test('of attention are one product, with nothing transposed', () => {
    const graph = new Graph();
    const [queries, keys] = ['q', 'k'].map((name) => graph.input(name, [2, 3, 5, 4]));
    const scores = g.einsum('bhqd,bhkd->bhqk', queries, keys);
    expect(graph.nodes.map(({ op }) => op)).toEqual([
      'input',
      'input',
      'reshape',
      'reshape',
      'matmul',
      'reshape',
    ]);
    g.einsum('bhqk,bhkd->bhqd', scores, keys);
    expect(graph.nodes.filter(({ op }) => op === 'transpose')).toEqual([]);
  });

  test.each<[string, Shape[], string]>([
    ['ij,jk->ik', [[2, 3]], 'names 2 operands'],
    ['ij->i', [[2, 3, 4]], 'names the axes ij of operand 1'],
    ['ii->i', [[2, 2]], 'repeats a label in operand 1'],
    ['ij->ii', [[2, 3]], 'repeats a label in its result'],
    ['ij->ik', [[2, 3]], 'has a result with other labels than its operands'],
    [
      'ij,jk->ik',
      [
        [2, 3],
        [4, 5],
      ],
      'gives j the extents 3 and 4',
    ],
    ['i-j', [[2, 3]], 'cannot be read'],
    ['ij->i->j', [[2, 3]], 'cannot be read'],
  ])('%s of %j is refused', (equation, shapes, reason) => {
    const graph = new Graph();
    const values = shapes.map((shape, i) => graph.input(`x${i}`, shape));
    const build = () => g.einsum(equation, ...values);
    expect(build).toThrow(UserError);
    expect(build).toThrow(reason);
  });
});

test('products, and sums of powers over drawn axes', async () => {
  const cases = fc.record({
    shape: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
    chosen: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
    keepDims: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(cases, async ({ shape, chosen, keepDims }) => {
      const axes = shape.flatMap((_, axis) => (chosen[axis] ? [axis] : []));
      const x = draw(shape, `${shape} ${chosen}`);
      const groups = new Map<string, number[]>();
      let position = 0;
      for (const index of indices(shape)) {
        const group = index.filter((_, axis) => !axes.includes(axis)).join();
        groups.set(group, [...(groups.get(group) ?? []), x.data[position++]]);
      }
      const expected = (of: (numbers: number[]) => number) => [...groups.values()].map(of);
      const input = new Graph().input('x', shape);
      await expectBoth(
        g.prod(input, axes, keepDims),
        { x },
        expected((numbers) => numbers.reduce((a, b) => a * b, 1)),
      );
      await expectBoth(
        g.norm(input, 3, axes, keepDims),
        { x },
        expected((numbers) => Math.cbrt(numbers.reduce((a, b) => a + Math.abs(b) ** 3, 0))),
        1e-4,
      );
      await expectBoth(
        g.logSumExp(input, axes, keepDims),
        { x },
        expected((numbers) => Math.log(numbers.reduce((a, b) => a + Math.exp(b), 0))),
      );
    }),
    { numRuns: 25, seed: 4 },
  );
});

test('the logarithm of a sum of large powers is finite', async () => {
  const x = { ...draw([3], 'x'), data: Float32Array.of(500, 500, -500) };
  await expectBoth(g.logSumExp(new Graph().input('x', [3])), { x }, [500 + Math.LN2], 1e-3);
});

describe('gradients', () => {
  const UNIT: Numbers = { low: -1, high: 1 };
  const POSITIVE: Numbers = { low: 0.5, high: 2 };
  const rows: [string, Shape[], (...operands: Value[]) => Value, Numbers][] = [
    [
      'a summation',
      [
        [2, 3, 4],
        [4, 5, 2],
      ],
      (a, b) => g.einsum('bij,jkb->bki', a, b),
      UNIT,
    ],
    [
      'a summation over a broadcast axis',
      [
        [1, 3, 4],
        [2, 4],
      ],
      (a, b) => g.einsum('bij,bj->i', a, b),
      UNIT,
    ],
    ['a product', [[2, 5, 3]], (x) => g.prod(x, [1, 2]), UNIT],
    [
      'a product with one zero',
      [[2, 4]],
      (x) =>
        g.prod(
          g.mul(
            x,
            g.sub(
              x.graph.scalar(1),
              g.oneHot(x.graph.constant({ dtype: 'int64', shape: [2], data: BigInt64Array.of(1n, 2n) }), 4),
            ),
          ),
          [1],
        ),
      UNIT,
    ],
    ['a norm', [[2, 3, 4]], (x) => g.norm(x, 2, [2]), UNIT],
    ['a norm by third powers', [[2, 3, 4]], (x) => g.norm(x, 3, [1], true), POSITIVE],
    ['a logarithm of sums', [[2, 3, 4]], (x) => g.logSumExp(x, [0, 2]), { gap: 0.1 }],
    [
      'a pooling by squares',
      [[1, 2, 5, 6]],
      (x) => g.lpPool2d(x, { kernel: [3, 2], strides: [2, 2], padding: [1, 0, 1, 1], ceilMode: false, p: 2 }),
      POSITIVE,
    ],
  ];
  test.each(rows)('%s', async (_name, shapes, build, numbers) => {
    const epsilon = 'gap' in numbers ? numbers.gap / 10 : 0.02;
    const operands = shapes.map((shape) => ({ shape, numbers }));
    for (const { analytic, numeric, scale } of await checkGradients({ operands, build, epsilon })) {
      expect(Math.abs(analytic - numeric)).toBeLessThan(3e-4 * Math.max(scale, 1e-2));
    }
  });
});
