/**
 * GBC: how little the classes overlap, each taken for a Gaussian in the features' principal directions.
 *
 * Purpose: the Bhattacharyya coefficient of two classes bounds the error of telling them apart; the score is minus its
 * sum over all pairs.
 * Formula: features are projected to their 64 directions of largest variance; class c has mean m_c and the mean of its
 * 64 variances v_c (spherical Gaussians, the authors' default); with v = (v_i + v_j) / 2 and d directions
 * D_ij = |m_i - m_j|^2 / (8 v) + d/2 log(v / sqrt(v_i v_j)) and GBC = -sum over i != j of exp(-D_ij), each pair counted
 * twice as in the authors' program. At most 0; larger is better. Variances are at least 1e-4, as theirs.
 * Reference: M. Pándy, A. Agostinelli, J. Uijlings, V. Ferrari & T. Mensink, "Transferability estimation using
 * Bhattacharyya class separability", CVPR 2022; program: google-research/stable_transfer.
 * Example: features 0, 1, 4, 5 of labels 0, 0, 1, 1 have means 4 apart and variances 0.25: -2 exp(-8) = -0.00067.
 */
import { invariant } from '../../util/errors.ts';
import { type Features, rowsByClass } from './features.ts';
import { principalComponents } from './principal-components.ts';

const DIRECTIONS = 64;
const LEAST_VARIANCE = 1e-4;

interface Spherical {
  readonly mean: Float64Array;
  readonly variance: number;
}

export function gbc(features: Features, labels: ArrayLike<number>): number {
  invariant(labels.length === features.rows, `${labels.length} labels of ${features.rows} images`);
  const components = principalComponents(features, DIRECTIONS);
  const classes = [...rowsByClass(labels).values()].map((rows) => gaussianOf(components, rows));
  let overlap = 0;
  for (const [i, one] of classes.entries())
    for (const other of classes.slice(0, i)) overlap += Math.exp(-bhattacharyya(one, other));
  // 0 rather than -0 for one class, which overlaps with none.
  return overlap === 0 ? 0 : -2 * overlap;
}

/** @param components the images' coordinates, a list per direction */
function gaussianOf(components: readonly Float64Array[], rows: readonly number[]): Spherical {
  const mean = Float64Array.from(components, (values) => average(rows, (row) => values[row]));
  const variances = components.map((values, k) =>
    Math.max(
      LEAST_VARIANCE,
      average(rows, (row) => (values[row] - mean[k]) ** 2),
    ),
  );
  return { mean, variance: variances.reduce((sum, value) => sum + value, 0) / variances.length };
}

function average(rows: readonly number[], value: (row: number) => number): number {
  return rows.reduce((sum, row) => sum + value(row), 0) / rows.length;
}

function bhattacharyya(a: Spherical, b: Spherical): number {
  const variance = (a.variance + b.variance) / 2;
  const distance = a.mean.reduce((sum, value, k) => sum + (value - b.mean[k]) ** 2, 0);
  const logs = Math.log(variance) - Math.log(a.variance * b.variance) / 2;
  return distance / (8 * variance) + (a.mean.length / 2) * logs;
}
