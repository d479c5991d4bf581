/** The extents of one convolution, and what kind of convolution they make it. */
import { convOutputSize } from '../../graph/infer.ts';
import type { ConvAttributes, Padding } from '../../graph/ops.ts';
import type { Shape } from '../../tensor/tensor.ts';
import type { Attributes } from '../emitter.ts';

/** Image [n, c, h, w], weight [o, i, kh, kw] with i = c / groups, result [n, o, oh, ow]. */
export interface Extents extends ConvAttributes {
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
  readonly o: number;
  readonly i: number;
  readonly kh: number;
  readonly kw: number;
  readonly oh: number;
  readonly ow: number;
}

export function extents(input: Shape, weight: Shape, a: ConvAttributes): Extents {
  const [n, c, h, w] = input;
  const [o, i, kh, kw] = weight;
  const [oh, ow] = convOutputSize(input, weight, a);
  return { ...a, n, c, h, w, o, i, kh, kw, oh, ow };
}

export const isStrided = (s: Extents): boolean => s.strides[0] > 1 || s.strides[1] > 1;
export const isDilated = (s: Extents): boolean => s.dilations[0] > 1 || s.dilations[1] > 1;
export const isDepthwise = (s: Extents): boolean => s.i === 1 && s.o === s.groups;
/** One product of matrices without any copy. */
export const isPointwise = (s: Extents): boolean =>
  s.groups === 1 && s.kh === 1 && s.kw === 1 && s.padding.every((p) => p === 0);

/** ONNX attributes of a convolution. */
export function convAttributes(a: ConvAttributes): Attributes {
  return {
    strides: { ints: a.strides },
    pads: { ints: a.padding },
    dilations: { ints: a.dilations },
    group: { int: a.groups },
  };
}

/**
 * At stride 1 the gradient of the image is a convolution too, of dY with the kernel turned by half a turn and
 * its channels exchanged: the extents of that one. Undefined where its padding would be negative.
 */
export function turned(s: Extents): Extents | undefined {
  if (isStrided(s)) return undefined;
  const [fullY, fullX] = [(s.kh - 1) * s.dilations[0], (s.kw - 1) * s.dilations[1]];
  const padding: Padding = [
    fullY - s.padding[0],
    fullX - s.padding[1],
    s.h - s.oh + s.padding[0],
    s.w - s.ow + s.padding[1],
  ];
  if (padding.some((p) => p < 0)) return undefined;
  return { ...s, c: s.o, o: s.c, i: s.o / s.groups, h: s.oh, w: s.ow, oh: s.h, ow: s.w, padding };
}

/** Kernel taps in their order, row by row: 0 .. kh kw - 1. */
export const tapsOf = (s: Extents): number[] => Array.from({ length: s.kh * s.kw }, (_, tap) => tap);
