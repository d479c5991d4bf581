/** Features of images as the scores read them: a matrix, with its mean and Gram matrix computed once for all of them. */
import { Matrix } from 'ml-matrix';
import { invariant } from '../../util/errors.ts';

/** Share of the features' squares that their deviations from the mean have at least to be had by a difference of squares. */
const LEAST_LEFT = 1e-3;

export class Features {
  #mean: Float64Array | undefined;
  #gram: Matrix | undefined;

  /** @param data rows x columns, row-major: a row per image */
  constructor(
    readonly data: Float32Array,
    readonly rows: number,
    readonly columns: number,
  ) {
    invariant(data.length === rows * columns, `${data.length} features of ${rows} x ${columns}`);
    invariant(rows > 0 && columns > 0, 'scores of no features');
  }

  /** More features than images: the Gram matrix is then that of the images. */
  get isWide(): boolean {
    return this.columns > this.rows;
  }

  row(index: number): Float32Array {
    return this.data.subarray(index * this.columns, (index + 1) * this.columns);
  }

  /** Mean of each column. */
  get mean(): Float64Array {
    if (this.#mean) return this.#mean;
    this.#mean = new Float64Array(this.columns);
    for (let i = 0; i < this.rows; i++) addTo(this.#mean, this.row(i), 1 / this.rows);
    return this.#mean;
  }

  /** The smaller of F'F [columns, columns] and FF' [rows, rows]; both have the same eigenvalues above 0. */
  get gram(): Matrix {
    this.#gram ??= gramOf(this.isWide ? this : transposed(this));
    return this.#gram;
  }

  /** The same of the features minus their mean. */
  centredGram(): Matrix {
    const shifted = this.#shiftedGram();
    if (shifted.trace() > LEAST_LEFT * this.gram.trace()) return shifted;
    return this.part([...Array(this.rows).keys()], this.mean).gram;
  }

  /** Z'Z = F'F - n mean mean', ZZ' = FF' minus the means of its rows and columns. */
  #shiftedGram(): Matrix {
    const { gram, rows, mean } = this;
    const result = gram.clone();
    if (!this.isWide) return shifted(result, (i, j) => -rows * (mean[i] * mean[j]));
    const means = gram.mean('row');
    const overall = means.reduce((sum, value) => sum + value, 0) / rows;
    return shifted(result, (i, j) => overall - (means[i] + means[j]));
  }

  /** The rows at `indices`, minus `offset`. */
  part(indices: readonly number[], offset: Float64Array): Features {
    const data = new Float32Array(indices.length * this.columns);
    for (const [at, index] of indices.entries()) {
      const row = this.row(index);
      for (let j = 0; j < this.columns; j++) data[at * this.columns + j] = row[j] - offset[j];
    }
    return new Features(data, indices.length, this.columns);
  }
}

/** The rows of every class that has any, by class. */
export function rowsByClass(labels: ArrayLike<number>): Map<number, number[]> {
  const rows = new Map<number, number[]>();
  for (let i = 0; i < labels.length; i++) {
    const found = rows.get(labels[i]);
    if (found) found.push(i);
    else rows.set(labels[i], [i]);
  }
  return rows;
}

export function addTo(target: Float64Array, values: ArrayLike<number>, factor: number): void {
  for (let j = 0; j < target.length; j++) target[j] += factor * values[j];
}

function shifted(matrix: Matrix, shift: (row: number, column: number) => number): Matrix {
  for (let i = 0; i < matrix.rows; i++)
    for (let j = 0; j < matrix.columns; j++) matrix.set(i, j, matrix.get(i, j) + shift(i, j));
  return matrix;
}

interface Rows {
  readonly data: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

function transposed({ data, rows, columns }: Rows): Rows {
  const result = new Float32Array(data.length);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) result[j * rows + i] = data[i * columns + j];
  return { data: result, rows: columns, columns: rows };
}

/** Rows whose products with others are made together, so that a row that was read is used several times. */
const BLOCK = 4;

/** Products of all pairs of rows, in double precision. `Matrix.mmul` would take four times as long: it makes both halves. */
function gramOf({ data, rows, columns }: Rows): Matrix {
  const result = Matrix.zeros(rows, rows);
  const set = (i: number, j: number, value: number) => {
    result.set(i, j, value);
    result.set(j, i, value);
  };
  for (let i = 0; i < rows; i += BLOCK) {
    const block = Array.from({ length: BLOCK }, (_, b) => Math.min(i + b, rows - 1) * columns);
    for (let j = 0; j < Math.min(i + BLOCK, rows); j++) {
      const products = fourProducts(data, block, j * columns, columns);
      for (let b = 0; b < BLOCK && i + b < rows; b++) set(i + b, j, products[b]);
    }
  }
  return result;
}

const products = new Float64Array(BLOCK);

/** Products of the four rows that begin at `block` with the one at `other`. */
function fourProducts(
  data: Float32Array,
  [p, q, r, s]: readonly number[],
  other: number,
  columns: number,
): Float64Array {
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let k = 0; k < columns; k++) {
    const x = data[other + k];
    a += data[p + k] * x;
    b += data[q + k] * x;
    c += data[r + k] * x;
    d += data[s + k] * x;
  }
  products[0] = a;
  products[1] = b;
  products[2] = c;
  products[3] = d;
  return products;
}
