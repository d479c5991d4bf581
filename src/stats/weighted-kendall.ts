/**
 * Weighted Kendall tau: agreement on the order of pairs, in which pairs near the top count more.
 *
 * Purpose: a score that is to pick the best model must be right about the good ones; which of two bad ones is worse
 * matters little.
 * Reference: S. Vigna, "A weighted correlation index for rankings with ties", 2015: additive hyperbolic weights, a pair
 * of ranks r and s (from 0) weighing 1 / (r + 1) + 1 / (s + 1), averaged over ranking by x and ranking by y. It is the
 * default of SciPy's `weightedtau`, with which LogME and its successors are judged.
 * Example: `weightedKendall([1, 2, 3, 4], [1, 3, 2, 5])` is 0.733; the same swap at the top, `[1, 2, 4, 3]` and
 * `[1, 2, 3, 4]`, costs more: 0.52.
 */
import { invariant } from '../util/errors.ts';

/** -1 .. 1, larger being better in both lists; NaN when one list is constant. */
export function weightedKendall(x: readonly number[], y: readonly number[]): number {
  invariant(x.length === y.length && x.length > 1, `correlation of ${x.length} and ${y.length} values`);
  return (ranked(x, y, weights(x, y)) + ranked(x, y, weights(y, x))) / 2;
}

/** 1 / (rank + 1), ranks from the largest of `first`, ties broken by `second`, then by the later place. */
function weights(first: readonly number[], second: readonly number[]): number[] {
  const descending = first
    .map((_, i) => i)
    .sort((i, j) => first[j] - first[i] || second[j] - second[i] || j - i);
  const result = new Array<number>(first.length);
  descending.forEach((i, rank) => {
    result[i] = 1 / (rank + 1);
  });
  return result;
}

/** The cosine of the signs of all pairs in both lists, under the inner product that weighs a pair by its weights' sum. */
function ranked(x: readonly number[], y: readonly number[], weight: readonly number[]): number {
  let [product, squaresX, squaresY] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    for (let j = i + 1; j < x.length; j++) {
      const [signX, signY] = [Math.sign(x[i] - x[j]), Math.sign(y[i] - y[j])];
      const pair = weight[i] + weight[j];
      product += pair * signX * signY;
      squaresX += pair * signX * signX;
      squaresY += pair * signY * signY;
    }
  }
  return Math.max(-1, Math.min(1, product / Math.sqrt(squaresX) / Math.sqrt(squaresY)));
}
