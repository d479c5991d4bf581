/**
 * Percentile bootstrap of any statistic of a sample: of a test part (mean per-class accuracy, which no
 * binomial formula covers), or of points of a plot (a correlation, the height of a line).
 *
 * Purpose: rows are drawn with replacement, the statistic is computed anew, and the interval is cut out
 * of the sorted results. The same seed gives the same interval.
 * Reference: B. Efron & R. Tibshirani, "An introduction to the bootstrap", 1993, section 13.3.
 * Example: the share correct of a list,
 *   bootstrapInterval(correct.length, (rows) => rows.reduce((sum, i) => sum + correct[i], 0) / rows.length)
 */
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { invariant } from '../util/errors.ts';
import type { Interval } from './intervals.ts';

export interface BootstrapOptions {
  /** Integer; default 0. */
  readonly seed?: number;
  /** Number of resamples; default 2,000. */
  readonly resamples?: number;
  /** Coverage, between 0 and 1; default 0.95. */
  readonly confidence?: number;
}

/** Where a statistic is undefined on so many resamples for each that counts, it cannot be bootstrapped. */
const MOST_REDRAWN = 100;

/**
 * Percentile interval of `statistic` over rows 0 .. n - 1.
 * @param statistic gets the drawn rows; the array is reused between calls, so it must not be kept
 */
export function bootstrapInterval(
  n: number,
  statistic: (rows: Int32Array) => number,
  options: BootstrapOptions = {},
): Interval {
  const [interval] = bootstrapIntervals(
    n,
    (rows) => {
      const result = statistic(rows);
      invariant(!Number.isNaN(result), 'the bootstrapped statistic returned NaN');
      return [result];
    },
    options,
  );
  return interval;
}

/**
 * Percentile intervals of several statistics over the same resamples of rows 0 .. n - 1, each interval for itself.
 * @param statistics gets the drawn rows, which it must not keep, and returns equally many numbers every time,
 *   or null where they are not defined (a line through one point drawn n times): then rows are drawn again,
 *   so the interval holds given that the statistics exist
 */
export function bootstrapIntervals(
  n: number,
  statistics: (rows: Int32Array) => readonly number[] | null,
  { seed = 0, resamples = 2000, confidence = 0.95 }: BootstrapOptions = {},
): Interval[] {
  invariant(n > 0 && resamples > 0, `bootstrap of ${n} rows with ${resamples} resamples`);
  const draw = drawer(seed);
  const rows = new Int32Array(n);
  const results: Float64Array[] = [];
  let redrawn = 0;
  for (let resample = 0; resample < resamples; ) {
    for (let i = 0; i < n; i++) rows[i] = draw(n);
    const values = statistics(rows);
    if (values === null) {
      invariant(++redrawn <= MOST_REDRAWN * resamples, 'the bootstrapped statistic is hardly ever defined');
      continue;
    }
    values.forEach((value, k) => {
      if (resample === 0) results.push(new Float64Array(resamples));
      results[k][resample] = value;
    });
    resample++;
  }
  return results.map((column) => percentileInterval(column.sort(), confidence));
}

/** Draws of whole numbers 0 .. n - 1, a stream that the seed decides. */
export function drawer(seed: number): (n: number) => number {
  const generator = xoroshiro128plus(seed);
  return (n) => uniformInt(generator, 0, n - 1);
}

/** The middle `confidence` of sorted results. */
export function percentileInterval(sorted: Float64Array, confidence: number): Interval {
  invariant(confidence > 0 && confidence < 1, `confidence ${confidence} is not between 0 and 1`);
  return { low: quantile(sorted, 0.5 - confidence / 2), high: quantile(sorted, 0.5 + confidence / 2) };
}

/** Quantile of sorted numbers, linear between neighbours (the default of R and NumPy). */
function quantile(sorted: Float64Array, probability: number): number {
  const position = probability * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  // At a result itself; a product of 0 and an infinite neighbour would be no number.
  if (position === below || sorted[below] === sorted[above]) return sorted[below];
  return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
}
