/**
 * Intervals of correlations, the band of a line, Kendall's taus and rank regret, over rows of
 * test/fixtures/statistics.json (made by scripts/fixtures/statistics.py with SciPy), and laws that hold for any input.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  correlationBootstrap,
  fisherInterval,
  kendall,
  linePrediction,
  pearson,
  rankRegret,
  regressionBand,
  regressionLine,
  sourceRelation,
  spearman,
  weightedKendall,
} from '../../src/stats/index.ts';
import fixture from '../fixtures/statistics.json' with { type: 'json' };

const small = fc.integer({ min: -9, max: 9 });
const points = fc.array(fc.tuple(small, small), { minLength: 3, maxLength: 12 });
const columns = (list: readonly (readonly [number, number])[]) =>
  [list.map(([x]) => x), list.map(([, y]) => y)] as const;

describe("Fisher's interval", () => {
  test.each(fixture.fisher)('of $x.length pairs at $confidence', ({ x, y, confidence, ...expected }) => {
    const r = fisherInterval(pearson(x, y).coefficient, x.length, { confidence });
    expect(r.low).toBeCloseTo(expected.pearson[0], 9);
    expect(r.high).toBeCloseTo(expected.pearson[1], 9);
    if (!expected.spearman) return;
    const rho = fisherInterval(spearman(x, y).coefficient, x.length, { kind: 'spearman', confidence });
    expect(rho.low).toBeCloseTo(expected.spearman[0], 9);
    expect(rho.high).toBeCloseTo(expected.spearman[1], 9);
  });

  test('the example of the header, a perfect line, and too few pairs', () => {
    const { low, high } = fisherInterval(0.96, 16);
    expect([low.toFixed(3), high.toFixed(3)]).toEqual(['0.886', '0.986']);
    expect(fisherInterval(1, 8)).toEqual({ low: 1, high: 1 });
    expect(() => fisherInterval(0.5, 3)).toThrow("internal: Fisher's interval needs four pairs");
  });
});

describe('bootstrap of a correlation', () => {
  test("near SciPy's percentile bootstrap", () => {
    const { x, y, interval } = fixture.correlationBootstrap;
    const ours = correlationBootstrap(x, y, pearson, { resamples: 20_000, seed: 5 });
    expect(Math.abs(ours.low - interval[0])).toBeLessThan(0.02);
    expect(Math.abs(ours.high - interval[1])).toBeLessThan(0.01);
  });

  test('draws again where a list came out constant', () => {
    expect(correlationBootstrap([0, 0, 1], [2, 2, 5], pearson)).toEqual({ low: 1, high: 1 });
    expect(() => correlationBootstrap([1, 1], [2, 3], pearson)).toThrow(
      'internal: bootstrap of a correlation',
    );
  });
});

describe('line and band', () => {
  const row = fixture.regressionBand;

  test("SciPy's line, and the band of all resamples", () => {
    const line = regressionLine(row.x, row.y);
    expect(line.slope).toBeCloseTo(row.slope, 12);
    expect(line.intercept).toBeCloseTo(row.intercept, 12);
    const band = regressionBand(row.x, row.y, row.at, { resamples: 40_000, seed: 2 });
    for (const [k, point] of band.entries()) {
      expect(point.x).toBe(row.at[k]);
      expect(point.y).toBeCloseTo(line.intercept + line.slope * row.at[k], 12);
      // The distribution of five points is lumpy: its quantiles jump, and a draw may land on the other side.
      expect(Math.abs(point.low - row.low[k])).toBeLessThan(0.15);
      expect(Math.abs(point.high - row.high[k])).toBeLessThan(0.15);
    }
  });

  test('points on a line have a band of no width; the seed decides the band', () => {
    for (const { y, low, high } of regressionBand([1, 2, 4], [3, 5, 9], [0, 10])) {
      expect(low).toBeCloseTo(y, 10);
      expect(high).toBeCloseTo(y, 10);
    }
    const again = (seed: number) => regressionBand(row.x, row.y, row.at, { seed, resamples: 300 });
    expect(again(1)).toEqual(again(1));
    expect(again(1)).not.toEqual(again(2));
    expect(() => regressionBand([1, 1], [2, 3], [0])).toThrow('internal: the band of a line');
  });

  test('the errors of the line are orthogonal to x', () => {
    fc.assert(
      fc.property(points, (list) => {
        const [x, y] = columns(list);
        const { slope, intercept } = regressionLine(x, y);
        if (x.every((value) => value === x[0])) {
          expect(slope).toBeNaN();
          return;
        }
        const errors = y.map((value, i) => value - intercept - slope * x[i]);
        expect(errors.reduce((sum, error) => sum + error, 0)).toBeCloseTo(0, 8);
        expect(errors.reduce((sum, error, i) => sum + error * x[i], 0)).toBeCloseTo(0, 7);
      }),
    );
  });

  test('the relation to the source holds all of them, or is null', () => {
    const relation = sourceRelation(row.x, row.y, { resamples: 500 });
    expect(relation?.pearson.coefficient).toBe(pearson(row.x, row.y).coefficient);
    expect(relation?.spearman.pValue).toBe(spearman(row.x, row.y).pValue);
    expect(relation?.band).toHaveLength(41);
    expect(relation?.band[40].x).toBe(9);
    expect(sourceRelation([1, 2], [3, 4])).toBeNull();
    expect(sourceRelation([1, 1, 1], [3, 4, 5])).toBeNull();
  });
});

describe('prediction of a new point', () => {
  test.each(fixture.linePrediction)('at $at from $x.length points, $confidence', (row) => {
    const ours = linePrediction(row.x, row.y, row.at, row.confidence);
    for (const end of ['value', 'low', 'high'] as const) expect(ours[end]).toBeCloseTo(row[end], 6);
  });

  test('is a point on a line without errors, and needs three points', () => {
    const { value, low, high } = linePrediction([1, 2, 3], [2, 4, 6], 10);
    expect([value, low, high].map((x) => x.toFixed(9))).toEqual(Array(3).fill('20.000000000'));
    expect(() => linePrediction([1, 2], [2, 4], 3)).toThrow('internal: a prediction from 2');
  });
});

describe("Kendall's tau", () => {
  test.each(fixture.kendall)('of $x.length values: tau $tau', ({ x, y, tau, pValue, weighted }) => {
    const ours = kendall(x, y);
    expect(ours.coefficient).toBeCloseTo(tau, 12);
    expect(Math.abs(ours.pValue / pValue - 1)).toBeLessThan(1e-6);
    expect(weightedKendall(x, y)).toBeCloseTo(weighted, 12);
  });

  test('both taus: a list with itself 1, reversed -1, symmetric, unchanged by a rising function', () => {
    fc.assert(
      fc.property(points, (list) => {
        const [x, y] = columns(list);
        const risen = x.map((value) => Math.exp(value / 3));
        for (const tau of [(u: number[], v: number[]) => kendall(u, v).coefficient, weightedKendall]) {
          if (new Set(x).size > 1) {
            expect(tau(x, x)).toBeCloseTo(1, 12);
            const down = x.map((value) => -value);
            expect(tau(x, down)).toBeCloseTo(-1, 12);
          } else expect(tau(x, y)).toBeNaN();
          expect(tau(risen, y)).toEqual(tau(x, y));
        }
        expect(kendall(y, x)).toEqual(kendall(x, y));
      }),
    );
  });

  test('a swap at the top costs more when weighted', () => {
    expect(weightedKendall([1, 2, 3, 4], [1, 3, 2, 5]).toFixed(3)).toBe('0.733');
    const top = weightedKendall([1, 2, 4, 3], [1, 2, 3, 4]);
    const bottom = weightedKendall([2, 1, 3, 4], [1, 2, 3, 4]);
    expect(top.toFixed(3)).toBe('0.520');
    expect(bottom).toBeGreaterThan(top);
  });
});

describe('rank regret', () => {
  test.each(fixture.rankRegret)('shortlist of $shortlist', ({ scores, outcomes, shortlist, ...expected }) => {
    const ours = rankRegret(scores, outcomes, shortlist);
    expect(ours).toMatchObject({ picked: expected.picked, rank: expected.rank });
    expect(ours.regret).toBeCloseTo(expected.regret, 12);
    expect(ours.chanceRegret).toBeCloseTo(expected.chanceRegret, 12);
  });

  test('a score that does not decide picks the worst; a whole shortlist loses nothing', () => {
    expect(rankRegret([1, 1, 1], [0.9, 0.5, 0.7])).toMatchObject({ picked: 1, rank: 3 });
    fc.assert(
      fc.property(points, (list) => {
        const [scores, outcomes] = columns(list);
        const regrets = scores.map((_, k) => rankRegret(scores, outcomes, k + 1).regret);
        expect(regrets.at(-1)).toBe(0);
        expect(regrets).toEqual([...regrets].sort((a, b) => b - a));
        expect(rankRegret(outcomes, outcomes)).toMatchObject({ rank: 1, regret: 0 });
      }),
    );
  });
});
