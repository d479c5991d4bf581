/**
 * Vector-Jacobian products: for every op, the cotangents of its operands from the cotangent `dy` of its first
 * output. The formula stands above the rule. `zero`: piecewise constant, its gradient is nothing to pass on.
 */
import {
  add,
  between,
  cast,
  channelAffine,
  channelWindowSum,
  conv2d,
  cumulativeSum,
  div,
  equal,
  exp,
  expand,
  gatherElements,
  gatherNd,
  greater,
  less,
  log,
  matmul,
  mul,
  neg,
  pad,
  pow,
  reshape,
  resize2d,
  scatterElements,
  scatterNd,
  sigmoid,
  slice,
  step,
  sub,
  sum,
  transpose,
} from '../graph/build.ts';
import type { NodeOf, Value } from '../graph/graph.ts';
import { poolOutputSize } from '../graph/infer.ts';
import type { Op, OpAttributes } from '../graph/ops.ts';
import { type Shape, sameShape, sizeOf } from '../tensor/tensor.ts';
import { roiAlignCotangent } from './roi-align.ts';

type Cotangents = readonly (Value | undefined)[];
export type VjpRule<O extends Op> =
  | 'zero'
  | 'not differentiable'
  | ((node: NodeOf<O>, dy: Value) => Cotangents);

/** Sums a cotangent of the broadcast result back to an operand's shape. */
function unbroadcast(dy: Value, shape: Shape): Value {
  if (sameShape(dy.shape, shape)) return dy;
  const lead = dy.shape.length - shape.length;
  const axes = dy.shape.flatMap((extent, axis) =>
    axis < lead || (shape[axis - lead] === 1 && extent !== 1) ? [axis] : [],
  );
  return reshape(sum(dy, axes, true), shape);
}

/** The shape of a reduction's result with its reduced axes kept as 1. */
function keptShape(shape: Shape, axes: readonly number[]): Shape {
  return shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
}

function spread({ inputs: [x], attributes: { axes } }: NodeOf<'sum' | 'mean'>, dy: Value): Value {
  return expand(reshape(dy, keptShape(x.shape, axes)), x.shape);
}

const zeros = (like: Value): Value => expand(like.graph.scalar(0), like.shape);

/** Adds each part's cotangent where the part was taken: x as [P, A, Q], dy as [P, M, Q], rows first. */
function gatherCotangent(x: Value, indices: Value, axis: number, dy: Value): Value {
  const [before, count, after] = [
    sizeOf(x.shape.slice(0, axis)),
    sizeOf(indices.shape),
    sizeOf(x.shape.slice(axis + 1)),
  ];
  const rows = transpose(reshape(dy, [before, count, after]), [1, 0, 2]);
  const none = expand(x.graph.scalar(0), [x.shape[axis], before, after]);
  const summed = scatterNd(none, reshape(indices, [count, 1]), rows, 'add');
  return reshape(transpose(summed, [1, 0, 2]), x.shape);
}

/** Equal maxima (or minima) share the gradient. */
function shareAmongEqual(
  { inputs: [x], outputs: [y], attributes: { axes } }: NodeOf<'max' | 'min'>,
  dy: Value,
): Cotangents {
  const kept = keptShape(x.shape, axes);
  const winners = cast(equal(x, expand(reshape(y, kept), x.shape)), 'float32');
  return [mul(winners, div(reshape(dy, kept), sum(winners, axes, true)))];
}

const countOf = (shape: Shape, axes: readonly number[]) => sizeOf(axes.map((axis) => shape[axis]));
const ofScalar = (like: Value, value: number) => like.graph.scalar(value);

/** How many cells of each average-pooling window count, [1, 1, OH, OW]. */
function windowCounts(
  input: Shape,
  a: OpAttributes['averagePool2d'],
): { shape: Shape; counts: Float32Array } {
  const [oh, ow] = poolOutputSize(input, a);
  const along = (axis: 0 | 1, position: number) => {
    const start = position * a.strides[axis] - a.padding[axis];
    const low = a.countIncludePad ? -a.padding[axis] : 0;
    const high = input[2 + axis] + (a.countIncludePad ? a.padding[axis + 2] : 0);
    return Math.min(start + a.kernel[axis], high) - Math.max(start, low);
  };
  const counts = Float32Array.from(
    { length: oh * ow },
    (_, i) => along(0, Math.floor(i / ow)) * along(1, i % ow),
  );
  return { shape: [1, 1, oh, ow], counts };
}

export const vjpRules: { [O in Op]: VjpRule<O> } = {
  input: 'zero',
  constant: 'zero',
  random: 'zero',

  neg: (_, dy) => [neg(dy)],
  // y = e^x: dx = dy y
  exp: ({ outputs: [y] }, dy) => [mul(dy, y)],
  log: ({ inputs: [x] }, dy) => [div(dy, x)],
  // y = sqrt x: dx = dy / (2 y)
  sqrt: ({ outputs: [y] }, dy) => [div(mul(dy, 0.5), y)],
  // y = 1 / x: dx = -dy y^2
  reciprocal: ({ outputs: [y] }, dy) => [neg(mul(dy, mul(y, y)))],
  // d|x| = sign x
  abs: ({ inputs: [x] }, dy) => [mul(dy, sub(step(x), step(neg(x))))],
  // dx = dy y (1 - y)
  sigmoid: ({ outputs: [y] }, dy) => [mul(dy, mul(y, sub(ofScalar(y, 1), y)))],
  floor: 'zero',
  round: 'zero',
  hardSigmoid: ({ outputs: [y], attributes: { alpha } }, dy) => [mul(dy, mul(between(y, 0, 1), alpha))],
  // y = log(1 + e^x): dx = dy / (1 + e^-x)
  softplus: ({ inputs: [x] }, dy) => [mul(dy, sigmoid(x))],
  // dx = dy (1 - y^2)
  tanh: ({ outputs: [y] }, dy) => [mul(dy, sub(ofScalar(y, 1), mul(y, y)))],
  // dx = dy 2 / sqrt(pi) e^(-x^2)
  erf: ({ inputs: [x] }, dy) => [mul(dy, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI)))],
  // The mask is taken from y, so that x need not be kept.
  relu: ({ outputs: [y] }, dy) => [mul(dy, step(y))],
  // dx = dy (slope + (1 - slope) [x > 0])
  leakyRelu: ({ inputs: [x], attributes: { slope } }, dy) => [mul(dy, add(mul(step(x), 1 - slope), slope))],
  clip: ({ outputs: [y], attributes: { min, max } }, dy) => [mul(dy, between(y, min, max))],
  step: 'zero',
  between: 'zero',
  cast: ({ inputs: [x] }, dy) => [x.dtype === 'float32' ? dy : undefined],

  add: ({ inputs: [a, b] }, dy) => [unbroadcast(dy, a.shape), unbroadcast(dy, b.shape)],
  sub: ({ inputs: [a, b] }, dy) => [unbroadcast(dy, a.shape), unbroadcast(neg(dy), b.shape)],
  mul: ({ inputs: [a, b] }, dy) => [unbroadcast(mul(dy, b), a.shape), unbroadcast(mul(dy, a), b.shape)],
  // y = a / b: da = dy / b, db = -dy y / b
  div: ({ inputs: [a, b], outputs: [y] }, dy) => {
    const da = div(dy, b);
    return [unbroadcast(da, a.shape), unbroadcast(neg(mul(da, y)), b.shape)];
  },
  // y = a^b: da = dy b a^(b - 1), db = dy y log a
  pow: ({ inputs: [a, b], outputs: [y] }, dy) => [
    unbroadcast(mul(dy, mul(pow(a, sub(b, 1)), b)), a.shape),
    unbroadcast(mul(dy, mul(y, log(a))), b.shape),
  ],
  // A tie passes the gradient to the second operand.
  maximum: ({ inputs: [a, b] }, dy) => {
    const first = mul(dy, cast(greater(a, b), 'float32'));
    return [unbroadcast(first, a.shape), unbroadcast(sub(dy, first), b.shape)];
  },
  minimum: ({ inputs: [a, b] }, dy) => {
    const first = mul(dy, cast(less(a, b), 'float32'));
    return [unbroadcast(first, a.shape), unbroadcast(sub(dy, first), b.shape)];
  },
  greater: 'zero',
  greaterEqual: 'zero',
  equal: 'zero',
  and: 'zero',
  or: 'zero',
  not: 'zero',
  where: ({ inputs: [condition, a, b] }, dy) => {
    const first = mul(dy, cast(condition, 'float32'));
    return [undefined, unbroadcast(first, a.shape), unbroadcast(sub(dy, first), b.shape)];
  },

  // Y = A B: dA = dY B^T, dB = A^T dY; a transposed operand's cotangent is transposed.
  matmul: ({ inputs: [a, b], attributes: { transposeA, transposeB } }, dy) => [
    transposeA
      ? matmul(b, dy, { transposeA: transposeB, transposeB: true })
      : matmul(dy, b, { transposeB: !transposeB }),
    transposeB
      ? matmul(dy, a, { transposeA: true, transposeB: transposeA })
      : matmul(a, dy, { transposeA: !transposeA }),
  ],
  sum: (node, dy) => [spread(node, dy)],
  mean: (node, dy) => [spread(node, mul(dy, 1 / countOf(node.inputs[0].shape, node.attributes.axes)))],
  max: shareAmongEqual,
  min: shareAmongEqual,
  // Each number is in the sums behind it, so its cotangent is the sum of theirs.
  cumulativeSum: ({ attributes: { axis, exclusive, reverse } }, dy) => [
    cumulativeSum(dy, axis, { exclusive, reverse: !reverse }),
  ],
  // dx = y (dy - sum dy y)
  softmax: ({ outputs: [y], attributes: { axis } }, dy) => [mul(y, sub(dy, sum(mul(dy, y), [axis], true)))],
  // dx = dy - e^y sum dy
  logSoftmax: ({ outputs: [y], attributes: { axis } }, dy) => [sub(dy, mul(exp(y), sum(dy, [axis], true)))],
  argMax: 'zero',
  oneHot: 'zero',

  reshape: ({ inputs: [x] }, dy) => [reshape(dy, x.shape)],
  transpose: ({ attributes: { permutation } }, dy) => [
    transpose(
      dy,
      permutation.map((_, axis) => permutation.indexOf(axis)),
    ),
  ],
  expand: ({ inputs: [x] }, dy) => [unbroadcast(dy, x.shape)],
  concat: ({ inputs, attributes: { axis } }, dy) => {
    let offset = 0;
    return inputs.map((part) => {
      const starts = dy.shape.map((_, other) => (other === axis ? offset : 0));
      offset += part.shape[axis];
      const ends = dy.shape.map((extent, other) => (other === axis ? offset : extent));
      return slice(dy, starts, ends);
    });
  },
  // What was not taken gets zero.
  slice: ({ inputs: [x], attributes: { starts, steps } }, dy) => {
    const after = x.shape.map(
      (extent, axis) => extent - starts[axis] - (dy.shape[axis] - 1) * steps[axis] - 1,
    );
    return [pad(dy, starts, after, { interior: steps.map((stride) => stride - 1) })];
  },
  pad: ({ inputs: [x], attributes: { before, interior } }, dy) => {
    const steps = interior.map((gap) => gap + 1);
    const ends = x.shape.map((extent, axis) => before[axis] + (extent - 1) * steps[axis] + 1);
    return [slice(dy, before, ends, steps)];
  },

  gather: ({ inputs: [x, indices], attributes: { axis } }, dy) => [gatherCotangent(x, indices, axis, dy)],
  gatherElements: ({ inputs: [x, indices], attributes: { axis } }, dy) => [
    scatterElements(zeros(x), indices, dy, axis, 'add'),
  ],
  // What was replaced does not count.
  scatterElements: ({ inputs: [, indices, updates], attributes: { axis, reduction } }, dy) => [
    reduction === 'add' ? dy : scatterElements(dy, indices, zeros(updates), axis),
    undefined,
    gatherElements(dy, indices, axis),
  ],
  gatherNd: ({ inputs: [x, indices] }, dy) => [scatterNd(zeros(x), indices, dy, 'add')],
  scatterNd: ({ inputs: [, indices, updates], attributes: { reduction } }, dy) => [
    reduction === 'add' ? dy : scatterNd(dy, indices, zeros(updates)),
    undefined,
    gatherNd(dy, indices),
  ],
  topK: ({ inputs: [x], outputs: [, indices], attributes: { axis } }, dy) => [
    scatterElements(zeros(x), indices, dy, axis),
  ],
  nonMaxSuppression: 'zero',

  conv2d: ({ inputs: [x, w], attributes }, dy) => {
    const graph = x.graph;
    return [
      graph.emit('conv2dInputGradient', [dy, w], { ...attributes, inputShape: x.shape })[0],
      graph.emit('conv2dWeightGradient', [x, dy], { ...attributes, weightShape: w.shape })[0],
    ];
  },
  // The three convolution ops are one trilinear form, so each one's cotangents are the other two.
  conv2dInputGradient: ({ inputs: [dy, w], attributes: { inputShape, ...a } }, dx) => [
    conv2d(dx, w, a),
    dy.graph.emit('conv2dWeightGradient', [dx, dy], { ...a, weightShape: w.shape })[0],
  ],
  conv2dWeightGradient: ({ inputs: [x, dy], attributes: { weightShape, ...a } }, dw) => [
    x.graph.emit('conv2dInputGradient', [dy, dw], { ...a, inputShape: x.shape })[0],
    conv2d(x, dw, a),
  ],
  maxPool2d: ({ inputs: [x], outputs: [, indices] }, dy) => [
    x.graph.emit('maxPool2dGradient', [dy, indices], { inputShape: x.shape })[0],
  ],
  maxPool2dGradient: 'not differentiable',
  // The transpose of a depthwise convolution with a kernel of ones, after division by the window's count.
  averagePool2d: ({ inputs: [x], outputs: [y], attributes: a }, dy) => {
    const graph = x.graph;
    const channels = x.shape[1];
    const { shape, counts } = windowCounts(x.shape, a);
    const share = div(dy, graph.constant({ dtype: 'float32', shape, data: counts }));
    const ones = new Float32Array(channels * a.kernel[0] * a.kernel[1]).fill(1);
    const kernel = graph.constant({ dtype: 'float32', shape: [channels, 1, ...a.kernel], data: ones });
    // With ceil mode the last window may pass the padding: the padding after grows until the sizes agree.
    const reach = (axis: 0 | 1) =>
      (y.shape[2 + axis] - 1) * a.strides[axis] + a.kernel[axis] - a.padding[axis];
    const after = (axis: 0 | 1) => Math.max(0, reach(axis) - x.shape[2 + axis]);
    const padding = [a.padding[0], a.padding[1], after(0), after(1)] as const;
    const attributes = {
      strides: a.strides,
      padding,
      dilations: [1, 1] as const,
      groups: channels,
      inputShape: x.shape,
    };
    return [graph.emit('conv2dInputGradient', [share, kernel], attributes)[0]];
  },
  batchNorm: ({ inputs: [x, scale], outputs: [, mean, variance], attributes }, dy) =>
    x.graph.emit('batchNormGradient', [dy, x, mean, variance, scale], attributes),
  batchNormGradient: 'not differentiable',
  groupNorm: ({ inputs: [x, scale], outputs: [, mean, variance], attributes }, dy) =>
    x.graph.emit('groupNormGradient', [dy, x, mean, variance, scale], attributes),
  groupNormGradient: 'not differentiable',
  // y = x s^-b, s = k + a / n W(x^2): dx = dy s^-b - 2 a b / n x W^T(dy y / s)
  localResponseNorm: ({ inputs: [x], outputs: [y, s], attributes: { size, alpha, beta } }, dy) => {
    const behind = Math.floor(size / 2);
    const summed = channelWindowSum(div(mul(dy, y), s), behind, size - 1 - behind);
    return [sub(mul(dy, pow(s, -beta)), mul(mul(x, summed), (2 * alpha * beta) / size))];
  },
  channelWindowSum: ({ attributes: { before, after } }, dy) => [channelWindowSum(dy, after, before)],
  resize2d: ({ inputs: [x], attributes: { size: _, ...a } }, dy) => [
    x.graph.emit('resize2dGradient', [dy], { ...a, inputShape: x.shape })[0],
  ],
  resize2dGradient: ({ inputs: [dy], attributes: { inputShape: _, ...a } }, dx) => [
    resize2d(dx, { ...a, size: [dy.shape[2], dy.shape[3]] }),
  ],
  roiAlign: (node, dy) => [roiAlignCotangent(node, dy)],
  // dx = dy scale, dscale = sum dy x, dbias = sum dy
  channelAffine: ({ inputs: [x, scale] }, dy) => {
    const none = x.graph.constant({
      dtype: 'float32',
      shape: scale.shape,
      data: new Float32Array(scale.shape[0]),
    });
    return [channelAffine(dy, scale, none), sum(mul(dy, x), [0, 2, 3]), sum(dy, [0, 2, 3])];
  },
};
