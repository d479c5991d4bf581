/** Normalisations composed of ops. */
import { add, div, groupNorm, mean, mul, sqrt, sub } from './build.ts';
import type { Value } from './graph.ts';

/** Normalises every channel of every image over H and W (Ulyanov et al., arXiv 1607.08022). Scale and bias [C]. */
export const instanceNorm = (x: Value, scale: Value, bias: Value, epsilon = 1e-5): Value =>
  groupNorm(x, scale, bias, x.shape[1], epsilon);

/**
 * Normalises over the trailing axes that scale and bias have (Ba et al., arXiv 1607.06450). Deviations are taken from
 * the mean before they are squared, so large means cost no digits.
 */
export function layerNorm(x: Value, scale: Value, bias: Value, epsilon = 1e-5): Value {
  const first = x.shape.length - scale.shape.length;
  const axes = scale.shape.map((_, axis) => first + axis);
  const centred = sub(x, mean(x, axes, true));
  const variance = mean(mul(centred, centred), axes, true);
  const normalised = div(centred, sqrt(add(variance, epsilon)));
  return add(mul(normalised, scale), bias);
}
