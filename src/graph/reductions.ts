/** Reductions composed of ops. */

import { sizeOf } from '../tensor/tensor.ts';
import {
  abs,
  add,
  averagePool2d,
  concat,
  exp,
  log,
  max,
  mul,
  pad,
  pow,
  reshape,
  slice,
  sqrt,
  sub,
  sum,
  transpose,
} from './build.ts';
import type { Value } from './graph.ts';
import { poolOutputSize } from './infer.ts';
import type { PoolAttributes } from './ops.ts';

const allAxes = (x: Value) => x.shape.map((_, axis) => axis);

/** The shape of a reduction's result. */
const reducedShape = ({ shape }: Value, axes: readonly number[], keepDims: boolean) =>
  shape.flatMap((extent, axis) => (axes.includes(axis) ? (keepDims ? [1] : []) : [extent]));

/**
 * Products along axes, all unless told which. Halves are multiplied until one number is left, so that zeros and
 * negative numbers have their gradients as well.
 */
export function prod(x: Value, axes: readonly number[] = allAxes(x), keepDims = false): Value {
  const rest = allAxes(x).filter((axis) => !axes.includes(axis));
  const rows = sizeOf(rest.map((axis) => x.shape[axis]));
  let columns = reshape(transpose(x, [...rest, ...axes]), [rows, sizeOf(x.shape) / rows]);
  for (let count = columns.shape[1]; count > 1; count = columns.shape[1]) {
    const half = Math.floor(count / 2);
    const part = (from: number, to: number) => slice(columns, [0, from], [rows, to]);
    const products = mul(part(0, half), part(half, 2 * half));
    columns = count % 2 === 0 ? products : concat([products, part(count - 1, count)], 1);
  }
  return reshape(columns, reducedShape(x, axes, keepDims));
}

/** (sum |x|^p)^(1/p) along axes, all unless told which. */
export function norm(x: Value, p = 2, axes: readonly number[] = allAxes(x), keepDims = false): Value {
  return root(sum(powered(x, p), axes, keepDims), p);
}

/** log(sum e^x) along axes, all unless told which, from deviations from the largest, so that nothing overflows. */
export function logSumExp(x: Value, axes: readonly number[] = allAxes(x), keepDims = false): Value {
  const largest = max(x, axes, true);
  const summed = add(log(sum(exp(sub(x, largest)), axes, true)), largest);
  return reshape(summed, reducedShape(x, axes, keepDims));
}

/** (sum |x|^p)^(1/p) over windows of images (ONNX's LpPool, and PyTorch's for x >= 0). */
export function lpPool2d(x: Value, options: PoolAttributes & { readonly p: number }): Value {
  const { kernel, strides, padding } = options;
  const outputs = poolOutputSize(x.shape, options);
  // Zeros add nothing, so the images are padded as far as the last windows reach.
  const after = ([0, 1] as const).map((axis) =>
    Math.max((outputs[axis] - 1) * strides[axis] + kernel[axis] - padding[axis] - x.shape[2 + axis], 0),
  );
  const padded = pad(powered(x, options.p), [0, 0, padding[0], padding[1]], [0, 0, ...after]);
  return root(mul(averagePool2d(padded, { kernel, strides }), kernel[0] * kernel[1]), options.p);
}

const powered = (x: Value, p: number) => (p === 1 ? abs(x) : p === 2 ? mul(x, x) : pow(abs(x), p));
const root = (x: Value, p: number) => (p === 1 ? x : p === 2 ? sqrt(x) : pow(x, 1 / p));
