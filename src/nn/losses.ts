/**
 * Losses: from a network's outputs to a scalar. Where examples or numbers have weights (0: ignored), a loss is
 * sum w l / sum w, and 0 when all are ignored; without weights it is the mean.
 */
import {
  abs,
  add,
  cast,
  div,
  greater,
  greaterEqual,
  logSoftmax,
  maximum,
  mean,
  minimum,
  mul,
  neg,
  oneHot,
  softplus,
  sub,
  sum,
} from '../graph/build.ts';
import type { Value } from '../graph/graph.ts';
import { sizeOf } from '../tensor/tensor.ts';

export interface LabelWeights {
  /** Weight of each example, [N]. */
  readonly weights?: Value;
  /** Weight of each class, [K], with PyTorch's meaning: an example counts as its own class does in the denominator. */
  readonly classWeights?: Value;
}

/**
 * Softmax cross-entropy of logits [N, K] and class indices [N]. Label smoothing gives the true class 1 - s + s / K
 * and every other s / K (Szegedy et al., arXiv 1512.00567, section 7). Its gradient is formed from the logarithm of
 * the softmax (p - y), so large logits neither overflow nor divide by zero.
 */
export function softmaxCrossEntropy(
  logits: Value,
  labels: Value,
  labelSmoothing = 0,
  { weights, classWeights }: LabelWeights = {},
): Value {
  const [n, classes] = logits.shape;
  const hard = oneHot(labels, classes);
  const target = labelSmoothing === 0 ? hard : add(mul(hard, 1 - labelSmoothing), labelSmoothing / classes);
  const logProbabilities = logSoftmax(logits);
  if (!weights && !classWeights) return mul(neg(sum(mul(target, logProbabilities))), 1 / n);
  const perClass = classWeights ? mul(target, classWeights) : target;
  const losses = neg(sum(mul(perClass, logProbabilities), [1]));
  const ofClass = classWeights && sum(mul(hard, classWeights), [1]);
  const counted = weights && ofClass ? mul(weights, ofClass) : (weights ?? ofClass)!;
  return quotient(sum(weights ? mul(losses, weights) : losses), sum(counted));
}

/** Weights that ignore examples with a negative label: 1 where a label is a class, else 0. [N] -> float32 [N]. */
export const ignoreNegative = (labels: Value): Value => cast(greaterEqual(labels, 0), 'float32');

/**
 * Binary cross-entropy of logits x and targets y in [0, 1], of the same shape, after a sigmoid:
 * log(1 + e^x) - x y, which is exact for large |x| of either sign.
 */
export const binaryCrossEntropy = (logits: Value, targets: Value, weights?: Value): Value =>
  weightedMean(sub(softplus(logits), mul(logits, targets)), weights);

/**
 * Sigmoid cross-entropy of logits [N, K] and labels [N, K] of 1 (present), 0 (absent) and -1 (left out): the mean over
 * the N examples of the sum over the classes. Label smoothing s moves targets towards one half, to s / 2 and 1 - s / 2.
 */
export function maskedBinaryCrossEntropy(logits: Value, labels: Value, labelSmoothing = 0): Value {
  const hard = cast(greater(labels, 0), 'float32');
  const target = labelSmoothing === 0 ? hard : add(mul(hard, 1 - labelSmoothing), labelSmoothing / 2);
  const losses = mul(sub(softplus(logits), mul(logits, target)), ignoreNegative(labels));
  return mul(sum(losses), 1 / logits.shape[0]);
}

/**
 * |d| - beta / 2, and d^2 / (2 beta) where |d| < beta, with d = prediction - target (Girshick, arXiv 1504.08083,
 * equation 3, which has beta = 1). beta > 0.
 */
export function smoothL1(prediction: Value, target: Value, beta = 1, weights?: Value): Value {
  const size = abs(sub(prediction, target));
  const inner = minimum(size, beta);
  return weightedMean(mul(mul(inner, sub(size, mul(inner, 0.5))), 1 / beta), weights);
}

/** Mean absolute difference. */
export const l1 = (prediction: Value, target: Value, weights?: Value): Value =>
  weightedMean(abs(sub(prediction, target)), weights);

/** Mean squared difference. */
export function l2(prediction: Value, target: Value, weights?: Value): Value {
  const difference = sub(prediction, target);
  return weightedMean(mul(difference, difference), weights);
}

/** sum w l / sum w over all numbers, where weights broadcast to the values; the mean without weights. */
export function weightedMean(values: Value, weights?: Value): Value {
  if (!weights) return mean(values);
  const times = sizeOf(values.shape) / sizeOf(weights.shape);
  return quotient(sum(mul(values, weights)), mul(sum(weights), times));
}

/** total / count, and 0 where nothing counts. */
const quotient = (total: Value, count: Value): Value => div(total, maximum(count, 1e-12));
