/**
 * The least-squares line through points, and the band around it.
 *
 * Purpose: the line of transfer accuracy over source accuracy, with the 95% band in which the line would lie if other
 * models had been drawn. The band is of the line, not of single points.
 * Reference: the pairs bootstrap of B. Efron & R. Tibshirani, "An introduction to the bootstrap", 1993, section 9.5;
 * shown around the lines of Kornblith, Shlens & Le, "Do better ImageNet models transfer better?", 2019, figure 2.
 * Example: `regressionLine([0, 1, 2], [1, 2, 6])` has slope 2.5 and intercept 0.5.
 */
import { invariant } from '../util/errors.ts';
import { type BootstrapOptions, bootstrapIntervals } from './bootstrap.ts';

export interface RegressionLine {
  /** NaN when all x are equal. */
  readonly slope: number;
  readonly intercept: number;
}

/** The line y = intercept + slope x with the least sum of squared errors in y. */
export function regressionLine(x: readonly number[], y: readonly number[]): RegressionLine {
  invariant(x.length === y.length && x.length > 1, `a line through ${x.length} and ${y.length} values`);
  if (x.every((value) => value === x[0])) return { slope: Number.NaN, intercept: Number.NaN };
  const meanX = x.reduce((sum, value) => sum + value, 0) / x.length;
  const meanY = y.reduce((sum, value) => sum + value, 0) / y.length;
  let [products, squares] = [0, 0];
  for (let i = 0; i < x.length; i++) {
    products += (x[i] - meanX) * (y[i] - meanY);
    squares += (x[i] - meanX) ** 2;
  }
  const slope = products / squares;
  return { slope, intercept: meanY - slope * meanX };
}

export interface BandPoint {
  readonly x: number;
  /** Of the line through all points. */
  readonly y: number;
  readonly low: number;
  readonly high: number;
}

/**
 * The line and its bootstrap band at the given places. Pairs are drawn with replacement; draws that have one x only
 * are drawn again. `low` and `high` bound the line at each x for itself.
 * @param x, y equally long; x not constant
 */
export function regressionBand(
  x: readonly number[],
  y: readonly number[],
  at: readonly number[],
  options: BootstrapOptions = {},
): BandPoint[] {
  const line = regressionLine(x, y);
  invariant(!Number.isNaN(line.slope), 'the band of a line through points above each other');
  const heights = (rows: Int32Array) => {
    const drawnX = Array.from(rows, (i) => x[i]);
    const { slope, intercept } = regressionLine(
      drawnX,
      Array.from(rows, (i) => y[i]),
    );
    return Number.isNaN(slope) ? null : at.map((place) => intercept + slope * place);
  };
  const intervals = bootstrapIntervals(x.length, heights, options);
  return at.map((place, k) => ({ x: place, y: line.intercept + line.slope * place, ...intervals[k] }));
}
