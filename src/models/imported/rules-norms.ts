/** ONNX's normalisations. Their scales and shifts are trained; batch norm gets its training form back. */
import { add, div, mean, mul, reshape, sqrt, sub, sum } from '../../graph/functions.ts';
import type { Value } from '../../graph/graph.ts';
import { batchNorm, onesInit, zerosInit } from '../../nn/index.ts';
import { sizeOf } from '../../tensor/tensor.ts';
import type { Call, Rule } from './call.ts';
import { axisOf, unsupported } from './operand.ts';

/**
 * Batch norm with stored statistics, in training with those of the batch. Files exported in training mode
 * (`training_mode`, or up to opset 13 more than one output) mean the same layer.
 */
function batchNormalization(call: Call): Value {
  call.expect('spatial', 1);
  const { net, variables } = call.context;
  const x = call.value(0);
  const [weight, bias, average, variance] = [1, 2, 3, 4].map((index) =>
    variables.record(call.constant(index), call.node),
  );
  const options = {
    epsilon: call.attributes.float('epsilon', 1e-5),
    names: { weight, bias, mean: average, variance },
  };
  const name = call.node.name || call.node.outputs[0];
  if (x.shape.length === 4) return batchNorm(net, name, x, options);
  if (x.shape.length !== 2) throw unsupported(call.node, `normalises ${x.shape.length} axes`);
  return reshape(batchNorm(net, name, reshape(x, [...x.shape, 1, 1]), options), x.shape);
}

/** (x - mean) / sqrt(variance + epsilon), both over `axes`. */
function standardised(x: Value, axes: readonly number[], epsilon: number): Value {
  const centred = sub(x, mean(x, axes, true));
  return div(centred, sqrt(add(mean(mul(centred, centred), axes, true), epsilon)));
}

const axesFrom = (x: Value, first: number): number[] => x.shape.map((_, axis) => axis).slice(first);

/** Over the last axes, from `axis` on (Ba et al., arXiv 1607.06450). */
function layerNormalization(call: Call): Value {
  const x = call.value(0);
  const first = axisOf(call.node, call.attributes.int('axis', -1), x.shape.length);
  const y = standardised(x, axesFrom(x, first), call.attributes.float('epsilon', 1e-5));
  const product = mul(y, call.weight(1, onesInit));
  return call.has(2) ? add(product, call.weight(2, zerosInit)) : product;
}

/** A trained number for each channel of [N, C, ...]. */
function perChannel(call: Call, index: number, x: Value): Value {
  const vector = call.weight(index, index === 1 ? onesInit : zerosInit);
  return reshape(vector, [sizeOf(vector.shape), ...x.shape.slice(2).map(() => 1)]);
}

/** Over the pixels of each channel of each image. */
function instanceNormalization(call: Call): Value {
  const x = call.value(0);
  const y = standardised(x, axesFrom(x, 2), call.attributes.float('epsilon', 1e-5));
  return add(mul(y, perChannel(call, 1, x)), perChannel(call, 2, x));
}

/** Over the pixels and channels of each group of each image (Wu & He, arXiv 1803.08494). */
function groupNormalization(call: Call): Value {
  const x = call.value(0);
  const groups = call.attributes.int('num_groups', 1);
  const rows = reshape(x, [x.shape[0], groups, sizeOf(x.shape.slice(1)) / groups]);
  const y = standardised(rows, [2], call.attributes.float('epsilon', 1e-5));
  // Up to opset 20 there was one scale for each group, since then there is one for each channel.
  if (sizeOf(call.constant(1).tensor.shape) !== x.shape[1]) {
    return reshape(add(mul(y, perChannel(call, 1, rows)), perChannel(call, 2, rows)), x.shape);
  }
  return add(mul(reshape(y, x.shape), perChannel(call, 1, x)), perChannel(call, 2, x));
}

/** x / (|x| over one axis) */
function lpNormalization(call: Call): Value {
  call.expect('p', 2);
  const x = call.value(0);
  const axis = axisOf(call.node, call.attributes.int('axis', -1), x.shape.length);
  return div(x, sqrt(sum(mul(x, x), [axis], true)));
}

export const NORMS: Readonly<Record<string, Rule>> = {
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  InstanceNormalization: instanceNormalization,
  GroupNormalization: groupNormalization,
  LpNormalization: lpNormalization,
};
