/**
 * Tail and quantile of Student's t distribution, for the tests of this folder.
 *
 * Reference: Abramowitz & Stegun 26.7.1: P(|T| >= |t|) = I_x(df / 2, 1 / 2) with x = df / (df + t^2).
 * This form keeps its relative precision far out in the tail, where 1 - cdf(|t|) is rounded to 0.
 */
import jstat from 'jstat';

/** P(|T| >= |t|) for `degreesOfFreedom` > 0. Example: `twoSidedP(2.228, 10)` is 0.05. */
export function twoSidedP(t: number, degreesOfFreedom: number): number {
  if (Number.isNaN(t)) return Number.NaN;
  if (!Number.isFinite(t)) return 0;
  const x = degreesOfFreedom / (degreesOfFreedom + t * t);
  return Math.min(1, Math.max(0, jstat.jStat.ibeta(x, degreesOfFreedom / 2, 0.5)));
}

/** The t with P(|T| <= t) = `confidence`, between 0 and 1. Example: `twoSidedT(0.95, 10)` is 2.228. */
export function twoSidedT(confidence: number, degreesOfFreedom: number): number {
  const outside = 1 - confidence;
  let [low, high] = [0, 1];
  while (twoSidedP(high, degreesOfFreedom) > outside) high *= 2;
  // Halving until neighbouring doubles: the tail falls with t, so the root stays between the two.
  for (let middle = high / 2; middle > low && middle < high; middle = (low + high) / 2) {
    if (twoSidedP(middle, degreesOfFreedom) > outside) low = middle;
    else high = middle;
  }
  return high;
}
