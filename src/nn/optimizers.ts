/** Optimizers as graph: from parameter, gradient and state to the new parameter and state. */
import { add, mul, sub } from '../graph/build.ts';
import type { Value } from '../graph/graph.ts';

export interface SgdInputs {
  /** Scalars of the graph, so that one compiled step serves every point of a hyper-parameter grid. */
  readonly learningRate: Value;
  readonly weightDecay: Value;
  readonly momentum: number;
}

/**
 * SGD with Nesterov momentum and L2 weight decay, as PyTorch defines it (Sutskever et al. 2013):
 * g' = g + wd p;  v' = m v + g';  p' = p - lr (g' + m v').
 */
export function nesterovSgd(
  parameter: Value,
  gradient: Value,
  velocity: Value,
  { learningRate, weightDecay, momentum }: SgdInputs,
): { parameter: Value; velocity: Value } {
  const decayed = add(gradient, mul(parameter, weightDecay));
  const newVelocity = add(mul(velocity, momentum), decayed);
  const update = mul(add(decayed, mul(newVelocity, momentum)), learningRate);
  return { parameter: sub(parameter, update), velocity: newVelocity };
}
