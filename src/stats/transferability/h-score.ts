/**
 * H-score: how far the classes' mean features lie apart, measured by how the features vary.
 *
 * Purpose: large where features differ between classes and little within, and not redundant; it is the best that a
 * linear head reaches in a local approximation of the log-loss.
 * Formula: H = trace(S^-1 B), S the features' covariance and B that of the class means, both with 1/n. With fewer
 * images than the covariance needs S is taken a part of the way to a multiple of the identity (Ledoit & Wolf):
 * S_a = (1 - a) S + a trace(S)/d I and H_a = (1 - a) trace(S_a^-1 B). Larger is better; at most classes - 1.
 * Reference: Y. Bao et al., "An information-theoretic approach to transferability in task transfer learning", ICIP 2019;
 * shrinkage: S. Ibrahim, N. Ponomareva & R. Mazumder, "Newer is not always better: rethinking transferability metrics",
 * 2021; its amount: O. Ledoit & M. Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", 2004.
 * Example: features 0, 1, 4, 5 of labels 0, 0, 1, 1 have S = 4.25 and B = 4: H = 0.941 (one feature is never shrunk).
 */
import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import { invariant } from '../../util/errors.ts';
import { addTo, type Features, rowsByClass } from './features.ts';

/** Of the identity in the covariance: what does not vary at all is left out by it, as by a pseudo-inverse. */
const LEAST_SHARE = 1e-9;

/** Share of the covariance's squares below which a difference of two of them is rounding. */
const ROUNDING = 1e-12;

/** @param shrinkage 0..1; by Ledoit and Wolf's formula unless stated, 0 for the score of Bao et al. */
export function hScore(features: Features, labels: ArrayLike<number>, shrinkage?: number): number {
  const { rows, columns } = features;
  invariant(labels.length === rows, `${labels.length} labels of ${rows} images`);
  const gram = features.centredGram();
  const share = shrinkage ?? ledoitWolf(features, gram);
  const spread = gram.trace() / rows / columns;
  // Features that are all constant tell no classes apart; all shrinkage leaves nothing of them.
  if (spread === 0 || share === 1) return 0;
  const covariance = gram.clone().mul((1 - share) / rows);
  const identity = Math.max(share, LEAST_SHARE) * spread;
  for (let i = 0; i < covariance.rows; i++) covariance.set(i, i, covariance.get(i, i) + identity);
  const between = features.isWide ? classAverages(gram, labels) : classMeans(features, labels);
  const solved = new CholeskyDecomposition(covariance).solve(between.transpose());
  return (1 - share) * traceOfProduct(features.isWide ? classIndicators(labels) : between, solved);
}

/**
 * The share of the way from the sample covariance to a multiple of the identity that leaves the least expected error.
 * @param gram of the centred features, the smaller of both kinds
 */
export function ledoitWolf(features: Features, gram = features.centredGram()): number {
  const { rows: n, columns: d, mean } = features;
  const trace = gram.trace() / n;
  // |S|^2 is the same for both Gram matrices.
  const squares = gram.norm('frobenius') ** 2 / n ** 2;
  let fourth = 0;
  for (let i = 0; i < n; i++) {
    const row = features.row(i);
    let norm = 0;
    for (let j = 0; j < d; j++) norm += (row[j] - mean[j]) ** 2;
    fourth += norm ** 2 / n;
  }
  const distance = squares - trace ** 2 / d;
  // The covariance is such a multiple already, as that of one feature always is.
  if (distance <= ROUNDING * squares) return 0;
  return Math.min(Math.max(0, (fourth - squares) / n) / distance, 1);
}

/** Centred mean of each class times the root of its share of the images: [classes, columns], so that B = M'M. */
function classMeans(features: Features, labels: ArrayLike<number>): Matrix {
  const { rows, columns, mean } = features;
  return new Matrix(
    [...rowsByClass(labels).values()].map((members) => {
      const centre = new Float64Array(columns);
      for (const row of members) addTo(centre, features.row(row), 1 / members.length);
      addTo(centre, mean, -1);
      return centre.map((value) => value * Math.sqrt(members.length / rows));
    }),
  );
}

/**
 * For more features than images: with P such that M = PZ and K = ZZ', M S_a^-1 M' = P K (s I + c K)^-1 P', s and c being
 * the factors in S_a. This is P, [classes, images].
 */
function classIndicators(labels: ArrayLike<number>): Matrix {
  const members = [...rowsByClass(labels).values()];
  const indicators = Matrix.zeros(members.length, labels.length);
  for (const [c, rows] of members.entries())
    for (const row of rows) indicators.set(c, row, 1 / Math.sqrt(rows.length * labels.length));
  return indicators;
}

/** PK, [classes, images]. */
function classAverages(gram: Matrix, labels: ArrayLike<number>): Matrix {
  return classIndicators(labels).mmul(gram);
}

/** trace(AB) of A [r, c] and B [c, r]. */
function traceOfProduct(a: Matrix, b: Matrix): number {
  let sum = 0;
  for (let i = 0; i < a.rows; i++) for (let j = 0; j < a.columns; j++) sum += a.get(i, j) * b.get(j, i);
  return sum;
}
