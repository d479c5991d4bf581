/** Which formulation (`conv/formulations.ts`) each convolution takes on a machine. */
import type { Extents } from './conv/extents.ts';

/** The ops that have several formulations. */
export type ConvOp = 'conv2d' | 'conv2dInputGradient' | 'conv2dWeightGradient';

/** Shape of an operation (`shapeKey`) -> name of its fastest formulation. */
export type Formulations = ReadonlyMap<string, string>;

/** Op and extents as a word. */
export function shapeKey(op: ConvOp, s: Extents): string {
  const { n, c, h, w, o, kh, kw, strides, padding, dilations, groups } = s;
  return [op, n, c, h, w, o, kh, kw, ...strides, ...padding, ...dilations, groups].join(' ');
}
