/**
 * Ops outside of images in both forms, against definitions number by number: elementwise ops at ordinary and at
 * awkward numbers, running sums, selections on drawn shapes and axes, sorting, and suppression of boxes.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as g from '../../src/graph/index.ts';
import { Graph, type Value } from '../../src/graph/index.ts';
import { Random } from '../../src/tensor/random.ts';
import { float32, type Shape, sizeOf, type Tensor, tensor } from '../../src/tensor/tensor.ts';
import { draw, expectBoth } from './both-forms.ts';
import { positionOf, read, tabulate } from './reference.ts';

const AWKWARD = [0, -0, 1, -1, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 3, -3, 6, -6, 20, -20, 80, -80];

/** Without a branch that overflows: log(1 + e^x) = max(x, 0) + log(1 + e^-|x|). */
const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const halfToEven = (x: number) => {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
};

describe('elementwise ops of one operand', () => {
  const rows: [string, (x: Value) => Value, (x: number) => number][] = [
    ['floor', g.floor, Math.floor],
    ['round', g.round, halfToEven],
    ['hardSigmoid', (x) => g.hardSigmoid(x, 0.2, 0.4), (x) => Math.min(Math.max(0.2 * x + 0.4, 0), 1)],
    ['softplus', g.softplus, softplus],
    ['logSigmoid', g.logSigmoid, (x) => -softplus(-x)],
    ['swish', g.swish, (x) => x * sigmoid(x)],
    ['hardSwish', g.hardSwish, (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6],
    ['relu6', g.relu6, (x) => Math.min(Math.max(x, 0), 6)],
    ['elu', (x) => g.elu(x, 0.5), (x) => (x > 0 ? x : 0.5 * Math.expm1(x))],
    [
      'gelu by tanh',
      (x) => g.gelu(x, { approximate: true }),
      (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
    ],
    ['x^2', (x) => g.pow(x, 2), (x) => x ** 2],
    ['|x|^0.5', (x) => g.pow(g.abs(x), 0.5), (x) => Math.abs(x) ** 0.5],
    ['(|x| + 1)^-0.75', (x) => g.pow(g.add(g.abs(x), 1), -0.75), (x) => (Math.abs(x) + 1) ** -0.75],
    ['(|x| + 1)^0.4', (x) => g.pow(g.add(g.abs(x), 1), 0.4), (x) => (Math.abs(x) + 1) ** 0.4],
    ['minimum', (x) => g.minimum(x, 0.5), (x) => Math.min(x, 0.5)],
    ['greater', (x) => g.greater(x, 0.5), (x) => Number(x > 0.5)],
    ['greaterEqual', (x) => g.greaterEqual(x, 0.5), (x) => Number(x >= 0.5)],
    ['less', (x) => g.less(x, 0.5), (x) => Number(x < 0.5)],
    ['lessEqual', (x) => g.lessEqual(x, 0.5), (x) => Number(x <= 0.5)],
    ['equal', (x) => g.equal(x, 0.5), (x) => Number(x === 0.5)],
    ['notEqual', (x) => g.notEqual(x, 0.5), (x) => Number(x !== 0.5)],
    [
      'and, or, not',
      (x) => g.logicalOr(g.logicalAnd(g.greater(x, -1), g.less(x, 1)), g.logicalNot(g.less(x, 3))),
      (x) => Number((x > -1 && x < 1) || !(x < 3)),
    ],
  ];

  test.each(rows)('%s', async (_name, apply, definition) => {
    const random = new Random(3, 'elementwise');
    const numbers = [...AWKWARD, ...Array.from({ length: 18 }, () => random.uniform(-4, 4))];
    for (const shape of [[36], [2, 3, 3, 2]]) {
      const x = float32(shape, numbers);
      const y = apply(new Graph().input('x', shape));
      const expected = Array.from(x.data, definition);
      // Relative to the largest number, which x^2 makes 6400.
      await expectBoth(y, { x }, expected, 2e-6 * Math.max(1, ...expected.map(Math.abs)));
    }
  });

  test('integers meet numbers of their own type', async () => {
    for (const x of [
      tensor('int64', [3], BigInt64Array.of(-1n, 2n, 7n)),
      tensor('int32', [3], Int32Array.of(-1, 2, 7)),
    ]) {
      const input = new Graph().input('x', [3], { dtype: x.dtype });
      await expectBoth(g.add(g.mul(input, 3), 1), { x }, [-2, 7, 22]);
      await expectBoth(g.less(input, 2), { x }, [1, 0, 0]);
      await expectBoth(g.maximum(input, 2), { x }, [2, 2, 7]);
    }
  });

  test('images meet values of more axes', async () => {
    const graph = new Graph();
    const [x, z] = [draw([2, 3, 1, 4], 'x'), draw([2, 1, 1, 5, 1], 'z')];
    const y = g.sub(graph.input('x', x.shape), graph.input('z', z.shape));
    const expected = tabulate(
      [2, 2, 3, 5, 4],
      ([i, j, k, l, m]) => read(x, [j, k, 0, m]) - read(z, [i, 0, 0, l, 0]),
    );
    await expectBoth(y, { x, z }, expected);
  });
});

/** Shapes of one to four axes with an axis of each. */
const shaped = fc
  .array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 })
  .chain((shape) => fc.record({ shape: fc.constant(shape), axis: fc.nat(shape.length - 1) }));

const integers = (shape: Shape, values: ArrayLike<number>): Tensor =>
  tensor('int64', shape, BigInt64Array.from(Array.from(values, BigInt)));

/** Integers from 0 to before `limit`. */
function drawIndices(shape: Shape, limit: number, label: string): Tensor {
  const random = new Random(11, label);
  return integers(
    shape,
    Array.from({ length: sizeOf(shape) }, () => random.integer(limit)),
  );
}

const input = (graph: Graph, name: string, value: Tensor): Value =>
  graph.input(name, value.shape, { dtype: value.dtype });

const replaced = (index: readonly number[], axis: number, value: number) =>
  index.map((other, position) => (position === axis ? value : other));

describe('running sums and extremes', () => {
  test('running sums on drawn shapes', async () => {
    const cases = fc.record({ at: shaped, exclusive: fc.boolean(), reverse: fc.boolean() });
    const property = fc.asyncProperty(cases, async ({ at: { shape, axis }, exclusive, reverse }) => {
      const x = draw(shape, 'x');
      const y = g.cumulativeSum(input(new Graph(), 'x', x), axis, { exclusive, reverse });
      const expected = tabulate(shape, (index) => {
        let total = 0;
        for (let i = 0; i < shape[axis]; i++) {
          const counts = reverse ? i > index[axis] : i < index[axis];
          if (counts || (i === index[axis] && !exclusive)) total += read(x, replaced(index, axis, i));
        }
        return total;
      });
      await expectBoth(y, { x }, expected);
    });
    await fc.assert(property, { numRuns: 25, seed: 1 });
  });

  test('minima on drawn shapes', async () => {
    const property = fc.asyncProperty(shaped, async ({ shape, axis }) => {
      const x = draw(shape, 'x');
      const expected = tabulate(replaced(shape, axis, 1), (index) =>
        Math.min(...Array.from({ length: shape[axis] }, (_, i) => read(x, replaced(index, axis, i)))),
      );
      await expectBoth(g.min(input(new Graph(), 'x', x), [axis], true), { x }, expected);
    });
    await fc.assert(property, { numRuns: 15, seed: 1 });
  });
});

describe('gathering and scattering on drawn shapes and axes', () => {
  test('parts along an axis', async () => {
    const cases = fc.record({
      at: shaped,
      indices: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 }),
    });
    const property = fc.asyncProperty(cases, async ({ at: { shape, axis }, indices: extents }) => {
      const x = draw(shape, 'x');
      const indices = drawIndices(extents, shape[axis], 'indices');
      const graph = new Graph();
      const y = g.gather(input(graph, 'x', x), input(graph, 'i', indices), axis);
      const expected = tabulate(y.shape, (index) => {
        const chosen = read(indices, index.slice(axis, axis + extents.length));
        return read(x, [...index.slice(0, axis), chosen, ...index.slice(axis + extents.length)]);
      });
      await expectBoth(y, { x, i: indices }, expected);
    });
    await fc.assert(property, { numRuns: 30, seed: 1 });
  });

  test('numbers along an axis, there and back', async () => {
    const cases = fc.record({ at: shaped, count: fc.integer({ min: 1, max: 4 }) });
    const property = fc.asyncProperty(cases, async ({ at: { shape, axis }, count }) => {
      const x = draw(shape, 'x');
      const indices = drawIndices(replaced(shape, axis, count), shape[axis], 'indices');
      const updates = draw(indices.shape, 'updates');
      const graph = new Graph();
      const [xs, is, us] = [input(graph, 'x', x), input(graph, 'i', indices), input(graph, 'u', updates)];
      const gathered = tabulate(indices.shape, (index) =>
        read(x, replaced(index, axis, read(indices, index))),
      );
      await expectBoth(g.gatherElements(xs, is, axis), { x, i: indices }, gathered);
      const scattered = Float64Array.from(x.data);
      tabulate(indices.shape, (index) => {
        const place = positionOf(shape, replaced(index, axis, read(indices, index)));
        scattered[place] += read(updates, index);
        return 0;
      });
      await expectBoth(g.scatterElements(xs, is, us, axis, 'add'), { x, i: indices, u: updates }, scattered);
    });
    await fc.assert(property, { numRuns: 30, seed: 1 });
  });

  test('parts named by several axes, there and back', async () => {
    const cases = shaped.chain(({ shape }) =>
      fc.record({ shape: fc.constant(shape), named: fc.integer({ min: 1, max: shape.length }) }),
    );
    const property = fc.asyncProperty(cases, async ({ shape, named }) => {
      const x = draw(shape, 'x');
      const columns = shape.slice(0, named).map((extent, axis) => drawIndices([3], extent, `column ${axis}`));
      const rows = Array.from({ length: 3 }, (_, row) => columns.map((column) => Number(column.data[row])));
      const indices = integers([3, named], rows.flat());
      const updates = draw([3, ...shape.slice(named)], 'updates');
      const graph = new Graph();
      const [xs, is, us] = [input(graph, 'x', x), input(graph, 'i', indices), input(graph, 'u', updates)];
      const place = ([row, ...rest]: readonly number[]) => [...rows[row], ...rest];
      const gathered = tabulate(updates.shape, (index) => read(x, place(index)));
      await expectBoth(g.gatherNd(xs, is), { x, i: indices }, gathered);
      const added = Float64Array.from(x.data);
      const replacedBy = Float64Array.from(x.data);
      tabulate(updates.shape, (index) => {
        added[positionOf(shape, place(index))] += read(updates, index);
        replacedBy[positionOf(shape, place(index))] = read(updates, index);
        return 0;
      });
      const feeds = { x, i: indices, u: updates };
      await expectBoth(g.scatterNd(xs, is, us, 'add'), feeds, added);
      const different = new Set(rows.map(String)).size === rows.length;
      if (different) await expectBoth(g.scatterNd(xs, is, us), feeds, replacedBy);
    });
    await fc.assert(property, { numRuns: 30, seed: 1 });
  });

  test('rows of each image', async () => {
    const x = draw([2, 4, 3], 'x');
    const indices = integers([2, 2], [3, 0, 1, 1]);
    const graph = new Graph();
    const y = g.gatherRows(input(graph, 'x', x), input(graph, 'i', indices));
    const expected = tabulate([2, 2, 3], ([b, k, j]) => read(x, [b, read(indices, [b, k]), j]));
    await expectBoth(y, { x, i: indices }, expected);
  });

  test('padding by edges and by mirrors', async () => {
    const x = float32([1, 1, 1, 4], [1, 2, 3, 4]);
    const padded = (mode: 'edge' | 'reflect') =>
      g.padByCopies(input(new Graph(), 'x', x), [0, 0, 0, 3], [0, 0, 0, 2], mode);
    await expectBoth(padded('edge'), { x }, [1, 1, 1, 1, 2, 3, 4, 4, 4]);
    await expectBoth(padded('reflect'), { x }, [4, 3, 2, 1, 2, 3, 4, 3, 2]);
  });
});

describe('sorting', () => {
  test('the largest and smallest on drawn shapes, ties in order', async () => {
    const cases = fc.record({ at: shaped, largest: fc.boolean(), share: fc.nat(3) });
    const property = fc.asyncProperty(cases, async ({ at: { shape, axis }, largest, share }) => {
      // Whole numbers, so that many are equal.
      const drawn = draw(shape, 'x');
      const x = float32(
        shape,
        drawn.data.map((value) => Math.round(value * 2)),
      );
      const k = 1 + (share % shape[axis]);
      const ranked = (index: readonly number[]) => {
        const line = Array.from({ length: shape[axis] }, (_, i) => [read(x, replaced(index, axis, i)), i]);
        return line.sort((a, b) => (largest ? b[0] - a[0] : a[0] - b[0]) || a[1] - b[1])[index[axis]];
      };
      const result = replaced(shape, axis, k);
      const { values, indices } = g.topK(input(new Graph(), 'x', x), k, axis, { largest });
      await expectBoth(
        values,
        { x },
        tabulate(result, (index) => ranked(index)[0]),
      );
      await expectBoth(
        indices,
        { x },
        tabulate(result, (index) => ranked(index)[1]),
      );
    });
    await fc.assert(property, { numRuns: 30, seed: 1 });
  });

  test('the order of a list', async () => {
    const x = float32([5], [3, 1, 2, 1, 9]);
    await expectBoth(g.argSort(input(new Graph(), 'x', x)), { x }, [1, 3, 2, 0, 4]);
    await expectBoth(g.argSort(input(new Graph(), 'x', x), 0, { falling: true }), { x }, [4, 0, 2, 1, 3]);
  });
});

type Box = readonly number[];

function overlapOf(a: Box, b: Box): number {
  const side = (low: number) => Math.min(a[low + 2], b[low + 2]) - Math.max(a[low], b[low]);
  const shared = Math.max(side(0), 0) * Math.max(side(1), 0);
  const area = (box: Box) => (box[2] - box[0]) * (box[3] - box[1]);
  return shared / (area(a) + area(b) - shared);
}

/** Greedy suppression, by its definition. */
function keptBoxes(
  boxes: readonly Box[],
  scores: readonly number[],
  limit: number,
  overlap: number,
  minimum: number,
) {
  const order = scores.map((_, i) => i).sort((a, b) => scores[b] - scores[a]);
  const kept: number[] = [];
  for (const i of order) {
    const free = kept.every((other) => overlapOf(boxes[i], boxes[other]) <= overlap);
    if (kept.length < limit && scores[i] > minimum && free) kept.push(i);
  }
  return [...kept, ...new Array<number>(limit - kept.length).fill(-1)];
}

describe('suppression of boxes', () => {
  const cases = fc.record({
    images: fc.integer({ min: 1, max: 3 }),
    classes: fc.integer({ min: 1, max: 3 }),
    count: fc.integer({ min: 1, max: 12 }),
    limit: fc.integer({ min: 1, max: 8 }),
    overlap: fc.constantFrom(0.2, 0.5, 0.7),
    minimumScore: fc.constantFrom(undefined, 0, 0.9, 2),
    seed: fc.nat(1000),
  });

  test('each class of each image keeps what the definition keeps', async () => {
    const property = fc.asyncProperty(cases, async ({ images, classes, count, limit, seed, ...options }) => {
      const random = new Random(seed, 'boxes');
      const corners = Array.from({ length: images * count }, () => {
        const [x, y] = [random.uniform(0, 4), random.uniform(0, 4)];
        return [x, y, x + random.uniform(0.5, 4), y + random.uniform(0.5, 4)].map(Math.fround);
      });
      const scores = draw([images, classes, count], `scores ${seed}`);
      const graph = new Graph();
      const y = g.nonMaxSuppression(
        graph.input('boxes', [images, count, 4]),
        graph.input('scores', scores.shape),
        { limit, ...options },
      );
      const expected = Array.from({ length: images * classes }, (_, row) => {
        const first = Math.floor(row / classes) * count;
        const own = Array.from(scores.data.subarray(row * count, (row + 1) * count));
        const minimum = options.minimumScore ?? Number.NEGATIVE_INFINITY;
        return keptBoxes(corners.slice(first, first + count), own, limit, options.overlap, minimum);
      }).flat();
      await expectBoth(y, { boxes: float32([images, count, 4], corners.flat()), scores }, expected);
    });
    await fc.assert(property, { numRuns: 40, seed: 1 });
  });

  test('kept boxes are at most as many as there is room for', () => {
    const graph = new Graph();
    const y = g.nonMaxSuppression(graph.input('boxes', [2, 5, 4]), graph.input('scores', [2, 3, 5]), {
      limit: 7,
      overlap: 0.5,
    });
    expect(y.shape).toEqual([2, 3, 7]);
    expect(y.dtype).toBe('int64');
  });
});
