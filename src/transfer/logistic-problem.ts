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
import { dot, norm } from './vectors.ts';

/** Penultimate features with their classes. */
export interface LabelledFeatures {
  /** images x columns, row-major. */
  readonly features: Float32Array;
  /** Class of each image. */
  readonly labels: Int32Array;
}

export interface LogisticProblem {
  readonly classes: number;
  /** Number of images. */
  readonly images: number;
  /** Number of columns of `features`, after the change of coordinates. */
  readonly columns: number;
  /** images x columns, row-major; every column has mean 0. */
  readonly features: Float32Array;
  readonly labels: Int32Array;
  /** Root mean square length of a row; 1 when all rows are 0. */
  readonly rowLength: number;
  /** Translates weights (classes x columns, row-major) and biases back to the features that were given. */
  restore(weights: Float64Array, bias: Float64Array): { weights: Float64Array; bias: Float64Array };
}

export function prepareProblem({ features, labels }: LabelledFeatures, classes: number): LogisticProblem {
  const images = labels.length;
  const given = features.length / images;
  invariant(images > 0 && Number.isInteger(given), `${features.length} features of ${images} images`);
  invariant(
    labels.every((label) => label >= 0 && label < classes),
    `a label is outside 0..${classes - 1}`,
  );
  const mean = columnMeans(features, images, given);
  const centred = features.map((value, i) => value - mean[i % given]);
  const basis = 2 * images <= given ? rowBasis(centred, images, given) : undefined;
  return {
    classes,
    images,
    columns: basis ? basis.length : given,
    features: basis ? coordinates(centred, images, given, basis) : centred,
    labels,
    rowLength: Math.sqrt(centred.reduce((sum, value) => sum + value * value, 0) / images) || 1,
    restore(reducedWeights, reducedBias) {
      const weights = basis ? combine(reducedWeights, classes, basis, given) : reducedWeights.slice();
      const bias = reducedBias.map((b, k) => b - dot(weights.subarray(k * given, (k + 1) * given), mean));
      return { weights, bias };
    },
  };
}

function columnMeans(features: Float32Array, images: number, columns: number): Float64Array {
  const means = new Float64Array(columns);
  for (let i = 0; i < features.length; i++) means[i % columns] += features[i];
  return means.map((sum) => sum / images);
}

/** Of a row's length, the part outside the span of earlier rows that counts as the rounding of float32. */
const RANK_TOLERANCE = 1e-6;

/**
 * An orthonormal basis of the rows by Gram-Schmidt. Each row is projected twice, which keeps the basis
 * orthogonal to rounding ("twice is enough", Giraud et al. 2005).
 */
function rowBasis(features: Float32Array, images: number, columns: number): Float64Array[] {
  const basis: Float64Array[] = [];
  for (let image = 0; image < images; image++) {
    const row = Float64Array.from(features.subarray(image * columns, (image + 1) * columns));
    const length = norm(row);
    for (let pass = 0; pass < 2; pass++) {
      for (const direction of basis) {
        const part = dot(direction, row);
        for (let j = 0; j < columns; j++) row[j] -= part * direction[j];
      }
    }
    const rest = norm(row);
    if (rest > RANK_TOLERANCE * length) basis.push(row.map((value) => value / rest));
  }
  return basis;
}

/** images x basis.length: the rows' coordinates in the basis. */
function coordinates(
  features: Float32Array,
  images: number,
  columns: number,
  basis: readonly Float64Array[],
): Float32Array {
  const result = new Float32Array(images * basis.length);
  for (let image = 0; image < images; image++) {
    const row = Float64Array.from(features.subarray(image * columns, (image + 1) * columns));
    basis.forEach((direction, j) => {
      result[image * basis.length + j] = dot(row, direction);
    });
  }
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
      const weight = reduced[k * basis.length + b];
      for (let j = 0; j < columns; j++) row[j] += weight * direction[j];
    });
  }
  return result;
}
