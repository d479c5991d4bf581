/**
 * An orthogonal change of coordinates whose first axes are given, as a product of Householder reflections in the
 * compact form of Schreiber & Van Loan, "A storage-efficient WY representation for products of Householder
 * transformations", 1989: a row x becomes x - (x A') V, and comes back as x - (x V') A. A and V have one row for each
 * given axis, so a matrix is turned by two thin products instead of one with a square matrix.
 */
import { addMultiple, dot, norm } from './vectors.ts';

export interface Reflections {
  readonly a: readonly Float64Array[];
  readonly v: readonly Float64Array[];
}

/** The change that makes the orthonormal `axes` the first axes, up to their signs. Overwrites `axes`. */
export function reflectionsOnto(axes: readonly Float64Array[]): Reflections {
  const v: Float64Array[] = [];
  for (const [j, axis] of axes.entries()) {
    for (const reflection of v) addMultiple(axis, -dot(reflection, axis), reflection);
    const reflection = axis.fill(0, 0, j);
    reflection[j] += Math.sign(reflection[j] || 1) * norm(reflection);
    // Of length sqrt 2, so that x - (x . v) v is the reflection.
    const scale = Math.SQRT2 / norm(reflection);
    v.push(reflection.map((value) => value * scale));
  }
  return { a: triangular(v), v };
}

/** Row j: v_j - sum over i < j of (v_i . v_j) a_i, by which the product with j reflections grows by one. */
function triangular(v: readonly Float64Array[]): Float64Array[] {
  const a: Float64Array[] = [];
  for (const reflection of v) {
    const row = reflection.slice();
    for (const [i, earlier] of a.entries()) addMultiple(row, -dot(v[i], reflection), earlier);
    a.push(row);
  }
  return a;
}

/** Rows of `columns` numbers from the new coordinates back to the old ones. */
export function reflectBack(rows: Float64Array, columns: number, { a, v }: Reflections): Float64Array {
  const result = rows.slice();
  for (let start = 0; start < rows.length; start += columns) {
    const row = rows.subarray(start, start + columns);
    const target = result.subarray(start, start + columns);
    for (const [i, reflection] of v.entries()) addMultiple(target, -dot(row, reflection), a[i]);
  }
  return result;
}
