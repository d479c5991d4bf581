/**
 * Pearson's and Spearman's correlation, for example of source accuracy with transfer accuracy.
 *
 * Purpose: r measures how far the points lie on a line, rho how far the order agrees.
 * Reference: K. Pearson, 1895; C. Spearman, "The proof and measurement of association between two things",
 * 1904. The p-value is that of t = r sqrt((n - 2) / (1 - r^2)) with n - 2 degrees of freedom: exact for r
 * of normal data, an approximation for rho, which is therefore tested by all orders where there are few.
 * Example: `pearson([1, 2, 3, 4], [1, 3, 2, 5])` has r = 0.832, p = 0.168; `spearman` of the same 0.8, 0.333.
 */
import { invariant } from '../util/errors.ts';
import { twoSidedP } from './student-t.ts';

export interface Correlation {
  /** -1 .. 1; NaN when one list is constant. */
  readonly coefficient: number;
  /** Two-sided, of no correlation; NaN where the coefficient is, and for two points, which always lie on a line. */
  readonly pValue: number;
}

/** Pearson's r of equally long lists of at least two numbers. */
export function pearson(x: readonly number[], y: readonly number[]): Correlation {
  invariant(x.length === y.length && x.length > 1, `correlation of ${x.length} and ${y.length} values`);
  const [u, v] = [centred(x), centred(y)];
  const product = dot(u, v) / Math.sqrt(dot(u, u) * dot(v, v));
  const coefficient = Math.max(-1, Math.min(1, product));
  const degreesOfFreedom = x.length - 2;
  if (degreesOfFreedom === 0 || Number.isNaN(coefficient)) return { coefficient, pValue: Number.NaN };
  const t = coefficient * Math.sqrt(degreesOfFreedom / ((1 - coefficient) * (1 + coefficient)));
  return { coefficient, pValue: twoSidedP(t, degreesOfFreedom) };
}

/** Up to so many pairs the p-value of rho is exact. */
const MOST_EXACT = 9;

/** Spearman's rho: Pearson's r of the ranks, ties sharing the mean of their ranks. */
export function spearman(x: readonly number[], y: readonly number[]): Correlation {
  const [u, v] = [ranks(x), ranks(y)];
  const { coefficient, pValue } = pearson(u, v);
  if (Number.isNaN(pValue)) return { coefficient, pValue };
  if (x.length <= MOST_EXACT) return { coefficient, pValue: exactP(u, v) };
  // Of n! orders two at least are as extreme as any; the approximation has 0 where the orders agree.
  const least = 2 / u.reduce((product, _, i) => product * (i + 1), 1);
  return { coefficient, pValue: Math.max(pValue, least) };
}

/**
 * The share of all orders of the ranks v whose rho with u is at least as far from 0. By subsets of v: to the first k
 * of u belong k of v, and the orders of these count only by the sum of products, on which rho depends.
 */
function exactP(u: readonly number[], v: readonly number[]): number {
  const n = u.length;
  // Ranks doubled are whole, and so is the mean of the sums over all orders: ties are found exactly.
  const mean = n * (n + 1) ** 2;
  let level = new Map([[0, new Map([[-mean, 1]])]]);
  for (const rank of u) {
    const longer: typeof level = new Map();
    for (const [used, sums] of level) {
      for (let j = 0; j < n; j++) {
        const subset = used | (1 << j);
        if (subset === used) continue;
        const counts = longer.get(subset) ?? new Map<number, number>();
        longer.set(subset, counts);
        for (const [sum, count] of sums) {
          const longerSum = sum + 4 * rank * v[j];
          counts.set(longerSum, (counts.get(longerSum) ?? 0) + count);
        }
      }
    }
    level = longer;
  }
  const observed = Math.abs(4 * dot(u, v) - mean);
  let [extreme, all] = [0, 0];
  for (const [sum, count] of level.get(2 ** n - 1) ?? []) {
    all += count;
    if (Math.abs(sum) >= observed) extreme += count;
  }
  return extreme / all;
}

/** `[10, 30, 30]` has ranks `[1, 2.5, 2.5]`. */
export function ranks(values: readonly number[]): number[] {
  const ascending = values.map((_, i) => i).sort((i, j) => values[i] - values[j]);
  const result = new Array<number>(values.length);
  for (let from = 0; from < ascending.length; ) {
    let to = from;
    while (to < ascending.length && values[ascending[to]] === values[ascending[from]]) to++;
    for (let i = from; i < to; i++) result[ascending[i]] = (from + 1 + to) / 2;
    from = to;
  }
  return result;
}

/** The deviations from the mean; exactly 0 for a constant list, whose mean may be rounded. */
function centred(values: readonly number[]): number[] {
  if (values.every((value) => value === values[0])) return values.map(() => 0);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.map((value) => value - mean);
}

function dot(u: readonly number[], v: readonly number[]): number {
  return u.reduce((sum, value, i) => sum + value * v[i], 0);
}
