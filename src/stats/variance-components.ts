/**
 * How much of the variance of results is between cells and how much between seeds of the same cell.
 *
 * Purpose: two or three seeds say little about the spread of one cell, but all cells together say what a seed does on
 * average. That component belongs beside a paired test, which takes each model's result as fixed.
 * Reference: the one-way random-effects analysis of variance by moments: S. R. Searle, G. Casella & C. E. McCulloch,
 * "Variance components", 1992, section 3.6 (unequal numbers per group).
 * Example: `varianceComponents([[1, 3], [5, 7]])` has within 2 and between 7.
 */
import { invariant } from '../util/errors.ts';

export interface VarianceComponents {
  /** Of one seed's result around its cell's mean. */
  readonly within: number;
  readonly withinDegreesOfFreedom: number;
  /** Of the cells' true results, without what seeds add; 0 where the estimate is negative. */
  readonly between: number;
  /** within / (within + between): the share of the variance that is due to seeds; NaN when nothing varies. */
  readonly seedShare: number;
}

/** `groups[c]`: results of cell c, one per seed, on an additive scale (logits). Two cells, and one with two seeds. */
export function varianceComponents(groups: readonly (readonly number[])[]): VarianceComponents {
  const n = groups.reduce((sum, group) => sum + group.length, 0);
  const withinDegreesOfFreedom = n - groups.length;
  invariant(
    groups.length > 1 && withinDegreesOfFreedom > 0 && groups.every((group) => group.length > 0),
    'variance components need two cells or more, none empty, and one with two seeds or more',
  );
  const means = groups.map(mean);
  const centre = mean(groups.flat());
  const squaresWithin = groups.reduce(
    (sum, group, g) => sum + group.reduce((inner, value) => inner + (value - means[g]) ** 2, 0),
    0,
  );
  const squaresBetween = groups.reduce((sum, group, g) => sum + group.length * (means[g] - centre) ** 2, 0);
  const within = squaresWithin / withinDegreesOfFreedom;
  const squaredSizes = groups.reduce((sum, group) => sum + group.length ** 2, 0);
  const effectiveSize = (n - squaredSizes / n) / (groups.length - 1);
  const between = Math.max(0, (squaresBetween / (groups.length - 1) - within) / effectiveSize);
  return { within, withinDegreesOfFreedom, between, seedShare: within / (within + between) };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
