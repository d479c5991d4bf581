/**
 * Kendall's tau: how far two lists agree on the order of pairs.
 *
 * Purpose: (pairs in the same order - pairs in opposite order) / pairs, which says directly how often choosing the
 * better-scored of two models is right.
 * Reference: M. G. Kendall, "A new measure of rank correlation", 1938; with ties the form tau-b, M. G. Kendall, "Rank
 * correlation methods", 1970, which also has both p-values: exact without ties up to 50 pairs of values, else normal
 * with the variance corrected for ties.
 * Example: `kendall([1, 2, 3, 4], [1, 3, 2, 5])` has tau 0.667, p = 0.333.
 */
import jstat from 'jstat';
import { invariant } from '../util/errors.ts';
import type { Correlation } from './correlation.ts';

const MOST_EXACT = 50;

/** Tau-b of equally long lists of at least two numbers; NaN when one list is constant. */
export function kendall(x: readonly number[], y: readonly number[]): Correlation {
  const n = x.length;
  invariant(n === y.length && n > 1, `correlation of ${n} and ${y.length} values`);
  let [agreeing, opposite] = [0, 0];
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const sign = Math.sign(x[i] - x[j]) * Math.sign(y[i] - y[j]);
      if (sign > 0) agreeing++;
      else if (sign < 0) opposite++;
    }
  }
  const pairs = (n * (n - 1)) / 2;
  const [tiesX, tiesY] = [tieSums(x), tieSums(y)];
  const coefficient = Math.max(
    -1,
    Math.min(1, (agreeing - opposite) / Math.sqrt((pairs - tiesX.pairs) * (pairs - tiesY.pairs))),
  );
  if (Number.isNaN(coefficient)) return { coefficient, pValue: Number.NaN };
  if (tiesX.pairs === 0 && tiesY.pairs === 0 && n <= MOST_EXACT)
    return { coefficient, pValue: exactP(n, Math.min(agreeing, opposite)) };
  const m = n * (n - 1);
  const variance =
    (m * (2 * n + 5) - tiesX.linear - tiesY.linear) / 18 +
    (2 * tiesX.pairs * tiesY.pairs) / m +
    (n > 2 ? (tiesX.triples * tiesY.triples) / (9 * m * (n - 2)) : 0);
  const z = -Math.abs(agreeing - opposite) / Math.sqrt(variance);
  return { coefficient, pValue: Math.min(1, 2 * jstat.jStat.normal.cdf(z, 0, 1)) };
}

/** Over groups of t equal values: sums of t (t - 1) / 2, of t (t - 1) (t - 2) and of t (t - 1) (2 t + 5). */
function tieSums(values: readonly number[]) {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const sum = (term: (t: number) => number) => [...counts.values()].reduce((all, t) => all + term(t), 0);
  return {
    pairs: sum((t) => (t * (t - 1)) / 2),
    triples: sum((t) => t * (t - 1) * (t - 2)),
    linear: sum((t) => t * (t - 1) * (2 * t + 5)),
  };
}

/**
 * Twice the probability that a random order of n values has `fewer` inversions or less. Inserting the k-th value makes
 * 0 .. k - 1 more inversions, all equally likely, so the distribution is a sum of uniform ones.
 */
function exactP(n: number, fewer: number): number {
  let probability = [1];
  for (let k = 2; k <= n; k++) {
    const next = new Array<number>(probability.length + k - 1).fill(0);
    probability.forEach((p, inversions) => {
      for (let more = 0; more < k; more++) next[inversions + more] += p / k;
    });
    probability = next;
  }
  const tail = probability.slice(0, fewer + 1).reduce((sum, p) => sum + p, 0);
  return Math.min(1, 2 * tail);
}
