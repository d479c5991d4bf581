/**
 * 11-point average precision: against its definition in NumPy (scripts/fixtures/multi_label.py), worked by hand, and
 * laws that hold for any scores.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  averagePrecision,
  averagePrecisions,
  meanAveragePrecision,
  resampledMeanAveragePrecision,
} from '../../src/evaluate/index.ts';
import fixture from '../fixtures/multi_label.json' with { type: 'json' };

describe('average precision', () => {
  test.each(fixture.averagePrecision.map((row, i) => ({ ...row, i })))(
    'case $i of the definition',
    ({ labels, scores, expected }) => {
      expect(averagePrecision(labels, scores)).toBeCloseTo(expected, 14);
    },
  );

  test('worked by hand', () => {
    // Ranked 1 0 1: recall .5 at precision 1, recall 1 at precision 2/3. Six recalls up to .5, five above.
    expect(averagePrecision([1, 0, 1], [3, 2, 1])).toBeCloseTo((6 * 1 + 5 * (2 / 3)) / 11, 15);
    // All right, all wrong, and all alike.
    expect(averagePrecision([1, 1, 0], [3, 2, 1])).toBe(1);
    expect(averagePrecision([0, 0, 1], [3, 2, 1])).toBeCloseTo(1 / 3, 15);
    expect(averagePrecision([0, 0, 1, 1], [5, 5, 5, 5])).toBe(0.5);
    // Ten present ones: a recall of exactly 3/10 reaches .3, whatever 3 * .1 is in binary.
    const labels = [1, 1, 1, ...Array(10).fill(0), ...Array(7).fill(1)];
    const scores = labels.map((_, i) => -i);
    // Of the rest, k present ones among 10 + k: 17 of which 10 is the best that is left, 10/20.
    expect(averagePrecision(labels, scores)).toBeCloseTo((4 * 1 + 7 * 0.5) / 11, 15);
  });

  test('a difficult image changes nothing, and a class that does not occur has no value', () => {
    expect(averagePrecision([1, -1, 0, 1], [3, 9, 2, 1])).toBe(averagePrecision([1, 0, 1], [3, 2, 1]));
    expect(averagePrecision([0, -1], [1, 2])).toBeNaN();
    expect(averagePrecisions([1, 0, 0, 0], [2, 1, 1, 1], 2)).toEqual([1, Number.NaN]);
    expect(meanAveragePrecision([1, 0, 0, 0], [2, 1, 1, 1], 2)).toBe(1);
  });

  const images = fc
    .array(fc.tuple(fc.constantFrom(-1, 0, 1), fc.integer({ min: -4, max: 4 })), {
      minLength: 1,
      maxLength: 30,
    })
    .filter((list) => list.some(([label]) => label === 1));

  test('does not depend on the order of images or the scale of scores, and lies in 0..1', () => {
    fc.assert(
      fc.property(images, fc.infiniteStream(fc.double({ noNaN: true })), (list, keys) => {
        const value = averagePrecision(
          list.map(([label]) => label),
          list.map(([, score]) => score),
        );
        const shuffled = list
          .map((image) => ({ image, key: keys.next().value }))
          .sort((a, b) => a.key - b.key)
          .map(({ image }) => image);
        const again = averagePrecision(
          shuffled.map(([label]) => label),
          shuffled.map(([, score]) => Math.exp(score)),
        );
        expect(again).toBe(value);
        expect(value).toBeGreaterThan(0);
        expect(value).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('images drawn several times count as often', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.constantFrom(-1, 0, 1), fc.constantFrom(-1, 0, 1), fc.nat(3), fc.nat(3), fc.nat(3)),
          {
            minLength: 1,
            maxLength: 12,
          },
        ),
        (list) => {
          const labels = list.flatMap((image) => image.slice(0, 2));
          const scores = list.flatMap((image) => image.slice(2, 4));
          const repeated = list.flatMap((image) => Array.from({ length: image[4] }, () => image));
          fc.pre(repeated.length > 0);
          const drawn = resampledMeanAveragePrecision(labels, scores, 2);
          const expected = meanAveragePrecision(
            repeated.flatMap((image) => image.slice(0, 2)),
            repeated.flatMap((image) => image.slice(2, 4)),
            2,
          );
          expect(drawn(Float64Array.from(list, (image) => image[4]))).toBe(expected);
        },
      ),
    );
  });

  test('refuses scores that are not numbers', () => {
    expect(() => averagePrecision([1, 0], [Number.NaN, 1])).toThrow('internal: the score of image 0');
  });
});
