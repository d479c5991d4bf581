/** ONNX's normalisations. Their scales and shifts are trained; batch norm gets its training form back. */
import {
  div,
  expand,
  groupNorm,
  layerNorm,
  localResponseNorm,
  mul,
  reshape,
  sqrt,
  sum,
} from '../../graph/functions.ts';
import type { Value } from '../../graph/graph.ts';
import { batchNorm, type Initializer, onesInit, zerosInit } from '../../nn/index.ts';
import { sizeOf, zeros } from '../../tensor/tensor.ts';
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

/** Over the last axes, from `axis` on (Ba et al., arXiv 1607.06450); scale and shift have these axes. */
function layerNormalization(call: Call): Value {
  const x = call.value(0);
  const axes = x.shape.slice(axisOf(call.node, call.attributes.int('axis', -1), x.shape.length));
  const vector = (index: number, initializer: Initializer) => reshape(call.weight(index, initializer), axes);
  const scale = vector(1, onesInit);
  const shift = call.has(2) ? vector(2, zerosInit) : call.context.net.graph.constant(zeros('float32', axes));
  return layerNorm(x, scale, shift, call.attributes.float('epsilon', 1e-5));
}

/** As an image [N, C, H, 1], whatever axes the pixels of `x` have. */
function asImage(x: Value): Value {
  const [n, c, ...pixels] = x.shape;
  return x.shape.length === 4 ? x : reshape(x, [n, c, sizeOf(pixels), 1]);
}

/** Over the pixels of each channel of each image. */
function instanceNormalization(call: Call): Value {
  const x = call.value(0);
  return reshape(normalised(call, asImage(x), x.shape[1]), x.shape);
}

/** Over the pixels and channels of each group of each image (Wu & He, arXiv 1803.08494). */
function groupNormalization(call: Call): Value {
  const x = call.value(0);
  return reshape(normalised(call, asImage(x), call.attributes.int('num_groups', 1)), x.shape);
}

function normalised(call: Call, image: Value, groups: number): Value {
  const channels = image.shape[1];
  // Up to opset 20 group norm had one scale for each group, since then it has one for each channel.
  const vector = (index: number, initializer: Initializer) => {
    const given = call.weight(index, initializer);
    if (sizeOf(given.shape) !== groups || groups === channels) return given;
    const rows = expand(reshape(given, [groups, 1]), [groups, channels / groups]);
    return reshape(rows, [channels]);
  };
  const epsilon = call.attributes.float('epsilon', 1e-5);
  return groupNorm(image, vector(1, onesInit), vector(2, zerosInit), groups, epsilon);
}

/** Over neighbouring channels (Krizhevsky et al. 2012, section 3.3). */
function localResponse(call: Call): Value {
  const { attributes } = call;
  return localResponseNorm(call.value(0), {
    size: attributes.int('size', 1),
    alpha: attributes.float('alpha', 1e-4),
    beta: attributes.float('beta', 0.75),
    k: attributes.float('bias', 1),
  });
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
  LRN: localResponse,
};
