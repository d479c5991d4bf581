/** Losses: from a network's outputs to a scalar. */
import { add, logSoftmax, mul, neg, oneHot, sum } from '../graph/build.ts';
import type { Value } from '../graph/graph.ts';

/**
 * Mean softmax cross-entropy of logits [N, K] and class indices [N]. Label smoothing gives the true class
 * 1 - s + s / K and every other s / K (Szegedy et al., arXiv 1512.00567, section 7).
 */
export function softmaxCrossEntropy(logits: Value, labels: Value, labelSmoothing = 0): Value {
  const [n, classes] = logits.shape;
  const hard = oneHot(labels, classes);
  const target = labelSmoothing === 0 ? hard : add(mul(hard, 1 - labelSmoothing), labelSmoothing / classes);
  return mul(neg(sum(mul(target, logSoftmax(logits)))), 1 / n);
}
