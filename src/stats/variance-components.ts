/**
 * How much of the variance of results is between cells and how much between seeds of the same cell.
 *
 * Purpose: two or three seeds say little about the spread of one cell, but all cells together say what a seed does on
 * average. That component belongs beside a paired test, which takes each model's result as fixed.
 * Reference: the one-way random-effects analysis of variance by moments: S. R. Searle, G. Casella & C. E. McCulloch,
 * "Variance components", 1992, section 3.6 (unequal numbers per group); with blocks, the same around each block's mean.
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

/**
 * @param groups `groups[c]`: results of cell c, one per seed, on an additive scale (logits). One cell has two seeds.
 * @param blocks the block of each cell, such as its data set: cells are compared within it alone, so that what blocks
 *   differ by is left out. Without them all cells are compared. One block has two cells.
 */
export function varianceComponents(
  groups: readonly (readonly number[])[],
  blocks: readonly (string | number)[] = groups.map(() => 0),
): VarianceComponents {
  const n = groups.reduce((sum, group) => sum + group.length, 0);
  const names = [...new Set(blocks)];
  const withinDegreesOfFreedom = n - groups.length;
  const betweenDegreesOfFreedom = groups.length - names.length;
  invariant(
    betweenDegreesOfFreedom > 0 && withinDegreesOfFreedom > 0 && groups.every((group) => group.length > 0),
    'variance components need two cells or more of a block, none empty, and one with two seeds or more',
  );
  const squaresWithin = sumOver(groups, (group) => squaresAround(mean(group), group));
  const within = squaresWithin / withinDegreesOfFreedom;
  const inBlocks = names.map((name) => groups.filter((_, c) => blocks[c] === name));
  const squaresBetween = sumOver(inBlocks, (cells) => {
    const centre = mean(cells.flat());
    return sumOver(cells, (group) => group.length * (mean(group) - centre) ** 2);
  });
  const sharedSize = sumOver(inBlocks, (cells) => {
    return sumOver(cells, (group) => group.length ** 2) / cells.flat().length;
  });
  const effectiveSize = (n - sharedSize) / betweenDegreesOfFreedom;
  const between = Math.max(0, (squaresBetween / betweenDegreesOfFreedom - within) / effectiveSize);
  return { within, withinDegreesOfFreedom, between, seedShare: within / (within + between) };
}

function sumOver<T>(items: readonly T[], term: (item: T) => number): number {
  return items.reduce((sum, item) => sum + term(item), 0);
}

function squaresAround(centre: number, values: readonly number[]): number {
  return sumOver(values, (value) => (value - centre) ** 2);
}

function mean(values: readonly number[]): number {
  return sumOver(values, (value) => value) / values.length;
}
