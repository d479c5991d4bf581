/**
 * The analysis of a table of results: its parts are the statistics tested elsewhere, put together as the paper does; and
 * what it does with holes, ties and tables too small for a test.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  adjusted,
  adjustedScores,
  analyseTable,
  grandMean,
  pairedTTest,
  pearson,
  spearman,
} from '../../src/stats/index.ts';

/** Six models, the later the better, on five data sets; every value differs. */
const table = Array.from({ length: 6 }, (_, m) =>
  Array.from({ length: 5 }, (_, d) => 0.3 * m + d + 0.4 * Math.sin(3 * m + 5 * d)),
);
const source = [1.1, 1.2, 1.5, 1.4, 1.8, 2];
const options = { resamples: 200 };

describe('analyseTable', () => {
  test('scores, standings and relation are those of the single statistics', () => {
    const analysis = analyseTable(table, { ...options, source, correction: 'holm' })!;
    const scores = adjustedScores(table);
    const best = scores.findIndex(({ mean }) => mean === Math.max(...scores.map((score) => score.mean)));
    const tests = table.map((row) => pairedTTest(row, table[best]));
    const others = table.map((_, m) => m).filter((m) => m !== best);
    const corrected = adjusted(
      others.map((m) => tests[m].pValue),
      'holm',
    );
    expect(analysis.datasets).toEqual([0, 1, 2, 3, 4]);
    expect(analysis.grandMean).toBe(grandMean(table));
    expect(analysis.rows.map(({ score }) => score)).toEqual(scores.map(({ mean }) => mean));
    expect(analysis.rows.map(({ standardError }) => standardError)).toEqual(
      scores.map(({ standardError }) => standardError),
    );
    for (const [k, m] of others.entries()) {
      const { mean, low, high } = analysis.rows[m].difference!;
      expect([mean, { low, high }]).toEqual([tests[m].meanDifference, tests[m].interval]);
      expect(analysis.rows[m].pValue).toBe(tests[m].pValue);
      expect(analysis.rows[m].adjustedP).toBe(corrected[k]);
      expect(analysis.rows[m].tied).toBe(corrected[k] > 0.05);
    }
    expect(analysis.rows[best]).toMatchObject({ rank: 1, pValue: null, difference: null, tied: true });
    expect(analysis.source?.pearson).toMatchObject(
      pearson(
        source,
        analysis.rows.map(({ score }) => score),
      ),
    );
    expect(analysis.source?.spearman).toMatchObject(
      spearman(
        source,
        analysis.rows.map(({ score }) => score),
      ),
    );
  });

  test('the example of the header', () => {
    const rows = analyseTable(
      [
        [2, 1],
        [0, 1],
        [1, 0],
      ],
      { ...options, source: [1.5, 1.1, 1] },
    )!.rows;
    expect(rows.map(({ score }) => score.toFixed(3))).toEqual(['0.667', '-0.333', '-0.333']);
    expect(rows.map(({ rank }) => rank)).toEqual([1, 2, 2]);
  });

  test('a hole costs the model or the data set that has relatively more of them', () => {
    const holes = table.map((row, m) => row.map((value, d) => (m === 2 && d > 2 ? null : value)));
    const analysis = analyseTable(holes, options)!;
    expect(analysis.rows.map(({ model }) => model)).toEqual([0, 1, 3, 4, 5]);
    expect(analysis.datasets).toEqual([0, 1, 2, 3, 4]);
    const failed = table.map((row) => row.map((value, d) => (d === 1 ? null : value)));
    expect(analyseTable(failed, options)).toMatchObject({ datasets: [0, 2, 3, 4], rows: { length: 6 } });
    expect(analyseTable([[null, null]])).toBeNull();
    expect(analyseTable([])).toBeNull();
  });

  test('no number that is not finite: one data set, one model, equal models, a constant difference', () => {
    const numbers = (value: unknown): number[] =>
      typeof value === 'number'
        ? [value]
        : typeof value === 'object' && value !== null
          ? Object.values(value).flatMap(numbers)
          : [];
    for (const small of [
      [[1], [2]],
      [[1, 2, 3]],
      [
        [1, 2],
        [1, 2],
        [1, 2],
      ],
      [
        [1, 2],
        [2, 3],
        [3, 4],
      ],
      [[1]],
    ]) {
      const analysis = analyseTable(small, { ...options, source: small.map((_, m) => m) })!;
      expect(numbers(analysis).every(Number.isFinite)).toBe(true);
    }
    const [lower, upper] = analyseTable([[1], [2]])!.rows;
    expect(upper).toMatchObject({ rank: 1, tied: true });
    expect(lower).toMatchObject({ rank: 2, standardError: null, difference: null, tied: true });
  });

  test('models without a source accuracy stay out of the correlation only', () => {
    const known = [null, ...source.slice(1)];
    const analysis = analyseTable(table, { ...options, source: known })!;
    expect(analysis.rows).toHaveLength(6);
    expect(analysis.source?.n).toBe(5);
    const scores = analysis.rows.slice(1).map(({ score }) => score);
    expect(analysis.source?.pearson.coefficient).toBe(pearson(source.slice(1), scores).coefficient);
    expect(analyseTable(table, { ...options, source: [1, null, null, null, null, 2] })?.source).toBeNull();
  });

  test('harder data sets change neither scores nor standings', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -8, max: 8 }), { minLength: 5, maxLength: 5 }), (shifts) => {
        const [before, after] = [table, table.map((row) => row.map((value, d) => value + shifts[d]))].map(
          (logits) => analyseTable(logits, options)!,
        );
        for (const [m, row] of after.rows.entries()) {
          expect(row.score).toBeCloseTo(before.rows[m].score, 10);
          expect(row.tied).toBe(before.rows[m].tied);
          expect(row.rank).toBe(before.rows[m].rank);
        }
      }),
    );
  });
});
