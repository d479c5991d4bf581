/**
 * Tests and intervals that compare models or settings, over rows of test/fixtures/statistics.json (made by
 * scripts/fixtures/statistics.py with SciPy), and laws that hold for any input.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  adjusted,
  benjaminiHochberg,
  bestOrTied,
  holm,
  pairedExactTest,
  pairedPerClassTest,
  pairedSeedsTest,
  pairedTTest,
  shareWon,
  signTest,
  spread,
  varianceComponents,
} from '../../src/stats/index.ts';
import { twoSidedP, twoSidedT } from '../../src/stats/student-t.ts';
import fixture from '../fixtures/statistics.json' with { type: 'json' };

const probability = fc.double({ min: 0, max: 1, noNaN: true });

describe('corrections', () => {
  test.each(fixture.benjaminiHochberg)('Benjamini-Hochberg of $pValues', ({ pValues, expected }) => {
    for (const [i, value] of benjaminiHochberg(pValues).entries()) expect(value).toBeCloseTo(expected[i], 12);
  });

  test('lies between no correction and Holm, and keeps the order', () => {
    fc.assert(
      fc.property(fc.array(probability, { maxLength: 12 }), (pValues) => {
        const [none, rate, family] = (['none', 'benjamini-hochberg', 'holm'] as const).map((method) =>
          adjusted(pValues, method),
        );
        expect(none).toEqual(pValues);
        expect(family).toEqual(holm(pValues));
        expect(rate).toEqual(benjaminiHochberg(pValues));
        for (const [i, value] of rate.entries()) {
          expect(value).toBeGreaterThanOrEqual(none[i]);
          expect(value).toBeLessThanOrEqual(family[i] * (1 + 1e-12));
          for (const [j, other] of rate.entries())
            if (pValues[i] < pValues[j]) expect(value).toBeLessThanOrEqual(other);
        }
      }),
    );
  });
});

describe('Student', () => {
  test.each(fixture.student)('quantile at $confidence, $df degrees of freedom', (row) => {
    const t = twoSidedT(row.confidence, row.df);
    expect(Math.abs(t / row.expected - 1)).toBeLessThan(1e-7);
    expect(twoSidedP(t, row.df)).toBeCloseTo(1 - row.confidence, 7);
  });

  test.each(fixture.pairedTInterval)(
    'interval of a mean difference, $low .. $high',
    ({ a, b, low, high }) => {
      const { interval } = pairedTTest(a, b);
      expect(interval.low).toBeCloseTo(low, 7);
      expect(interval.high).toBeCloseTo(high, 7);
    },
  );

  test('the example of the header', () => {
    const { interval } = pairedTTest([1, 2, 4], [0.5, 1.1, 3.2]);
    expect([interval.low.toFixed(3), interval.high.toFixed(3)]).toEqual(['0.216', '1.250']);
  });

  test('the interval leaves out 0 exactly where p is below 1 - confidence', () => {
    const pairs = fc.array(fc.tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: -50, max: 50 })), {
      minLength: 3,
      maxLength: 9,
    });
    fc.assert(
      fc.property(pairs, fc.constantFrom(0.8, 0.95), (list, confidence) => {
        const test = pairedTTest(
          list.map(([a]) => a),
          list.map(([, b]) => b),
          confidence,
        );
        const { low, high } = test.interval;
        if (Math.abs(test.pValue - (1 - confidence)) > 1e-9)
          expect(low > 0 || high < 0).toBe(test.pValue < 1 - confidence);
      }),
    );
  });
});

describe('sign test and share won', () => {
  test.each(fixture.signTest)('$won against $lost', ({ won, lost, expected }) => {
    expect(Math.abs(signTest(won, lost) / expected - 1)).toBeLessThan(1e-9);
  });

  test('the example of the header, and the exact pigeonhole distribution', () => {
    const { differences, shares, probabilities } = fixture.shareWon;
    const ours = shareWon(differences, { resamples: 20_000 });
    expect(ours).toMatchObject({ won: 3, tied: 0, lost: 1, share: 0.75, pValue: 0.625 });
    expect(ours.wilson.low).toBeCloseTo(0.3006, 4);
    expect(ours.wilson.high).toBeCloseTo(0.9544, 4);
    expect(ours.bootstrap).toEqual({ low: 0, high: 1 });
    // An interval that leaves out more than the probability of the lowest share begins at the next one.
    const lowest = probabilities[0];
    const narrow = shareWon(differences, { resamples: 20_000, confidence: 1 - 2 * lowest - 0.06 });
    expect(narrow.bootstrap.low).toBe(shares[1]);
  });

  test('holes and ties: counted as what they are', () => {
    const differences = [
      [1, null],
      [0, -1],
    ];
    expect(shareWon(differences)).toMatchObject({ won: 1, tied: 1, lost: 1, share: 1 / 3, pValue: 1 });
    expect(() => shareWon([[null]])).toThrow('internal: the share won of no cells');
  });

  test('cells of a model go together, so the bootstrap is wider than Wilson where models decide', () => {
    const differences = Array.from({ length: 8 }, (_, m) =>
      Array.from({ length: 12 }, () => (m < 6 ? 1 : -1)),
    );
    const { wilson, bootstrap } = shareWon(differences);
    expect(bootstrap.high - bootstrap.low).toBeGreaterThan(2 * (wilson.high - wilson.low));
    expect(shareWon(differences, { seed: 1 })).toEqual(shareWon(differences, { seed: 1 }));
  });
});

describe('permutation test of mean per-class accuracy', () => {
  test.each(fixture.pairedPerClass)('all swaps give p = $pValue', ({ labels, a, b, difference, pValue }) => {
    const ours = pairedPerClassTest(a, b, labels, { seed: 3 });
    expect(ours.difference).toBeCloseTo(difference, 12);
    // Four standard errors of a share of 100,000 draws.
    expect(Math.abs(ours.pValue - pValue)).toBeLessThan(4 * Math.sqrt((pValue * (1 - pValue)) / 1e5) + 2e-5);
  });

  const wrongEvery = (k: number, n: number) => Array.from({ length: n }, (_, i) => i % k !== 0);

  test('classes of equal size: the exact test', () => {
    const labels = Array.from({ length: 400 }, (_, i) => i % 2);
    const [a, b] = [wrongEvery(7, 400), wrongEvery(5, 400)];
    const { aOnly, bOnly, pValue } = pairedExactTest(a, b);
    expect(pairedPerClassTest(a, b, labels)).toMatchObject({ aOnly, bOnly, pValue });
    expect(pairedPerClassTest(a, a, labels)).toMatchObject({ difference: 0, pValue: 1 });
    expect(() => pairedPerClassTest(a, b, [0])).toThrow('internal: paired test');
  });

  test('more than 32 swaps in a class: nearly equal sizes give nearly the exact test', () => {
    const labels = Array.from({ length: 401 }, (_, i) => i % 2);
    const [a, b] = [wrongEvery(7, 401), wrongEvery(5, 401)];
    const drawn = pairedPerClassTest(a, b, labels, { swaps: 20_000 });
    expect(Math.abs(drawn.pValue - pairedExactTest(a, b).pValue)).toBeLessThan(0.02);
    expect(pairedPerClassTest(a, a, labels, { swaps: 100 })).toMatchObject({ difference: 0, pValue: 1 });
  });
});

describe('seeds', () => {
  test('spread of a few values', () => {
    const { standardDeviation, ...rest } = spread([0.9, 0.92]);
    expect(rest).toEqual({ n: 2, mean: 0.91, low: 0.9, high: 0.92 });
    expect(standardDeviation).toBeCloseTo(0.02 / Math.SQRT2, 12);
    expect(spread([0.5]).standardDeviation).toBeNaN();
  });

  test.each(fixture.varianceComponents)('within $within, between $between', ({ groups, within, between }) => {
    const ours = varianceComponents(groups);
    expect(ours.within).toBeCloseTo(within, 10);
    expect(ours.between).toBeCloseTo(between, 10);
    expect(ours.seedShare).toBeCloseTo(within / (within + between), 10);
  });

  test.each(fixture.blockedVarianceComponents)(
    'in blocks $blocks: within $within, between $between',
    ({ groups, blocks, within, between }) => {
      const ours = varianceComponents(groups, blocks);
      expect(ours.within).toBeCloseTo(within, 10);
      expect(ours.between).toBeCloseTo(between, 10);
      // What a whole block has more does not matter.
      const moved = groups.map((group, c) => group.map((value) => value + 7 * blocks[c]));
      expect(varianceComponents(moved, blocks).between).toBeCloseTo(between, 10);
      expect(() => varianceComponents(groups, [...groups.keys()])).toThrow('internal: variance components');
    },
  );

  test('variance components: the example of the header, and what cannot be told apart', () => {
    expect(
      varianceComponents([
        [1, 3],
        [5, 7],
      ]),
    ).toMatchObject({ within: 2, between: 7, withinDegreesOfFreedom: 2 });
    expect(
      varianceComponents([
        [1, 3],
        [1, 3],
      ]).between,
    ).toBe(0);
    expect(() => varianceComponents([[1], [2]])).toThrow('internal: variance components');
  });

  test.each(fixture.pairedSeeds)(
    'paired test with seeds, difference $difference',
    ({ a, b, ...expected }) => {
      const ours = pairedSeedsTest(a, b);
      expect(ours.difference).toBeCloseTo(expected.difference, 12);
      expect(ours.imagesError).toBeCloseTo(expected.imagesError, 12);
      expect(ours.seedsError).toBeCloseTo(expected.seedsError, 12);
      expect(ours.degreesOfFreedom).toBeCloseTo(expected.df, 8);
      expect(ours.pValue).toBeCloseTo(expected.pValue, 7);
      expect(pairedSeedsTest(b, a).pValue).toBeCloseTo(ours.pValue, 12);
    },
  );

  test('two networks that differ on paper only: their seeds differ as much', () => {
    const model = (...accuracies: number[]) =>
      accuracies.map((share) => Array.from({ length: 1000 }, (_, i) => Number(i < share * 1000)));
    const [a, b] = [model(0.9, 0.8), model(0.85, 0.75)];
    expect(
      pairedExactTest(
        a[0].map((right) => right === 1),
        b[0].map((right) => right === 1),
      ).pValue,
    ).toBeLessThan(1e-10);
    expect(pairedSeedsTest(a, b).pValue).toBeGreaterThan(0.3);
    expect(() => pairedSeedsTest([[1, 0]], b)).toThrow('internal: two seeds or more');
  });
});

describe('best or tied', () => {
  test('the example of the header', () => {
    const pValues = [Number.NaN, 0.01, 0.2];
    const standings = bestOrTied([3, 1, 2], (i) => pValues[i]);
    expect(standings.map(({ rank }) => rank)).toEqual([1, 3, 2]);
    expect(standings.map(({ tied }) => tied)).toEqual([true, false, true]);
    expect(standings.map(({ pValue }) => pValue)).toEqual([null, 0.01, 0.2]);
  });

  test('a correction can only add ties, and what cannot be tested is tied', () => {
    const pValues = [0, 0.02, 0.03, 0.6];
    const tied = (correction: 'none' | 'holm') =>
      bestOrTied([9, 3, 4, 8], (i) => pValues[i], { correction }).map((standing) => standing.tied);
    expect(tied('none')).toEqual([true, false, false, true]);
    expect(tied('holm')).toEqual([true, true, true, true]);
    expect(bestOrTied([1, 2], () => null)).toEqual([
      { rank: 2, pValue: null, adjustedP: null, tied: true },
      { rank: 1, pValue: null, adjustedP: null, tied: true },
    ]);
  });
});
