/**
 * Paired t-test of two models across data sets, on logit accuracies.
 *
 * Purpose: says whether one model transfers better than another in general, data sets being the sample.
 * Reference: Student, "The probable error of a mean", 1908; used on logits by Kornblith, Shlens & Le,
 * "Do better ImageNet models transfer better?", 2019.
 * Example: `pairedTTest([1, 2, 4], [0.5, 1.1, 3.2])` has a mean difference of 0.733, t = 6.10, p = 0.026, and the
 * 95% interval 0.216 .. 1.250 of the mean difference.
 */
import { invariant } from '../util/errors.ts';
import type { Interval } from './intervals.ts';
import { twoSidedP, twoSidedT } from './student-t.ts';

export interface PairedTTest {
  /** Positive when a is larger. Infinite when all differences are equal and not 0. */
  readonly t: number;
  readonly degreesOfFreedom: number;
  /** Two-sided; 1 when a and b are equal throughout. */
  readonly pValue: number;
  /** Mean of a - b. */
  readonly meanDifference: number;
  /** Of the mean difference: without 0 exactly where `pValue` < 1 - confidence. */
  readonly interval: Interval;
}

/**
 * `a[d]` and `b[d]`: the two models on data set d; at least two data sets.
 * @param confidence coverage of the interval, between 0 and 1
 */
export function pairedTTest(a: readonly number[], b: readonly number[], confidence = 0.95): PairedTTest {
  invariant(a.length === b.length && a.length > 1, `paired t-test of ${a.length} and ${b.length} values`);
  const n = a.length;
  const differences = a.map((value, i) => value - b[i]);
  const meanDifference = differences.reduce((sum, x) => sum + x, 0) / n;
  const squares = differences.reduce((sum, x) => sum + (x - meanDifference) ** 2, 0);
  const standardError = Math.sqrt(squares / (n - 1) / n);
  const t = meanDifference === 0 ? 0 : meanDifference / standardError;
  const half = twoSidedT(confidence, n - 1) * standardError;
  return {
    t,
    degreesOfFreedom: n - 1,
    pValue: twoSidedP(t, n - 1),
    meanDifference,
    interval: { low: meanDifference - half, high: meanDifference + half },
  };
}
