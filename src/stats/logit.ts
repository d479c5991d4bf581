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
 * ln(correct / incorrect), which is infinite at 0 and n: there half an image is added to both sides, and no other count
 * lies beyond what that gives, ln(2 n + 1). Whole counts do not reach it; means over seeds or classes, which need not
 * be whole, would, and then a mean just below n would be worth more than n.
 * @param n at least 1
 */
export function logitOfCounts(correct: number, n: number): number {
  invariant(n > 0 && correct >= 0 && correct <= n, `logitOfCounts given ${correct} of ${n}`);
  const most = Math.log(2 * n + 1);
  return Math.max(-most, Math.min(most, Math.log(correct / (n - correct))));
}
