/**
 * TransRate: how many more nats the features of all images need than those of one class do.
 *
 * Purpose: an estimate of the mutual information of features and labels by coding rates: large where the features are
 * complete (all of them vary much) and compact (those of one class vary little).
 * Formula: R(Z) = 1/2 log |I + Z'Z / (n e)|, Z the centred features [n, d], e = 1e-4 the precision;
 * TransRate = R(Z) - sum over classes of n_c/n R(Z_c), Z_c being the class' rows of Z. Larger is better.
 * Reference: L.-K. Huang, J. Huang, Y. Rong, Q. Yang & Y. Wei, "Frustratingly easy transferability estimation", ICML 2022.
 * Their listing takes the plain mean over classes, which is the same when all are equally frequent. It depends on the
 * features' scale, which networks differ in.
 * Example: features -1, 1 of labels 0, 1 need log(1 + 10^4) / 2 nats together and either class as much: 0.
 */
import { CholeskyDecomposition, EigenvalueDecomposition, type Matrix } from 'ml-matrix';
import { invariant } from '../../util/errors.ts';
import { type Features, rowsByClass } from './features.ts';

const PRECISION = 1e-4;
/** Trace of Z'Z / (n e) up to which the least eigenvalue of I + Z'Z / (n e), which is 1, is more than rounding. */
const LARGEST_TRACE = 1e12;
/** Eigenvalues below this share of the largest are rounding. */
const SMALLEST_EIGENVALUE = 1e-12;

export function transRate(features: Features, labels: ArrayLike<number>): number {
  const { rows, mean } = features;
  invariant(labels.length === rows, `${labels.length} labels of ${rows} images`);
  let rate = codingRate(features.centredGram(), rows);
  for (const members of rowsByClass(labels).values())
    rate -= (members.length / rows) * codingRate(features.part(members, mean).gram, members.length);
  return rate;
}

/** @param gram Z'Z or ZZ': the determinant is the same, as other eigenvalues are 0 */
function codingRate(gram: Matrix, images: number): number {
  const matrix = gram.clone().mul(1 / (images * PRECISION));
  if (matrix.trace() > LARGEST_TRACE) return rateByEigenvalues(matrix);
  for (let i = 0; i < matrix.rows; i++) matrix.set(i, i, matrix.get(i, i) + 1);
  const factor = new CholeskyDecomposition(matrix).lowerTriangularMatrix;
  // Half of the logarithm of the squared product of the factor's diagonal.
  return factor.diagonal().reduce((sum, value) => sum + Math.log(value), 0);
}

/** The same where the identity would be lost in the rounding of large features. */
function rateByEigenvalues(matrix: Matrix): number {
  const { realEigenvalues } = new EigenvalueDecomposition(matrix, { assumeSymmetric: true });
  const least = SMALLEST_EIGENVALUE * Math.max(...realEigenvalues);
  return realEigenvalues.reduce((sum, value) => sum + (value < least ? 0 : Math.log1p(value) / 2), 0);
}
