/** Host values: a dense, row-major array with a shape. Tensors are never resized; data may be written in place. */
import { invariant } from '../util/errors.ts';

export type DType = 'float32' | 'int32' | 'int64' | 'bool' | 'uint8';
export type Shape = readonly number[];

export interface TypedArrayOf {
  float32: Float32Array;
  int32: Int32Array;
  int64: BigInt64Array;
  bool: Uint8Array;
  uint8: Uint8Array;
}

export interface Tensor<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: Shape;
  readonly data: TypedArrayOf[D];
}

const ARRAYS = {
  float32: Float32Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
  uint8: Uint8Array,
} as const;

/** Number of elements of a shape; 1 for a scalar `[]`. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const extent of shape) size *= extent;
  return size;
}

/** Bytes per element. */
export function bytesPerElement(dtype: DType): number {
  return ARRAYS[dtype].BYTES_PER_ELEMENT;
}

/** A tensor over `data` (not copied). Throws when the length does not fit the shape. */
export function tensor<D extends DType>(dtype: D, shape: Shape, data: TypedArrayOf[D]): Tensor<D> {
  invariant(data.length === sizeOf(shape), `tensor of shape [${shape}] given ${data.length} numbers`);
  return { dtype, shape: [...shape], data };
}

export function zeros<D extends DType>(dtype: D, shape: Shape): Tensor<D> {
  return tensor(dtype, shape, new ARRAYS[dtype](sizeOf(shape)) as TypedArrayOf[D]);
}

/** A float32 tensor from any list of numbers (copied). */
export function float32(shape: Shape, values: ArrayLike<number>): Tensor<'float32'> {
  return tensor('float32', shape, Float32Array.from(values));
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/** `[2, 3]` as `2x3`, a scalar as `scalar`: for messages. */
export function showShape(shape: Shape): string {
  return shape.length === 0 ? 'scalar' : shape.join('x');
}

/** A copy with its axes in the order `permutation` (as numpy.transpose). */
export function transpose<D extends DType>(input: Tensor<D>, permutation: readonly number[]): Tensor<D> {
  const output = zeros(
    input.dtype,
    permutation.map((axis) => input.shape[axis]),
  );
  transposeInto(input, permutation, output.data);
  return output;
}

/** `transpose` into memory that is there already, as long as the input. */
export function transposeInto<D extends DType>(
  input: Tensor<D>,
  permutation: readonly number[],
  output: TypedArrayOf[D],
): void {
  const { shape, data } = input;
  // The axes at the end that stay in place move as one block.
  let rank = shape.length;
  let block = 1;
  while (rank > 0 && permutation[rank - 1] === rank - 1) block *= shape[--rank];
  const strides = new Array<number>(rank);
  for (let axis = rank - 1, stride = block; axis >= 0; stride *= shape[axis], axis--) strides[axis] = stride;
  const extents = permutation.slice(0, rank).map((axis) => shape[axis]);
  const steps = permutation.slice(0, rank).map((axis) => strides[axis]);
  const index = new Array<number>(rank).fill(0);
  let from = 0;
  for (let to = 0; to < output.length; to += block) {
    if (block === 1) output[to] = data[from];
    else output.set(data.subarray(from, from + block) as never, to);
    for (let axis = rank - 1; axis >= 0; axis--) {
      from += steps[axis];
      if (++index[axis] < extents[axis]) break;
      from -= steps[axis] * extents[axis];
      index[axis] = 0;
    }
  }
}

/** Index of the largest number of each row. Ties go to the lowest index. */
export function argMaxRows({ shape: [rows, columns], data }: Tensor<'float32'>): Int32Array {
  const result = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    let best = row * columns;
    for (let i = best + 1; i < (row + 1) * columns; i++) if (data[i] > data[best]) best = i;
    result[row] = best - row * columns;
  }
  return result;
}
