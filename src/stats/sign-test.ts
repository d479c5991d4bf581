/**
 * The exact binomial test of even chances, also called sign test.
 *
 * Purpose: if neither side is better, each comparison that has a winner is won by either with probability 1/2, whatever
 * the size of the differences; so the number won is Binomial(won + lost, 1/2). Ties say nothing and are left out.
 * Reference: J. Arbuthnot, "An argument for divine providence", 1710; W. J. Dixon & A. M. Mood, "The statistical sign
 * test", 1946.
 * Example: `signTest(10, 2)` is 0.0386.
 */
import { invariant } from '../util/errors.ts';

/** Two-sided p-value of `won` against `lost`, counts; 1 when there is neither. */
export function signTest(won: number, lost: number): number {
  invariant(won >= 0 && lost >= 0, `sign test of ${won} and ${lost}`);
  return Math.min(1, 2 * lowerTail(won + lost, Math.min(won, lost)));
}

/**
 * P(X <= k) of X ~ Binomial(n, 1/2), k <= n / 2. The largest term, C(n, k) / 2^n, is summed in logarithms
 * because 2^-n leaves the range of doubles at n = 1,075; the terms below it follow by
 * C(n, j - 1) = C(n, j) j / (n - j + 1), as multiples of it.
 */
function lowerTail(n: number, k: number): number {
  let logLargest = -n * Math.LN2;
  for (let i = 0; i < k; i++) logLargest += Math.log((n - i) / (i + 1));
  let sum = 1;
  for (let j = k, term = 1; j > 0 && term > sum * Number.EPSILON; j--) {
    term *= j / (n - j + 1);
    sum += term;
  }
  return Math.exp(logLargest + Math.log(sum));
}
