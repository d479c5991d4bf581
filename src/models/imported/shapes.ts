/** The result shapes of ONNX's shape ops, for constants (`fold.ts`) and for values (`rules.ts`) alike. */
import type { OnnxNode } from '../../onnx/index.ts';
import { type Shape, showShape, sizeOf } from '../../tensor/tensor.ts';
import { axisOf, unsupported } from './operand.ts';

/** Reshape: -1 is what is left, 0 copies the extent of the operand unless `allowZero`. */
export function reshapedShape(
  node: OnnxNode,
  shape: Shape,
  target: readonly number[],
  allowZero: boolean,
): Shape {
  const copied = target.map((extent, axis) => (extent === 0 && !allowZero ? (shape[axis] ?? 0) : extent));
  const known = copied.reduce((product, extent) => (extent === -1 ? product : product * extent), 1);
  const result = copied.map((extent) => (extent === -1 ? sizeOf(shape) / known : extent));
  if (
    !result.every((extent) => Number.isInteger(extent) && extent >= 0) ||
    sizeOf(result) !== sizeOf(shape)
  ) {
    throw unsupported(node, `reshapes ${showShape(shape)} to [${target}], which does not fit`);
  }
  return result;
}

/** Squeeze: without axes, every extent of 1 goes. */
export function squeezedShape(node: OnnxNode, shape: Shape, axes: readonly number[] | undefined): Shape {
  const dropped = axes?.map((axis) => axisOf(node, axis, shape.length));
  return shape.filter((extent, axis) => (dropped ? !dropped.includes(axis) : extent !== 1));
}

/** Unsqueeze: `axes` are axes of the result. */
export function unsqueezedShape(node: OnnxNode, shape: Shape, axes: readonly number[]): Shape {
  const rank = shape.length + axes.length;
  const added = new Set(axes.map((axis) => axisOf(node, axis, rank)));
  const rest = [...shape];
  return Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : (rest.shift() ?? 1)));
}

/** Split: the extents of the parts along an axis of `extent`; without a list they are even, the last one shorter. */
export function splitExtents(
  node: OnnxNode,
  extent: number,
  given: readonly number[] | undefined,
): readonly number[] {
  const count = node.outputs.length;
  const even = Math.ceil(extent / count);
  const parts = given ?? Array.from({ length: count }, (_, part) => Math.min(even, extent - part * even));
  const total = parts.reduce((sum, part) => sum + part, 0);
  if (parts.length < count || total !== extent || parts.some((part) => !(part >= 0))) {
    throw unsupported(node, `splits ${extent} into [${parts}], which does not fit`);
  }
  return parts;
}

export interface Range {
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** Slice: one range per axis of `shape`, clamped as the specification says; negative steps run backwards. */
export function slicedRanges(
  node: OnnxNode,
  shape: Shape,
  starts: readonly number[],
  ends: readonly number[],
  axes: readonly number[] = starts.map((_, index) => index),
  steps: readonly number[] = starts.map(() => 1),
): Range[] {
  const ranges: Range[] = shape.map((extent) => ({ start: 0, end: extent, step: 1 }));
  axes.forEach((given, index) => {
    const axis = axisOf(node, given, shape.length);
    const step = steps[index];
    if (!Number.isInteger(step) || step === 0) throw unsupported(node, `slices with step ${step}`);
    const [first, last] = step > 0 ? [0, shape[axis]] : [-1, shape[axis] - 1];
    const clamp = (position: number, lowest: number) =>
      Math.min(Math.max(position < 0 ? position + shape[axis] : position, lowest), last);
    ranges[axis] = { start: clamp(starts[index], 0), end: clamp(ends[index], first), step };
  });
  return ranges;
}
