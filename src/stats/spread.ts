/**
 * The spread of one result over seeds.
 *
 * Purpose: the same cell run again with another seed gives another accuracy; a difference smaller than that means little.
 * Example: `spread([0.9, 0.92])` has mean 0.91 and standard deviation 0.0141.
 */
import { invariant } from '../util/errors.ts';

export interface Spread {
  readonly n: number;
  readonly mean: number;
  /** With n - 1 in the denominator; NaN for a single value, which shows no spread. */
  readonly standardDeviation: number;
  readonly low: number;
  readonly high: number;
}

/** Mean, standard deviation and range of at least one value. */
export function spread(values: readonly number[]): Spread {
  invariant(values.length > 0, 'the spread of no values');
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {
    n,
    mean,
    standardDeviation: Math.sqrt(squares / (n - 1)),
    low: Math.min(...values),
    high: Math.max(...values),
  };
}
