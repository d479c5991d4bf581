/** Activations composed of ops, in forms that neither overflow nor lose their gradient. */
import { add, clip, erf, exp, hardSigmoid, mul, neg, relu, sigmoid, softplus, sub, tanh } from './build.ts';
import type { Value } from './graph.ts';

/** x sigmoid(x), also called SiLU (Ramachandran et al., arXiv 1710.05941). */
export const swish = (x: Value): Value => mul(x, sigmoid(x));

/** x clip(x / 6 + 1/2, 0, 1) (Howard et al., arXiv 1905.02244). */
export const hardSwish = (x: Value): Value => mul(x, hardSigmoid(x));

/** x cut to [0, 6] (Howard et al., arXiv 1704.04861). */
export const relu6 = (x: Value): Value => clip(x, 0, 6);

/** log(sigmoid(x)) = -log(1 + e^-x), exact where sigmoid(x) would be 0. */
export const logSigmoid = (x: Value): Value => neg(softplus(neg(x)));

/** x where x > 0, else alpha (e^x - 1) (Clevert et al., arXiv 1511.07289). */
export function elu(x: Value, alpha = 1): Value {
  // e^-relu(-x) is e^x where x < 0 and 1 elsewhere, so that no large x is ever raised.
  const negative = sub(exp(neg(relu(neg(x)))), 1);
  return add(relu(x), alpha === 1 ? negative : mul(negative, alpha));
}

/**
 * x times the standard normal distribution function at x (Hendrycks & Gimpel, arXiv 1606.08415), by erf or, when
 * `approximate`, by x/2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
 */
export function gelu(x: Value, options: { approximate?: boolean } = {}): Value {
  const half = mul(x, 0.5);
  if (!options.approximate) return mul(half, add(erf(mul(x, Math.SQRT1_2)), 1));
  const inner = mul(add(mul(mul(mul(x, x), x), 0.044715), x), Math.sqrt(2 / Math.PI));
  return mul(half, add(tanh(inner), 1));
}
