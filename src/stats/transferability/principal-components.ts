/**
 * Coordinates of images in the directions in which their features vary most.
 *
 * Purpose: a few numbers per image that keep what differs between images.
 * Reference: small matrices by all eigenvectors of the smaller Gram matrix; larger ones by subspace iteration with
 * Rayleigh-Ritz steps (N. Halko, P. G. Martinsson & J. A. Tropp, "Finding structure with randomness", 2011, algorithm 4.4)
 * until the variance that the directions hold no longer changes, ten rounds at most.
 */
import { EigenvalueDecomposition, Matrix, QrDecomposition } from 'ml-matrix';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { Features } from './features.ts';

/** Directions that are carried along beyond those asked for, so that these settle sooner. */
const OVERSAMPLING = 16;
const ROUNDS = 10;
/** Relative change of the variance in all directions at which they count as found. */
const TOLERANCE = 1e-6;
/** Directions with less than this share of the largest eigenvalue are rounding. */
const SMALLEST_EIGENVALUE = 1e-12;
/** Of this many rows or fewer all eigenvectors are computed. */
const SMALL = 512;

/** A list of `features.rows` coordinates per direction, largest variance first; at least one and at most `count`. */
export function principalComponents(features: Features, count: number): Float64Array[] {
  const gram = features.centredGram();
  const { values, vectors } =
    gram.rows <= Math.max(SMALL, count + OVERSAMPLING) ? allEigenvectors(gram) : leading(gram, count);
  const kept = values
    .map((value, i) => ({ value, vector: vectors[i] }))
    .sort((a, b) => b.value - a.value)
    .filter(
      ({ value }, rank) => rank === 0 || (rank < count && value > SMALLEST_EIGENVALUE * Math.max(...values)),
    );
  return kept.map(({ value, vector }) =>
    // Of the images' Gram matrix the eigenvectors are the coordinates themselves, but for their length.
    features.isWide
      ? Float64Array.from(vector, (x) => x * Math.sqrt(Math.max(0, value)))
      : projected(features, vector),
  );
}

interface Eigen {
  readonly values: number[];
  readonly vectors: number[][];
}

function allEigenvectors(gram: Matrix): Eigen {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(gram, { assumeSymmetric: true });
  return { values: realEigenvalues, vectors: eigenvectorMatrix.transpose().to2DArray() };
}

function leading(gram: Matrix, count: number): Eigen {
  const generator = xoroshiro128plus(0);
  let basis = orthonormal(
    Matrix.zeros(gram.rows, count + OVERSAMPLING).apply(function fill(i, j) {
      this.set(i, j, uniformFloat64(generator) - 0.5);
    }),
  );
  let variance = 0;
  for (let round = 0; ; round++) {
    const image = gram.mmul(basis);
    const { values, vectors } = allEigenvectors(basis.transpose().mmul(image));
    const largest = values.toSorted((a, b) => b - a).slice(0, count);
    const held = largest.reduce((sum, value) => sum + value, 0);
    if (round === ROUNDS || Math.abs(held - variance) <= TOLERANCE * held)
      return { values, vectors: new Matrix(vectors).mmul(basis.transpose()).to2DArray() };
    variance = held;
    basis = orthonormal(image);
  }
}

function orthonormal(columns: Matrix): Matrix {
  return new QrDecomposition(columns).orthogonalMatrix;
}

function projected(features: Features, direction: readonly number[]): Float64Array {
  const { rows, mean } = features;
  const offset = direction.reduce((sum, value, j) => sum + value * mean[j], 0);
  return Float64Array.from({ length: rows }, (_, i) => {
    const row = features.row(i);
    let product = -offset;
    for (let j = 0; j < direction.length; j++) product += direction[j] * row[j];
    return product;
  });
}
