/**
 * LogME: how probable a linear model of the features makes the labels, with nothing left to choose.
 *
 * Purpose: the evidence p(y | F) of a Bayesian linear regression of each class (1 for its images, 0 for others) on the
 * features, at the prior's and the noise's best precision: a fit that does not reward more features by itself.
 * Formula: weights w ~ N(0, I / alpha), y ~ N(Fw, I / beta); with A = alpha I + beta F'F and m = beta A^-1 F'y,
 *   log p(y | F) = n/2 log beta + d/2 log alpha - n/2 log 2 pi - beta/2 |Fm - y|^2 - alpha/2 |m|^2 - 1/2 log |A|.
 * Of alpha and beta only t = alpha / beta matters for m; its fixed point gives the maximum:
 *   gamma = sum sigma / (sigma + t), alpha = gamma / |m|^2, beta = (n - gamma) / |Fm - y|^2, over eigenvalues sigma of F'F.
 * LogME is the mean over classes of log p / n; larger is better.
 * Reference: K. You, Y. Liu, J. Wang & M. Long, "LogME: practical assessment of pre-trained models for transfer learning",
 * ICML 2021; the fixed point and its convergence: K. You et al., "Ranking and tuning pre-trained models", JMLR 2022.
 * With fewer images than features the eigenvectors are those of FF'. The authors' program then leaves d - n times
 * log(alpha) / 2 too much in the evidence, which here is that of the formula.
 * Example: features [[1, 0], [1, 0], [0, 1], [0, 1], [0.6, 0.6]] of labels 0, 0, 1, 1, 1 give -0.128.
 */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { invariant } from '../../util/errors.ts';
import { addTo, type Features, rowsByClass } from './features.ts';

const ITERATIONS = 1000;
/** Relative change of t at which it counts as found; the evidence is flat there. */
const TOLERANCE = 1e-7;
/** Eigenvalues below this share of the largest are rounding. */
const SMALLEST_EIGENVALUE = 1e-12;
/** Least share of the labels' squares that is taken for noise: without any the evidence is infinite. */
const LEAST_NOISE = 1e-10;

/** Mean over the classes that have images. `labels[i]` is the class of row i. */
export function logme(features: Features, labels: ArrayLike<number>): number {
  invariant(labels.length === features.rows, `${labels.length} labels of ${features.rows} images`);
  return meanEvidence(features, [...rowsByClass(labels).values()]);
}

/**
 * The same where an image can have several classes: a regression per class, on whether the image has it.
 * @param labels [rows, classes] of 0 and 1
 */
export function logmeOfMultiLabel(features: Features, labels: ArrayLike<number>): number {
  const classes = labels.length / features.rows;
  const members = Array.from({ length: classes }, (_, c) =>
    Array.from({ length: features.rows }, (_, i) => i).filter((i) => labels[i * classes + c] === 1),
  );
  return meanEvidence(
    features,
    members.filter(({ length }) => length > 0),
  );
}

/** @param members rows of each class */
function meanEvidence(features: Features, members: readonly (readonly number[])[]): number {
  const { eigenvalues, project } = decomposed(features);
  const evidences = members.map((rows) => evidenceOf(eigenvalues, project(rows), rows.length, features.rows));
  return evidences.reduce((sum, value) => sum + value, 0) / evidences.length;
}

interface Decomposed {
  /** Those of F'F above 0. */
  readonly eigenvalues: Float64Array;
  /** Squared products of a class' indicator with the left singular vectors of F. */
  project(rows: readonly number[]): Float64Array;
}

function decomposed(features: Features): Decomposed {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(features.gram, {
    assumeSymmetric: true,
  });
  const least = SMALLEST_EIGENVALUE * Math.max(...realEigenvalues);
  const kept = realEigenvalues.map((_, i) => i).filter((i) => realEigenvalues[i] > least);
  const eigenvalues = Float64Array.from(kept, (i) => realEigenvalues[i]);
  const vectors = eigenvectorMatrix.transpose();
  const squares = (projections: (vector: number) => number) =>
    Float64Array.from(kept, (i) => projections(i) ** 2);
  if (features.isWide) {
    const project = (rows: readonly number[]) =>
      squares((i) => rows.reduce((sum, row) => sum + vectors.get(i, row), 0));
    return { eigenvalues, project };
  }
  // u = Fv / sqrt(sigma), so u'y = v'(F'y) / sqrt(sigma); F'y is the sum of the class' rows.
  const project = (rows: readonly number[]) => {
    const sum = new Float64Array(features.columns);
    for (const row of rows) addTo(sum, features.row(row), 1);
    const products = vectors.mmul(Matrix.columnVector(sum));
    return squares((i) => products.get(i, 0) / Math.sqrt(realEigenvalues[i]));
  };
  return { eigenvalues, project };
}

/**
 * log p(y | F) / n at its maximum.
 * @param eigenvalues of F'F, above 0
 * @param squares of the products of y with the left singular vectors
 * @param norm of y, squared
 */
function evidenceOf(eigenvalues: Float64Array, squares: Float64Array, norm: number, n: number): number {
  const rank = eigenvalues.length;
  // Features that are at right angles to the labels: all is noise.
  if (squares.every((square) => square === 0)) return (Math.log(n / norm) - 1 - Math.log(2 * Math.PI)) / 2;
  const inside = squares.reduce((sum, square) => sum + square, 0);
  const outside = rank < n ? Math.max(LEAST_NOISE * norm, norm - inside) : 0;
  const at = (t: number): Moments => {
    let [free, weights, noise, logs] = [n - rank, 0, outside, 0];
    for (let i = 0; i < rank; i++) {
      const shrink = t + eigenvalues[i];
      free += t / shrink;
      weights += (eigenvalues[i] * squares[i]) / shrink ** 2;
      noise += squares[i] * (t / shrink) ** 2;
      logs += Math.log(shrink);
    }
    return { free, weights, noise, logs };
  };
  /** The evidence at t with the best beta there, n / (|Fm - y|^2 + t |m|^2). */
  const evidence = (t: number) => {
    const { weights, noise, logs } = at(t);
    const beta = n / (noise + t * weights);
    return (n * Math.log(beta / (2 * Math.PI)) + rank * Math.log(t) - logs - n) / (2 * n);
  };
  // The evidence may have several maxima, so that the fixed point is sought from the highest of many places. At either
  // end it has come to rest: labels without any noise, or features that say nothing of them.
  const starts = scalesOf(eigenvalues);
  let t = starts.reduce((best, start) => (evidence(start) > evidence(best) ? start : best));
  if (t === starts[0] || t === starts[starts.length - 1]) return evidence(t);
  for (let i = 0; i < ITERATIONS; i++) {
    const { free, weights, noise } = at(t);
    const next = ((n - free) * noise) / (weights * free);
    const change = Math.abs(next - t) / t;
    t = next;
    if (change <= TOLERANCE) break;
  }
  return evidence(t);
}

interface Moments {
  /** n - gamma. */
  readonly free: number;
  /** |m|^2 */
  readonly weights: number;
  /** |Fm - y|^2 */
  readonly noise: number;
  /** sum log (t + sigma) */
  readonly logs: number;
}

/** From far below the smallest eigenvalue to far above the largest, a factor of 10^(1/4) apart. */
function scalesOf(eigenvalues: Float64Array): number[] {
  const low = Math.log10(Math.min(...eigenvalues)) - 9;
  const high = Math.log10(Math.max(...eigenvalues)) + 9;
  return Array.from({ length: Math.ceil(4 * (high - low)) + 1 }, (_, i) => 10 ** (low + i / 4));
}
