/**
 * The directions in which features vary most, roughly: a few rounds of subspace iteration and a Rayleigh-Ritz step.
 *
 * Reference: N. Halko, P. G. Martinsson & J. A. Tropp, "Finding structure with randomness", 2011, algorithm 4.4.
 */
import { Random } from '../tensor/random.ts';
import { rowBasis, rowsOf } from './logistic-problem.ts';
import { addMultiple, dot } from './vectors.ts';

/** block (rows x columns, row-major) times X'X, X being the features. */
export type GramProduct = (block: Float32Array) => Promise<Float32Array>;

const ROUNDS = 2;

/** At most `count` orthonormal directions, fewer where the features have fewer; those of the largest variance first. */
export async function principalAxes(
  gram: GramProduct,
  columns: number,
  count: number,
): Promise<Float64Array[]> {
  if (count >= columns) return ritz(gram, identity(columns));
  const random = new Random(0, 'principal axes');
  let axes: Float64Array[] = Array.from({ length: count }, () =>
    Float64Array.from({ length: columns }, () => random.normal()),
  );
  for (let round = 0; round < ROUNDS; round++)
    axes = rowBasis(rowsOf(await gram(joined(axes, columns)), columns));
  return ritz(gram, axes);
}

/** Turns a basis within its span so that the features' products along different directions are 0. */
async function ritz(gram: GramProduct, basis: readonly Float64Array[]): Promise<Float64Array[]> {
  if (basis.length === 0) return [];
  const columns = basis[0].length;
  const images = [...rowsOf(await gram(joined(basis, columns)), columns)];
  const products = basis.map((a) => Float64Array.from(images, (b) => dot(a, b)));
  const { values, vectors } = symmetricEigen(products);
  const order = values.map((_, i) => i).sort((a, b) => values[b] - values[a]);
  return order.map((i) => {
    const axis = new Float64Array(columns);
    for (const [j, direction] of basis.entries()) addMultiple(axis, vectors[i][j], direction);
    return axis;
  });
}

function joined(rows: readonly Float64Array[], columns: number): Float32Array {
  const result = new Float32Array(rows.length * columns);
  for (const [i, row] of rows.entries()) result.set(row, i * columns);
  return result;
}

function identity(size: number): Float64Array[] {
  return Array.from({ length: size }, (_, i) => new Float64Array(size).fill(1, i, i + 1));
}

const SWEEPS = 12;

/**
 * Eigenvalues and eigenvectors (one per row) of a symmetric matrix by cyclic Jacobi rotations (Golub & Van Loan,
 * "Matrix computations", 4th edition, 2013, section 8.5), for matrices of up to a few hundred rows.
 */
export function symmetricEigen(matrix: readonly Float64Array[]): {
  values: number[];
  vectors: Float64Array[];
} {
  const size = matrix.length;
  const a = matrix.map((row) => row.slice());
  const vectors = identity(size);
  const scale = Math.max(...a.map((row, i) => Math.abs(row[i])), Number.MIN_VALUE);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    let largest = 0;
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        if (Math.abs(a[p][q]) <= 1e-12 * scale) continue;
        largest = Math.max(largest, Math.abs(a[p][q]));
        rotate(a, vectors, p, q);
      }
    }
    if (largest <= 1e-9 * scale) break;
  }
  return { values: a.map((row, i) => row[i]), vectors };
}

/** Turns rows and columns p and q so that their product becomes 0. */
function rotate(a: Float64Array[], vectors: Float64Array[], p: number, q: number): void {
  const ratio = (a[q][q] - a[p][p]) / (2 * a[p][q]);
  const tangent = (ratio < 0 ? -1 : 1) / (Math.abs(ratio) + Math.sqrt(ratio * ratio + 1));
  const cosine = 1 / Math.sqrt(tangent * tangent + 1);
  const sine = tangent * cosine;
  turn(a[p], a[q], cosine, sine);
  turn(vectors[p], vectors[q], cosine, sine);
  for (const row of a) {
    const [x, y] = [row[p], row[q]];
    row[p] = cosine * x - sine * y;
    row[q] = sine * x + cosine * y;
  }
}

function turn(x: Float64Array, y: Float64Array, cosine: number, sine: number): void {
  for (let i = 0; i < x.length; i++) {
    const [u, v] = [x[i], y[i]];
    x[i] = cosine * u - sine * v;
    y[i] = sine * u + cosine * v;
  }
}
