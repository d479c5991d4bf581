/**
 * Benjamini and Hochberg's correction of p-values for multiple comparisons.
 *
 * Purpose: rejecting where the adjusted value is below alpha keeps the expected share of false ones among the
 * rejections below alpha, for tests that are independent or positively dependent. It is weaker protection than
 * Holm's correction, which keeps the chance of any false rejection below alpha, and so finds more.
 * Reference: Y. Benjamini & Y. Hochberg, "Controlling the false discovery rate: a practical and powerful
 * approach to multiple testing", 1995.
 * Example: `benjaminiHochberg([0.01, 0.04, 0.03])` is [0.03, 0.04, 0.04].
 */

/** Adjusted p-values in the order given: the least of m p / k over the k-th smallest that are at least p. */
export function benjaminiHochberg(pValues: readonly number[]): number[] {
  const m = pValues.length;
  const descending = pValues.map((_, i) => i).sort((i, j) => pValues[j] - pValues[i]);
  const adjusted = new Array<number>(m);
  let smallest = 1;
  descending.forEach((original, i) => {
    smallest = Math.min(smallest, pValues[original] * (m / (m - i)));
    adjusted[original] = smallest;
  });
  return adjusted;
}
