/** TensorFlow's SAME padding, which depends on the size of what is padded. */

import type { Value } from '../graph/graph.ts';
import type { Padding } from '../graph/ops.ts';

/** The output has ceil(size / stride) pixels, and an odd zero goes to the bottom and right. */
export function samePadding(x: Value, kernel: number, stride: number): Padding {
  const [, , ...sizes] = x.shape;
  const total = sizes.map((size) => Math.max((Math.ceil(size / stride) - 1) * stride + kernel - size, 0));
  const [top, left] = total.map((zeros) => Math.floor(zeros / 2));
  return [top, left, total[0] - top, total[1] - left];
}
