/**
 * The data of a logistic regression, brought into coordinates in which it is quick to solve.
 *
 * Two changes of coordinates leave the problem exactly as it is:
 * - The mean of the training features is taken out. The bias is not penalised, so w'x + b and
 *   w'(x - mean) + (b + w'mean) cost the same. Features after a rectifier have means far from 0, which
 *   otherwise tie the bias and all weights together and slow every gradient method down.
 * - With fewer than half as many images as features, features are replaced by their coordinates in an
 *   orthonormal basis of the rows. A part of w outside the span of the rows changes no prediction and is
 *   penalised, so the solution has none, and inside an orthonormal basis keeps |w|.
 */
import { invariant } from '../util/errors.ts';
import { addMultiple, dot, norm } from './vectors.ts';

/**
 * `multinomial`: every image has one class. `binary`: every class is a problem of its own, present or absent, with its
 * own weights; the problems share features and penalty and are solved side by side.
 */
export type LogisticKind = 'multinomial' | 'binary';

/** Penultimate features with their classes. */
export interface LabelledFeatures {
  /** images x columns, row-major. */
  readonly features: Float32Array;
  /**
   * Multinomial: the class of each image. Binary: images x classes, row-major, of 1 (present), 0 (absent) and -1 (left
   * out of the class's problem).
   */
  readonly labels: Int32Array;
}

export interface LogisticProblem {
  readonly kind: LogisticKind;
  readonly classes: number;
  /** Number of images. */
  readonly images: number;
  /** Number of columns of `features`, after the change of coordinates. */
  readonly columns: number;
  /** images x columns, row-major; every column has mean 0. */
  readonly features: Float32Array;
  /** As given, see `LabelledFeatures`. */
  readonly labels: Int32Array;
  /** Sum over the images of each column's squares. */
  readonly columnSquares: Float64Array;
  /** Root mean square length of a row; 1 when all rows are 0. */
  readonly rowLength: number;
  /** Features of other images (images x columns as given) in the coordinates of the problem. */
  reduce(features: Float32Array): Float32Array;
  /** Translates weights (classes x columns, row-major) and biases back to the features that were given. */
  restore(weights: Float64Array, bias: Float64Array): { weights: Float64Array; bias: Float64Array };
}

export function prepareProblem(
  { features, labels }: LabelledFeatures,
  classes: number,
  kind: LogisticKind = 'multinomial',
): LogisticProblem {
  const images = kind === 'binary' ? labels.length / classes : labels.length;
  const given = features.length / images;
  invariant(images > 0 && Number.isInteger(given), `${features.length} features of ${images} images`);
  const [least, most] = kind === 'binary' ? [-1, 1] : [0, classes - 1];
  invariant(
    labels.every((label) => label >= least && label <= most),
    `a label is outside ${least}..${most}`,
  );
  const mean = columnMeans(features, images, given);
  const centred = minusMean(features, mean);
  const directions = 2 * images <= given ? rowBasis(rowsOf(centred, given)) : [];
  // Features that are the same for all images, as of a network that died, span nothing: they stay as they are.
  const basis = directions.length > 0 ? directions : undefined;
  const reduced = basis ? coordinates(centred, given, basis) : centred;
  const columnSquares = squaresOf(reduced, basis?.length ?? given);
  return {
    kind,
    classes,
    images,
    columns: basis?.length ?? given,
    features: reduced,
    labels,
    columnSquares,
    rowLength: Math.sqrt(columnSquares.reduce((sum, squares) => sum + squares, 0) / images) || 1,
    reduce(others) {
      const moved = minusMean(others, mean);
      return basis ? coordinates(moved, given, basis) : moved;
    },
    restore(reducedWeights, reducedBias) {
      const weights = basis ? combine(reducedWeights, classes, basis, given) : reducedWeights.slice();
      const bias = reducedBias.map((b, k) => b - dot(weights.subarray(k * given, (k + 1) * given), mean));
      return { weights, bias };
    },
  };
}

function columnMeans(features: Float32Array, images: number, columns: number): Float64Array {
  const means = new Float64Array(columns);
  for (let start = 0; start < features.length; start += columns)
    for (let j = 0; j < columns; j++) means[j] += features[start + j];
  return means.map((sum) => sum / images);
}

function minusMean(features: Float32Array, mean: Float64Array): Float32Array {
  const result = new Float32Array(features.length);
  for (let start = 0; start < features.length; start += mean.length)
    for (let j = 0; j < mean.length; j++) result[start + j] = features[start + j] - mean[j];
  return result;
}

/** Sum of the squares of each column. */
export function squaresOf(features: Float32Array, columns: number): Float64Array {
  const squares = new Float64Array(columns);
  for (let start = 0; start < features.length; start += columns)
    for (let j = 0; j < columns; j++) squares[j] += features[start + j] ** 2;
  return squares;
}

/** The rows of a matrix, one at a time, in float64. */
export function* rowsOf(matrix: Float32Array, columns: number): Generator<Float64Array> {
  for (let start = 0; start < matrix.length; start += columns)
    yield new Float64Array(matrix.subarray(start, start + columns));
}

/** Of a row's length, the part outside the span of earlier rows that counts as the rounding of float32. */
const RANK_TOLERANCE = 1e-6;

/**
 * An orthonormal basis of the rows (which are overwritten) by Gram-Schmidt. Each row is projected twice, which keeps
 * the basis orthogonal to rounding ("twice is enough", Giraud et al. 2005).
 */
export function rowBasis(rows: Iterable<Float64Array>): Float64Array[] {
  const basis: Float64Array[] = [];
  for (const row of rows) {
    const length = norm(row);
    for (let pass = 0; pass < 2; pass++)
      for (const direction of basis) addMultiple(row, -dot(direction, row), direction);
    const rest = norm(row);
    if (rest > RANK_TOLERANCE * length) basis.push(row.map((value) => value / rest));
  }
  return basis;
}

/** images x basis.length: the rows' coordinates in the basis. */
function coordinates(features: Float32Array, columns: number, basis: readonly Float64Array[]): Float32Array {
  const result = new Float32Array((features.length / columns) * basis.length);
  let next = 0;
  for (const row of rowsOf(features, columns))
    for (const direction of basis) result[next++] = dot(row, direction);
  return result;
}

/** Each class's weights as the sum of basis directions: classes x columns. */
function combine(
  reduced: Float64Array,
  classes: number,
  basis: readonly Float64Array[],
  columns: number,
): Float64Array {
  const result = new Float64Array(classes * columns);
  for (let k = 0; k < classes; k++) {
    const row = result.subarray(k * columns, (k + 1) * columns);
    basis.forEach((direction, b) => {
      addMultiple(row, reduced[k * basis.length + b], direction);
    });
  }
  return result;
}
