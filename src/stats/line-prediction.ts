/**
 * A new point predicted from the least-squares line through others, with its interval.
 *
 * Purpose: a score that ranks networks says how good the best will be only once it is calibrated: a line through what is
 * known of score and outcome, and how far outcomes lie off it.
 * Reference: N. R. Draper & H. Smith, "Applied regression analysis", 1998, section 3.1: the variance of a new point at x
 * is s^2 (1 + 1 / n + (x - mean)^2 / Sxx), s^2 the residual variance with n - 2 degrees of freedom.
 * Example: `linePrediction([0, 1, 2, 3], [0, 1.1, 1.9, 3], 4)` is { value: 3.95, low: 3.30, high: 4.60 }.
 */
import { invariant } from '../util/errors.ts';
import type { Interval } from './intervals.ts';
import { regressionLine } from './regression.ts';
import { spread } from './spread.ts';
import { twoSidedT } from './student-t.ts';

export interface LinePrediction extends Interval {
  readonly value: number;
}

/**
 * The interval in which a new point at `at` lies, if errors are independent, normal and of one variance.
 * @param x, y equally long, three points or more; x not constant
 * @param confidence coverage, between 0 and 1
 */
export function linePrediction(
  x: readonly number[],
  y: readonly number[],
  at: number,
  confidence = 0.95,
): LinePrediction {
  const n = x.length;
  invariant(n === y.length && n > 2, `a prediction from ${n} and ${y.length} values`);
  const { slope, intercept } = regressionLine(x, y);
  invariant(!Number.isNaN(slope), 'a prediction from points above each other');
  const squares = y.reduce((sum, value, i) => sum + (value - intercept - slope * x[i]) ** 2, 0);
  const { mean, standardDeviation } = spread(x);
  const leverage = 1 / n + (at - mean) ** 2 / (standardDeviation ** 2 * (n - 1));
  const half = twoSidedT(confidence, n - 2) * Math.sqrt((squares / (n - 2)) * (1 + leverage));
  const value = intercept + slope * at;
  return { value, low: value - half, high: value + half };
}
