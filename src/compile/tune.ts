/** Which formulation (`conv/formulations.ts`) each convolution takes on a machine. */
import type { Op } from '../graph/ops.ts';
import type { Extents } from './conv/extents.ts';

/** Shape of an operation (`shapeKey`) -> name of its fastest formulation. */
export type Formulations = ReadonlyMap<string, string>;

/** Op and extents as a word. */
export function shapeKey(op: Op, s: Extents): string {
  const { n, c, h, w, o, kh, kw, strides, padding, dilations, groups } = s;
  return [op, n, c, h, w, o, kh, kw, ...strides, ...padding, ...dilations, groups].join(' ');
}
