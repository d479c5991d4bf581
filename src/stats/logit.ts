/**
 * The logit scale, on which models and data sets act as additive effects.
 *
 * Purpose: going from 98% to 99% halves the errors and counts as much as going from 50% to 66%; a
 * difference of raw accuracies hides that.
 * Reference: Kornblith, Shlens & Le, "Do better ImageNet models transfer better?", 2019, section 3; the
 * half counts: J. B. S. Haldane, "The estimation and significance of the logarithm of a ratio of
 * frequencies", 1956.
 * Example: `logit(0.9)` is ln 9 = 2.197 and `inverseLogit(2.197)` is 0.9; `logitOfCounts(10, 10)` is
 * ln(10.5 / 0.5) = 3.045.
 */
import { invariant } from '../util/errors.ts';

/** ln(p / (1 - p)); -Infinity at 0 and Infinity at 1. */
export function logit(p: number): number {
  return Math.log(p) - Math.log1p(-p);
}

/** 1 / (1 + e^-x): the share whose logit is x. */
export function inverseLogit(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/**
 * ln(correct / incorrect). At 0 or n correct, where that is infinite, half an image is added to both sides:
 * ln((correct + 0.5) / (incorrect + 0.5)).
 * @param n at least 1
 */
export function logitOfCounts(correct: number, n: number): number {
  invariant(n > 0 && correct >= 0 && correct <= n, `logitOfCounts given ${correct} of ${n}`);
  const correction = correct === 0 || correct === n ? 0.5 : 0;
  return Math.log((correct + correction) / (n - correct + correction));
}
