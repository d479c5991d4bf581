/**
 * Every statistic against SciPy, over rows of test/fixtures/stats.json (made by scripts/fixtures/stats.py),
 * and laws that hold for any input.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  adjustedScores,
  bootstrapInterval,
  grandMean,
  holm,
  logit,
  logitOfCounts,
  pairedExactTest,
  pairedTTest,
  pearson,
  spearman,
  wilsonInterval,
} from '../../src/stats/index.ts';
import fixture from '../fixtures/stats.json' with { type: 'json' };

const finite = fc.double({ min: -50, max: 50, noNaN: true });
const probability = fc.double({ min: 0, max: 1, noNaN: true });

/** Relative distance, so that p-values far out in the tail count as much as large ones. */
function expectRelative(actual: number, expected: number, tolerance = 1e-8): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(tolerance * Math.abs(expected) + 1e-300);
}

/** Lists of `n` pairs with a given outcome, as `pairedExactTest` takes them. */
function outcomes(aOnly: number, bOnly: number, both = 3) {
  const a = [...Array(aOnly).fill(true), ...Array(bOnly).fill(false), ...Array(both).fill(true)];
  const b = [...Array(aOnly).fill(false), ...Array(bOnly).fill(true), ...Array(both).fill(true)];
  return { a, b };
}

describe('Wilson interval', () => {
  test.each(fixture.wilson)('$correct of $n at $confidence', ({ correct, n, confidence, expected }) => {
    const { low, high } = wilsonInterval(correct, n, confidence);
    expect(low).toBeCloseTo(expected[0], 10);
    expect(high).toBeCloseTo(expected[1], 10);
  });

  test('contains the share, stays in 0..1, and mirrors when right and wrong are swapped', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), probability, (n, share) => {
        const correct = Math.round(share * n);
        const { low, high } = wilsonInterval(correct, n);
        const mirrored = wilsonInterval(n - correct, n);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(1);
        expect(low).toBeLessThanOrEqual(correct / n);
        expect(high).toBeGreaterThanOrEqual(correct / n);
        expect(mirrored.low).toBeCloseTo(1 - high, 10);
      }),
    );
  });

  test('refuses impossible counts', () => {
    expect(() => wilsonInterval(3, 2)).toThrow('internal: wilsonInterval given 3 of 2');
    expect(() => wilsonInterval(0, 0)).toThrow('internal:');
  });
});

describe('bootstrap', () => {
  const share = (correct: number) => (rows: Int32Array) =>
    rows.reduce((sum, row) => sum + (row < correct ? 1 : 0), 0) / rows.length;

  test.each(fixture.bootstrap)('$correct of $n at $confidence: the exact bootstrap distribution', (row) => {
    const interval = bootstrapInterval(row.n, share(row.correct), {
      seed: 7,
      resamples: 20_000,
      confidence: row.confidence,
    });
    // One image more or less is the sampling error of the extreme quantiles.
    expect(Math.abs(interval.low - row.expected[0])).toBeLessThanOrEqual(1.01 / row.n);
    expect(Math.abs(interval.high - row.expected[1])).toBeLessThanOrEqual(1.01 / row.n);
  });

  test('the seed decides the interval', () => {
    const values = Array.from({ length: 40 }, (_, i) => Math.sin(i * i));
    const mean = (rows: Int32Array) => rows.reduce((sum, row) => sum + values[row], 0) / rows.length;
    const interval = bootstrapInterval(40, mean, { seed: 3, resamples: 500 });
    expect(bootstrapInterval(40, mean, { seed: 3, resamples: 500 })).toEqual(interval);
    expect(bootstrapInterval(40, mean, { seed: 4, resamples: 500 })).not.toEqual(interval);
  });

  test('interpolates between sorted results: 5 resamples that return 0, 1, 2, 3, 4', () => {
    let calls = 5;
    const { low, high } = bootstrapInterval(1, () => --calls, { resamples: 5, confidence: 0.5 });
    expect([low, high]).toEqual([1, 3]);
  });

  test('a statistic that is NaN on a resample is reported', () => {
    expect(() => bootstrapInterval(3, () => Number.NaN)).toThrow('internal: the bootstrapped statistic');
  });
});

describe('paired exact test', () => {
  test.each(fixture.pairedExact)('$aOnly against $bOnly', ({ aOnly, bOnly, expected }) => {
    const { a, b } = outcomes(aOnly, bOnly);
    const result = pairedExactTest(a, b);
    expect(result).toMatchObject({ aOnly, bOnly });
    expectRelative(result.pValue, expected, 1e-9);
  });

  test('is symmetric, lies in 0..1, and ignores images on which the models agree', () => {
    const count = fc.integer({ min: 0, max: 400 });
    fc.assert(
      fc.property(count, count, count, (aOnly, bOnly, both) => {
        const { a, b } = outcomes(aOnly, bOnly, both);
        const { pValue, difference } = pairedExactTest(a, b);
        const bare = outcomes(aOnly, bOnly, 0);
        expect(pValue).toBeGreaterThan(0);
        expect(pValue).toBeLessThanOrEqual(1);
        expect(difference).toBe((aOnly - bOnly) / Math.max(1, aOnly + bOnly + both));
        expect(pairedExactTest(b, a)).toEqual({
          aOnly: bOnly,
          bOnly: aOnly,
          difference: 0 - difference,
          pValue,
        });
        expect(pairedExactTest(bare.a, bare.b).pValue).toBe(pValue);
      }),
    );
  });

  test('refuses lists of different length', () => {
    expect(() => pairedExactTest([true], [])).toThrow('internal: paired test of 1 and 0 images');
  });
});

describe('paired t-test', () => {
  test.each(fixture.pairedT)('mean difference $meanDifference', ({ a, b, ...expected }) => {
    const result = pairedTTest(a, b);
    expectRelative(result.t, expected.t);
    expectRelative(result.pValue, expected.pValue);
    expectRelative(result.meanDifference, expected.meanDifference);
    expect(result.degreesOfFreedom).toBe(a.length - 1);
  });

  test('is antisymmetric and lies in 0..1', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(finite, finite), { minLength: 2, maxLength: 20 }), (pairs) => {
        const [a, b] = [pairs.map(([x]) => x), pairs.map(([, y]) => y)];
        const forth = pairedTTest(a, b);
        const back = pairedTTest(b, a);
        expect(forth.pValue).toBeGreaterThanOrEqual(0);
        expect(forth.pValue).toBeLessThanOrEqual(1);
        expect(back.pValue).toBe(forth.pValue);
        expect(back.t + forth.t || 0).toBe(0);
      }),
    );
  });

  test('equal lists have p = 1, a constant difference p = 0, one pair is refused', () => {
    expect(pairedTTest([1, 2, 3], [1, 2, 3])).toMatchObject({ t: 0, pValue: 1, meanDifference: 0 });
    expect(pairedTTest([2, 3, 4], [1, 2, 3])).toMatchObject({ t: Infinity, pValue: 0, meanDifference: 1 });
    expect(() => pairedTTest([1], [2])).toThrow('internal: paired t-test');
  });
});

describe('logit', () => {
  test.each(fixture.logit)('of $p', ({ p, expected }) => {
    expect(logit(p)).toBeCloseTo(expected, 6);
  });

  test('of counts is the logit of the share, except at the ends', () => {
    expect(logitOfCounts(9, 10)).toBeCloseTo(Math.log(9), 12);
    expect(logitOfCounts(10, 10)).toBeCloseTo(Math.log(21), 12);
    expect(logitOfCounts(0, 10)).toBeCloseTo(-Math.log(21), 12);
    expect(() => logitOfCounts(0, 0)).toThrow('internal:');
  });

  test('of counts that are no whole ones never leaves the order', () => {
    // One image wrong in one of three seeds: ln(99.67 / 0.33) is 5.70, above the ln(201) of all right.
    expect(logitOfCounts(100 - 1 / 3, 100)).toBeCloseTo(Math.log(201), 12);
    expect(logitOfCounts(1 / 3, 100)).toBeCloseTo(-Math.log(201), 12);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2000 }), probability, probability, (n, p, q) => {
        const [less, more] = [Math.min(p, q) * n, Math.max(p, q) * n];
        expect(logitOfCounts(less, n)).toBeLessThanOrEqual(logitOfCounts(more, n));
        expect(logitOfCounts(more, n)).toBeLessThanOrEqual(logitOfCounts(n, n));
      }),
    );
  });

  test('of counts rises with the count and is antisymmetric', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2000 }), probability, (n, share) => {
        const correct = Math.floor(share * (n - 1));
        expect(logitOfCounts(correct + 1, n)).toBeGreaterThan(logitOfCounts(correct, n));
        expect(logitOfCounts(correct, n)).toBeCloseTo(-logitOfCounts(n - correct, n), 10);
      }),
    );
  });
});

describe('adjusted scores', () => {
  test.each(fixture.adjusted)('grand mean $grandMean', ({ scores, mean, standardError, ...expected }) => {
    const result = adjustedScores(scores);
    for (const [m, score] of result.entries()) {
      expect(score.mean).toBeCloseTo(mean[m], 10);
      expect(score.standardError).toBeCloseTo(standardError[m], 10);
    }
    expect(grandMean(scores)).toBeCloseTo(expected.grandMean, 10);
  });

  test('an easier data set changes nothing, and the means sum to 0', () => {
    const rows = fc.array(fc.tuple(finite, finite, finite), { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(rows, finite, (scores, shift) => {
        const result = adjustedScores(scores);
        const easier = adjustedScores(scores.map(([x, y, z]) => [x, y + shift, z]));
        for (const [m, score] of result.entries()) {
          expect(easier[m].mean).toBeCloseTo(score.mean, 8);
          expect(easier[m].standardError).toBeCloseTo(score.standardError, 8);
        }
        expect(result.reduce((sum, { mean }) => sum + mean, 0)).toBeCloseTo(0, 8);
      }),
    );
  });

  test('one data set shows no spread; a hole is refused', () => {
    expect(adjustedScores([[1], [3]])).toEqual([
      { mean: -1, standardError: Number.NaN, perDataset: [-1] },
      { mean: 1, standardError: Number.NaN, perDataset: [1] },
    ]);
    expect(() => adjustedScores([[1, 2], [3]])).toThrow('internal: every model needs a score');
    expect(() => adjustedScores([])).toThrow('internal: no scores');
  });
});

describe('Holm', () => {
  test.each(fixture.holm)('of $pValues', ({ pValues, expected }) => {
    for (const [i, value] of holm(pValues).entries()) expect(value).toBeCloseTo(expected[i], 12);
  });

  test('keeps the order, never lowers a p-value, never exceeds Bonferroni', () => {
    fc.assert(
      fc.property(fc.array(probability, { maxLength: 12 }), (pValues) => {
        const adjusted = holm(pValues);
        for (const [i, value] of adjusted.entries()) {
          expect(value).toBeGreaterThanOrEqual(pValues[i]);
          expect(value).toBeLessThanOrEqual(Math.min(1, pValues[i] * pValues.length));
          for (const [j, other] of adjusted.entries())
            if (pValues[i] < pValues[j]) expect(value).toBeLessThanOrEqual(other);
        }
      }),
    );
  });
});

describe('correlation', () => {
  test.each(fixture.correlation)('of $x.length points, r $pearson.0', ({ x, y, ...expected }) => {
    for (const [actual, [coefficient, pValue]] of [
      [pearson(x, y), expected.pearson],
      [spearman(x, y), expected.spearman],
    ] as const) {
      expect(actual.coefficient).toBeCloseTo(coefficient, 12);
      expectRelative(actual.pValue, pValue, 1e-7);
    }
  });

  test('is symmetric, and rho does not change under a rising function', () => {
    const point = fc.tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -9, max: 9 }));
    fc.assert(
      fc.property(fc.array(point, { minLength: 3, maxLength: 20 }), (points) => {
        const [x, y] = [points.map(([u]) => u), points.map(([, v]) => v)];
        const [one, other] = [pearson(x, y).coefficient, pearson(y, x).coefficient];
        if (new Set(x).size === 1 || new Set(y).size === 1) expect([one, other]).toEqual([NaN, NaN]);
        else expect(other).toBeCloseTo(one, 12);
        const risen = spearman(
          x.map((u) => Math.exp(u / 3)),
          y,
        );
        expect(risen).toEqual(spearman(x, y));
      }),
    );
  });

  test('a perfect line has p = 0; a constant list or two points have no p', () => {
    expect(pearson([1, 2, 3], [2, 4, 6])).toEqual({ coefficient: 1, pValue: 0 });
    expect(pearson([0.1, 0.1, 0.1], [1, 2, 3])).toEqual({ coefficient: Number.NaN, pValue: Number.NaN });
    expect(pearson([1, 2], [5, 3])).toEqual({ coefficient: -1, pValue: Number.NaN });
  });

  test.each([3, 4, 5, 9, 10, 12])('the same order of %i values, or its reverse, is 2 of all orders', (n) => {
    const up = Array.from({ length: n }, (_, i) => i ** 2);
    const orders = up.reduce((product, _, i) => product * (i + 1), 1);
    expectRelative(spearman(up, up).pValue, 2 / orders);
    expectRelative(spearman(up, [...up].reverse()).pValue, 2 / orders);
    expect(spearman([1, 2], [3, 5]).pValue).toBeNaN();
  });
});
