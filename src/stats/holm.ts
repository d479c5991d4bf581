/**
 * Holm's correction of p-values for multiple comparisons.
 *
 * Purpose: comparing the best model with ten others at p < .05 each errs far more often than one time in
 * twenty. Rejecting where the adjusted value is below alpha keeps the chance of any false rejection below
 * alpha, whatever the dependence between the tests, and is never weaker than Bonferroni's correction.
 * Reference: S. Holm, "A simple sequentially rejective multiple test procedure", 1979.
 * Example: `holm([0.01, 0.04, 0.03])` is [0.03, 0.06, 0.06].
 */

/** Adjusted p-values in the order given: the i-th smallest of m times (m - i), made monotone, at most 1. */
export function holm(pValues: readonly number[]): number[] {
  const m = pValues.length;
  const ascending = pValues.map((_, i) => i).sort((i, j) => pValues[i] - pValues[j]);
  const adjusted = new Array<number>(m);
  let largest = 0;
  ascending.forEach((original, rank) => {
    largest = Math.max(largest, Math.min(1, pValues[original] * (m - rank)));
    adjusted[original] = largest;
  });
  return adjusted;
}
