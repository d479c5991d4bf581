/** Differences of paired logits with their interval, as several parts of a study's document show them. */
import { adjusted, type Correction, pairedTTest } from '../../stats/index.ts';

export interface PairedDifference {
  readonly n: number;
  /** Mean of a - b. */
  readonly mean: number;
  /** 95%, from the t-distribution; null with one pair. */
  readonly interval: { readonly low: number; readonly high: number } | null;
  readonly pValue: number | null;
}

/** Mean of the differences of at least one pair, against 0. */
export function meanDifference(differences: readonly number[]): PairedDifference {
  const n = differences.length;
  const mean = differences.reduce((sum, x) => sum + x, 0) / n;
  if (n < 2) return { n, mean, interval: null, pValue: null };
  const { pValue, interval } = pairedTTest(
    differences,
    differences.map(() => 0),
  );
  return { n, mean, interval, pValue };
}

/** Items with the corrected p-values of those that have one, which form a family. */
export function withAdjustedP<T extends { readonly pValue: number | null }>(
  items: readonly T[],
  correction: Correction,
): (T & { adjustedP: number | null })[] {
  const known = items.flatMap(({ pValue }) => pValue ?? []);
  const corrected = adjusted(known, correction);
  let next = 0;
  return items.map((item) => ({ ...item, adjustedP: item.pValue === null ? null : corrected[next++] }));
}

/** The same of correlations, whose interval is cut off at -1 and 1. */
export function meanCorrelation(coefficients: readonly number[]): PairedDifference {
  const { interval, ...rest } = meanDifference(coefficients);
  return {
    ...rest,
    interval: interval && { low: Math.max(-1, interval.low), high: Math.min(1, interval.high) },
  };
}
