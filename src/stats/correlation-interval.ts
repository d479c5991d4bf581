/**
 * Confidence intervals of a correlation coefficient.
 *
 * Purpose: sixteen models, let alone eight, leave much room around r = .96; the interval shows how much. The
 * formula assumes normal data (rank data for rho), the bootstrap assumes that models are a random sample.
 * Reference: R. A. Fisher, "On the probable error of a coefficient of correlation deduced from a small sample",
 * 1921: atanh r is nearly normal with variance 1 / (n - 3); for rho (1 + rho^2 / 2) / (n - 3), D. G. Bonett &
 * T. A. Wright, "Sample size requirements for estimating Pearson, Kendall and Spearman correlations", 2000.
 * Example: `fisherInterval(0.96, 16)` is { low: 0.886, high: 0.986 }.
 */
import jstat from 'jstat';
import { invariant } from '../util/errors.ts';
import { type BootstrapOptions, bootstrapIntervals } from './bootstrap.ts';
import type { Correlation } from './correlation.ts';
import type { Interval } from './intervals.ts';

/**
 * Fisher's interval of Pearson's r (or, by `kind`, of Spearman's rho) of n pairs: tanh(atanh r -+ z sd).
 * Both ends are r itself where it is -1 or 1.
 * @param n at least 4
 * @param confidence coverage, between 0 and 1
 */
export function fisherInterval(
  coefficient: number,
  n: number,
  { kind = 'pearson', confidence = 0.95 }: { kind?: 'pearson' | 'spearman'; confidence?: number } = {},
): Interval {
  invariant(n > 3, `Fisher's interval needs four pairs or more, given ${n}`);
  invariant(Math.abs(coefficient) <= 1, `a correlation of ${coefficient}`);
  invariant(confidence > 0 && confidence < 1, `confidence ${confidence} is not between 0 and 1`);
  if (Math.abs(coefficient) === 1) return { low: coefficient, high: coefficient };
  const variance = (kind === 'pearson' ? 1 : 1 + coefficient ** 2 / 2) / (n - 3);
  const half = jstat.jStat.normal.inv(0.5 + confidence / 2, 0, 1) * Math.sqrt(variance);
  const centre = Math.atanh(coefficient);
  return { low: Math.tanh(centre - half), high: Math.tanh(centre + half) };
}

/**
 * Percentile bootstrap over pairs of any coefficient, for example `pearson` or `spearman`. Resamples on which it is
 * not defined (one list constant) are drawn again.
 * @param x, y equally long, neither constant
 */
export function correlationBootstrap(
  x: readonly number[],
  y: readonly number[],
  correlation: (x: readonly number[], y: readonly number[]) => Pick<Correlation, 'coefficient'>,
  options: BootstrapOptions = {},
): Interval {
  invariant(!Number.isNaN(correlation(x, y).coefficient), 'bootstrap of a correlation with a constant');
  const statistic = (rows: Int32Array) => {
    const drawnX = Array.from(rows, (i) => x[i]);
    const { coefficient } = correlation(
      drawnX,
      Array.from(rows, (i) => y[i]),
    );
    return Number.isNaN(coefficient) ? null : [coefficient];
  };
  return bootstrapIntervals(x.length, statistic, options)[0];
}
