/** Seeded random numbers: determinism, independence of streams, and moments within four standard deviations. */
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/tensor/random.ts';

const COUNT = 40_000;
const sample = (draw: (random: Random) => number, ...labels: (string | number)[]) => {
  const random = new Random(11, ...labels);
  return Array.from({ length: COUNT }, () => draw(random));
};
const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;

/** Distance of a sample's mean from what it should be, in standard deviations of the mean. */
const off = (values: readonly number[], expected: number, deviation: number) =>
  Math.abs(mean(values) - expected) / (deviation / Math.sqrt(values.length));

describe('streams', () => {
  test('are the same for the same seed and labels', () => {
    const draw = () => {
      const random = new Random(5, 'augment', 3, 17);
      return [
        random.uniform(),
        random.normal(),
        random.normal(),
        random.integer(10),
        random.pick('abc'.split('')),
      ];
    };
    expect(draw()).toEqual(draw());
  });

  test('differ in seed, labels, their order and where they are cut', () => {
    const firsts = [
      [1, 'a', 'b'],
      [2, 'a', 'b'],
      [1, 'b', 'a'],
      [1, 'ab'],
      [1, 'a'],
      [1],
      [11, 'a', 'b'],
    ].map(([seed, ...labels]) => new Random(Number(seed), ...labels).uniform());
    expect(new Set(firsts).size).toBe(firsts.length);
  });

  test('of neighbouring labels are not correlated', () => {
    const [a, b] = [sample((random) => random.normal(), 1), sample((random) => random.normal(), 2)];
    expect(
      off(
        a.map((x, i) => x * b[i]),
        0,
        1,
      ),
    ).toBeLessThan(4);
    const firsts = Array.from({ length: 4000 }, (_, i) => new Random(1, 'image', i).uniform());
    expect(off(firsts, 0.5, Math.sqrt(1 / 12))).toBeLessThan(4);
    expect(
      off(
        firsts.slice(1).map((x, i) => (x - 0.5) * (firsts[i] - 0.5)),
        0,
        1 / 12,
      ),
    ).toBeLessThan(4);
  });
});

describe('distributions', () => {
  test('uniform', () => {
    const drawn = sample((random) => random.uniform(-2, 4));
    expect(drawn.every((x) => x >= -2 && x < 4)).toBe(true);
    expect(off(drawn, 1, Math.sqrt(3))).toBeLessThan(4);
    // Variance 36/12, whose own deviation is that of (x - mean)^2: 36 sqrt(1/180).
    expect(
      off(
        drawn.map((x) => (x - 1) ** 2),
        3,
        36 / Math.sqrt(180),
      ),
    ).toBeLessThan(4);
  });

  test('normal: the first four moments', () => {
    const drawn = sample((random) => random.normal());
    const moments: [number, number, number][] = [
      [1, 0, 1],
      [2, 1, 2],
      [3, 0, 15],
      [4, 3, 96],
    ];
    for (const [power, expected, variance] of moments) {
      expect(
        off(
          drawn.map((x) => x ** power),
          expected,
          Math.sqrt(variance),
        ),
      ).toBeLessThan(4);
    }
  });

  test('integers: every one equally often', () => {
    const counts = new Array<number>(7).fill(0);
    for (const value of sample((random) => random.integer(7))) counts[value]++;
    const [share, deviation] = [COUNT / 7, Math.sqrt((COUNT * 6) / 49)];
    for (const count of counts) expect(Math.abs(count - share)).toBeLessThan(4 * deviation);
  });

  test('shuffles: a permutation, each item equally often first, the given list left alone', () => {
    const items = [0, 1, 2, 3, 4];
    const first = new Array<number>(5).fill(0);
    const random = new Random(2);
    for (let i = 0; i < 10_000; i++) {
      const shuffled = random.shuffle(items);
      if (i < 20) expect(shuffled.toSorted()).toEqual(items);
      first[shuffled[0]]++;
    }
    for (const count of first) expect(Math.abs(count - 2000)).toBeLessThan(4 * 40);
    expect(items).toEqual([0, 1, 2, 3, 4]);
  });
});
