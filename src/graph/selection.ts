/** Selections composed of ops. */
import { tensor } from '../tensor/tensor.ts';
import { add, gather, reshape, topK } from './build.ts';
import type { Value } from './graph.ts';

/** The int64 indices that sort x along an axis, rising unless told otherwise. Ties: lowest index first. */
export const argSort = (x: Value, axis = x.shape.length - 1, options: { falling?: boolean } = {}): Value =>
  topK(x, x.shape[axis], axis, { largest: options.falling ?? false }).indices;

const integers = (like: Value, values: readonly number[]): Value =>
  like.graph.constant(tensor('int64', [values.length], BigInt64Array.from(values.map(BigInt))));

/** Rows of each image: x [B, N, ..], int64 indices [B, K] -> [B, K, ..]. */
export function gatherRows(x: Value, indices: Value): Value {
  const [images, rows, ...rest] = x.shape;
  const first = integers(
    x,
    Array.from({ length: images }, (_, image) => image * rows),
  );
  return gather(reshape(x, [images * rows, ...rest]), add(indices, reshape(first, [images, 1])));
}

/**
 * Pads each axis by repeating its first and last entry (`edge`) or by mirroring at them (`reflect`, by less than the
 * axis is long).
 */
export function padByCopies(
  x: Value,
  before: readonly number[],
  after: readonly number[],
  mode: 'edge' | 'reflect',
): Value {
  return x.shape.reduce((padded, extent, axis) => {
    if (before[axis] === 0 && after[axis] === 0) return padded;
    const last = extent - 1;
    const source = (position: number) =>
      mode === 'edge' ? Math.min(Math.max(position, 0), last) : last - Math.abs(last - Math.abs(position));
    const places = Array.from({ length: before[axis] + extent + after[axis] }, (_, i) =>
      source(i - before[axis]),
    );
    return gather(padded, integers(x, places), axis);
  }, x);
}
