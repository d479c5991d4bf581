/**
 * Percentile bootstrap of any statistic of a test part, for example mean per-class accuracy, which no
 * binomial formula covers.
 *
 * Purpose: images are drawn with replacement, the statistic is computed anew, and the interval is cut out
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

/**
 * Percentile interval of `statistic` over rows 0 .. n - 1.
 * @param statistic gets the drawn rows; the array is reused between calls, so it must not be kept
 */
export function bootstrapInterval(
  n: number,
  statistic: (rows: Int32Array) => number,
  { seed = 0, resamples = 2000, confidence = 0.95 }: BootstrapOptions = {},
): Interval {
  invariant(n > 0 && resamples > 0, `bootstrap of ${n} rows with ${resamples} resamples`);
  invariant(confidence > 0 && confidence < 1, `confidence ${confidence} is not between 0 and 1`);
  const generator = xoroshiro128plus(seed);
  const rows = new Int32Array(n);
  const results = new Float64Array(resamples);
  for (let resample = 0; resample < resamples; resample++) {
    for (let i = 0; i < n; i++) rows[i] = uniformInt(generator, 0, n - 1);
    results[resample] = statistic(rows);
  }
  invariant(!results.some(Number.isNaN), 'the bootstrapped statistic returned NaN');
  results.sort();
  return { low: quantile(results, 0.5 - confidence / 2), high: quantile(results, 0.5 + confidence / 2) };
}

/** Quantile of sorted numbers, linear between neighbours (the default of R and NumPy). */
function quantile(sorted: Float64Array, probability: number): number {
  const position = probability * (sorted.length - 1);
  const below = Math.floor(position);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
}
