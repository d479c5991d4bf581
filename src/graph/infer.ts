/** Shape and type of every op's outputs, and the check that its operands fit: one rule per op. */
import { type DType, type Shape, sameShape, showShape, sizeOf } from '../tensor/tensor.ts';
import { UserError } from '../util/errors.ts';
import type { ValueType } from './graph.ts';
import type { ConvAttributes, Op, OpAttributes, PoolAttributes } from './ops.ts';

/** Thrown by rules; `infer` adds op, layer and operand shapes. */
class Misfit extends Error {}

function require(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Misfit(message);
}

type Rule<O extends Op> = (inputs: readonly ValueType[], attributes: OpAttributes[O]) => ValueType[];

/** Types of the outputs of `op`; a UserError that names layer, operands and reason when they do not fit. */
export function infer<O extends Op>(
  op: O,
  inputs: readonly ValueType[],
  attributes: OpAttributes[O],
  scope: string,
): ValueType[] {
  try {
    return (RULES[op] as Rule<O>)(inputs, attributes);
  } catch (error) {
    if (!(error instanceof Misfit)) throw error;
    const operands = inputs.map((value) => `${value.dtype} ${showShape(value.shape)}`).join(', ');
    const where = scope ? ` in layer "${scope}"` : '';
    throw new UserError(
      'SHAPE_MISFIT',
      `${op}(${operands})${where} does not fit: ${error.message}.`,
      'Check the shapes that reach this layer.',
    );
  }
}

/** NumPy's broadcast of two shapes. */
export function broadcastShapes(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const x = a[axis - rank + a.length] ?? 1;
    const y = b[axis - rank + b.length] ?? 1;
    require(x === y || x === 1 || y === 1, `shapes ${showShape(a)} and ${showShape(b)} do not broadcast`);
    return x === 1 ? y : x;
  });
}

const f32 = (shape: Shape): ValueType => ({ shape, dtype: 'float32' });
const sameAs = ([x]: readonly ValueType[]): ValueType[] => [{ shape: x.shape, dtype: x.dtype }];

function elementwise(dtype?: DType) {
  return ([a, b]: readonly ValueType[]): ValueType[] => {
    require(a.dtype === b.dtype, 'operands differ in type');
    return [{ shape: broadcastShapes(a.shape, b.shape), dtype: dtype ?? a.dtype }];
  };
}

function logical(values: readonly ValueType[]): ValueType[] {
  require(values.every(({ dtype }) => dtype === 'bool'), 'operands must be bools');
  const shape = values.map((value) => value.shape).reduce(broadcastShapes);
  return [{ shape, dtype: 'bool' }];
}

/** Axes count from 0; each may be named once. */
function requireAxes(x: ValueType, axes: readonly number[]): void {
  const known = axes.every((axis) => Number.isInteger(axis) && axis >= 0 && axis < x.shape.length);
  require(known &&
    new Set(axes).size === axes.length, `axes [${axes}] are not different axes of the operand`);
}

function alongAxis([x]: readonly ValueType[], { axis }: { readonly axis: number }): ValueType[] {
  requireAxes(x, [axis]);
  return sameAs([x]);
}

function reduce([x]: readonly ValueType[], { axes, keepDims }: OpAttributes['sum']): ValueType[] {
  requireAxes(x, axes);
  const shape = x.shape.flatMap((extent, axis) => (axes.includes(axis) ? (keepDims ? [1] : []) : [extent]));
  return [{ shape, dtype: x.dtype }];
}

/** Output height and width of a convolution. */
export function convOutputSize(input: Shape, weight: Shape, a: ConvAttributes): [number, number] {
  const size = (axis: 0 | 1) => {
    const padded = input[2 + axis] + a.padding[axis] + a.padding[axis + 2];
    const span = (weight[2 + axis] - 1) * a.dilations[axis] + 1;
    return Math.floor((padded - span) / a.strides[axis]) + 1;
  };
  return [size(0), size(1)];
}

function conv2d([x, w]: readonly ValueType[], a: ConvAttributes): ValueType[] {
  require(x.shape.length === 4 && w.shape.length === 4, 'image and weight must have four axes');
  require(x.dtype === 'float32' && w.dtype === 'float32', 'image and weight must be float32');
  const [n, c] = x.shape;
  const [o, i] = w.shape;
  require(c === i * a.groups, `the image has ${c} channels, the weight takes ${i} x ${a.groups} groups`);
  require(o % a.groups === 0, `${o} output channels do not divide into ${a.groups} groups`);
  const [h, v] = convOutputSize(x.shape, w.shape, a);
  require(h > 0 && v > 0, `the kernel ${w.shape[2]}x${w.shape[3]} is larger than the padded image`);
  return [f32([n, o, h, v])];
}

/** The pooling whose window is as long as a dilated one. */
export function dilatedWindow(a: OpAttributes['maxPool2d']): PoolAttributes {
  const span = (axis: 0 | 1) => (a.kernel[axis] - 1) * a.dilations[axis] + 1;
  return { ...a, kernel: [span(0), span(1)] };
}

/** Output height and width of a pooling op. */
export function poolOutputSize(input: Shape, a: PoolAttributes): [number, number] {
  const size = (axis: 0 | 1) => {
    const [before, after] = [a.padding[axis], a.padding[axis + 2]];
    const steps = (input[2 + axis] + before + after - a.kernel[axis]) / a.strides[axis];
    if (!a.ceilMode) return Math.floor(steps) + 1;
    const count = Math.ceil(steps) + 1;
    return (count - 1) * a.strides[axis] >= input[2 + axis] + before ? count - 1 : count;
  };
  return [size(0), size(1)];
}

function pool([x]: readonly ValueType[], a: PoolAttributes): ValueType[] {
  require(x.shape.length === 4, 'the image must have four axes');
  const [h, w] = poolOutputSize(x.shape, a);
  require(h > 0 && w > 0, `the window ${a.kernel} is larger than the padded image`);
  return [f32([x.shape[0], x.shape[1], h, w])];
}

function channels(x: ValueType, ...vectors: ValueType[]): Shape {
  require(x.shape.length === 4, 'the image must have four axes');
  for (const { shape } of vectors) {
    require(sameShape(shape, [
      x.shape[1],
    ]), `a vector of shape ${showShape(shape)} for ${x.shape[1]} channels`);
  }
  return [x.shape[1]];
}

/** Mean or variance of each image's groups of channels. */
function groupStatistics(x: ValueType, groups: number): ValueType {
  const [count] = channels(x);
  require(groups >= 1 && count % groups === 0, `${count} channels do not divide into ${groups} groups`);
  return f32([x.shape[0], groups]);
}

const isIndex = ({ dtype }: ValueType) => dtype === 'int32' || dtype === 'int64';

function requireIndices(indices: ValueType): void {
  require(isIndex(indices), 'indices must be integers');
}

/** Indices of an elementwise selection: as many axes as x, and off the axis no longer than x. */
function requireElementIndices(x: ValueType, indices: ValueType, axis: number): void {
  requireAxes(x, [axis]);
  requireIndices(indices);
  const fits =
    indices.shape.length === x.shape.length &&
    indices.shape.every((extent, other) => other === axis || extent <= x.shape[other]);
  require(fits, `indices of shape ${showShape(indices.shape)} for ${showShape(x.shape)} along axis ${axis}`);
}

/** The shape of what rows of indices [.., K] name in x. */
function partsShape(x: ValueType, indices: ValueType): Shape {
  requireIndices(indices);
  const named = indices.shape[indices.shape.length - 1] ?? 0;
  require(named >= 1 && named <= x.shape.length, `rows of ${named} indices for ${x.shape.length} axes`);
  return [...indices.shape.slice(0, -1), ...x.shape.slice(named)];
}

function requireUpdates(x: ValueType, updates: ValueType, shape: Shape): void {
  require(sameShape(updates.shape, shape), `the updates should be ${showShape(shape)}`);
  require(updates.dtype === x.dtype, 'operand and updates differ in type');
}

const RULES: { [O in Op]: Rule<O> } = {
  input: (_, { shape, dtype }) => [{ shape, dtype }],
  constant: (_, { value }) => [{ shape: value.shape, dtype: value.dtype }],
  random: (_, { shape }) => [f32(shape)],

  neg: sameAs,
  exp: sameAs,
  log: sameAs,
  sqrt: sameAs,
  reciprocal: sameAs,
  abs: sameAs,
  floor: sameAs,
  round: sameAs,
  sigmoid: sameAs,
  hardSigmoid: sameAs,
  softplus: sameAs,
  tanh: sameAs,
  erf: sameAs,
  relu: sameAs,
  leakyRelu: sameAs,
  clip: sameAs,
  step: sameAs,
  between: sameAs,
  cast: ([x], { to }) => [{ shape: x.shape, dtype: to }],

  add: elementwise(),
  sub: elementwise(),
  mul: elementwise(),
  div: elementwise(),
  pow: elementwise(),
  maximum: elementwise(),
  minimum: elementwise(),
  greater: elementwise('bool'),
  greaterEqual: elementwise('bool'),
  equal: elementwise('bool'),
  and: logical,
  or: logical,
  not: logical,
  where: ([condition, a, b]) => {
    require(condition.dtype === 'bool' &&
      a.dtype === b.dtype, 'where takes a bool and two values of one type');
    return [{ shape: broadcastShapes(condition.shape, broadcastShapes(a.shape, b.shape)), dtype: a.dtype }];
  },

  matmul: ([a, b], { transposeA, transposeB }) => {
    const rank = a.shape.length;
    require(rank >= 2 && rank === b.shape.length, 'operands must have the same number of axes, two at least');
    const [m, k] = transposeA ? [a.shape[rank - 1], a.shape[rank - 2]] : a.shape.slice(-2);
    const [l, n] = transposeB ? [b.shape[rank - 1], b.shape[rank - 2]] : b.shape.slice(-2);
    require(k === l, `inner extents ${k} and ${l} differ`);
    require(sameShape(a.shape.slice(0, -2), b.shape.slice(0, -2)), 'batch extents differ');
    return [f32([...a.shape.slice(0, -2), m, n])];
  },
  sum: reduce,
  mean: reduce,
  max: reduce,
  min: reduce,
  cumulativeSum: alongAxis,
  softmax: alongAxis,
  logSoftmax: alongAxis,
  argMax: ([x], { axis }) => {
    requireAxes(x, [axis]);
    return [{ shape: x.shape.filter((_, other) => other !== axis), dtype: 'int64' }];
  },
  oneHot: ([x], { depth }) => {
    require(x.dtype === 'int32' || x.dtype === 'int64', 'class indices must be integers');
    return [f32([...x.shape, depth])];
  },

  reshape: ([x], { shape }) => {
    require(sizeOf(x.shape) === sizeOf(shape), `${sizeOf(x.shape)} numbers do not fill ${showShape(shape)}`);
    return [{ shape, dtype: x.dtype }];
  },
  transpose: ([x], { permutation }) => {
    const sorted = [...permutation].sort((a, b) => a - b);
    require(sameShape(
      sorted,
      x.shape.map((_, axis) => axis),
    ), `[${permutation}] does not permute the axes`);
    return [{ shape: permutation.map((axis) => x.shape[axis]), dtype: x.dtype }];
  },
  expand: ([x], { shape }) => {
    require(sameShape(broadcastShapes(x.shape, shape), shape), `does not broadcast to ${showShape(shape)}`);
    return [{ shape, dtype: x.dtype }];
  },
  concat: (values, { axis }) => {
    const [first] = values;
    requireAxes(first, [axis]);
    const others = (shape: Shape) => shape.filter((_, other) => other !== axis);
    for (const value of values) {
      require(value.dtype === first.dtype &&
        sameShape(others(value.shape), others(first.shape)), 'parts differ off the axis');
    }
    const total = values.reduce((sum, value) => sum + value.shape[axis], 0);
    return [
      { shape: first.shape.map((extent, other) => (other === axis ? total : extent)), dtype: first.dtype },
    ];
  },
  slice: ([x], { starts, ends, steps }) => {
    const rank = x.shape.length;
    require([starts, ends, steps].every(
      (list) => list.length === rank,
    ), 'starts, ends and steps need one entry per axis');
    const shape = x.shape.map((extent, axis) => {
      const inside =
        0 <= starts[axis] && starts[axis] < ends[axis] && ends[axis] <= extent && steps[axis] >= 1;
      require(inside, `${starts[axis]}:${ends[axis]}:${steps[axis]} is not a range of axis ${axis}`);
      return Math.ceil((ends[axis] - starts[axis]) / steps[axis]);
    });
    return [{ shape, dtype: x.dtype }];
  },
  pad: ([x], { before, after, interior }) => {
    require([before, after, interior].every(
      (list) => list.length === x.shape.length && list.every((n) => n >= 0),
    ), 'padding must be 0 or more for every axis');
    const shape = x.shape.map(
      (extent, axis) => before[axis] + extent + (extent - 1) * interior[axis] + after[axis],
    );
    return [{ shape, dtype: x.dtype }];
  },

  gather: ([x, indices], { axis }) => {
    requireAxes(x, [axis]);
    requireIndices(indices);
    const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
    return [{ shape, dtype: x.dtype }];
  },
  gatherElements: ([x, indices], { axis }) => {
    requireElementIndices(x, indices, axis);
    return [{ shape: indices.shape, dtype: x.dtype }];
  },
  scatterElements: ([x, indices, updates], { axis }) => {
    requireElementIndices(x, indices, axis);
    requireUpdates(x, updates, indices.shape);
    return sameAs([x]);
  },
  gatherNd: ([x, indices]) => [{ shape: partsShape(x, indices), dtype: x.dtype }],
  scatterNd: ([x, indices, updates]) => {
    requireUpdates(x, updates, partsShape(x, indices));
    return sameAs([x]);
  },
  topK: ([x], { axis, k }) => {
    requireAxes(x, [axis]);
    require(Number.isInteger(k) && k >= 1 && k <= x.shape[axis], `takes ${k} of ${x.shape[axis]}`);
    const shape = x.shape.map((extent, other) => (other === axis ? k : extent));
    return [
      { shape, dtype: x.dtype },
      { shape, dtype: 'int64' },
    ];
  },
  nonMaxSuppression: ([boxes, scores], { limit }) => {
    const [images, count, corners] = boxes.shape;
    require(boxes.shape.length === 3 && corners === 4, 'boxes must be [B, N, 4]');
    const fits = scores.shape.length === 3 && scores.shape[0] === images && scores.shape[2] === count;
    require(fits, `scores must be [${images}, C, ${count}]`);
    require(Number.isInteger(limit) && limit >= 1, `keeps ${limit} boxes`);
    return [{ shape: [images, scores.shape[1], limit], dtype: 'int64' }];
  },

  conv2d,
  conv2dInputGradient: ([dy, w], a) => {
    require(dy.shape.length === 4 && w.shape.length === 4, 'image and weight must have four axes');
    const [channelsOfImage, channelsOfWeight] = [dy.shape[1], w.shape[0]];
    require(channelsOfImage ===
      channelsOfWeight, `the image has ${channelsOfImage} channels, the weight takes ${channelsOfWeight}`);
    require(a.inputShape.every((extent) => extent >= 1), `the result would be ${showShape(a.inputShape)}`);
    const [y] = conv2d([f32(a.inputShape), w], a);
    require(sameShape(
      y.shape,
      dy.shape,
    ), `a convolution of ${showShape(a.inputShape)} makes ${showShape(y.shape)}`);
    return [f32(a.inputShape)];
  },
  conv2dWeightGradient: ([x, dy], a) => {
    const [y] = conv2d([x, f32(a.weightShape)], a);
    require(sameShape(y.shape, dy.shape), `the gradient should be ${showShape(y.shape)}`);
    return [f32(a.weightShape)];
  },
  maxPool2d: (inputs, a) => {
    const [y] = pool(inputs, dilatedWindow(a));
    return [y, { shape: y.shape, dtype: 'int64' }];
  },
  maxPool2dGradient: ([dy, indices], { inputShape }) => {
    require(sameShape(dy.shape, indices.shape) && indices.dtype === 'int64', 'gradient and indices differ');
    return [f32(inputShape)];
  },
  averagePool2d: pool,
  batchNorm: ([x, scale, bias]) => {
    const vector = channels(x, scale, bias);
    return [f32(x.shape), f32(vector), f32(vector)];
  },
  batchNormGradient: ([dy, x, mean, variance, scale]) => {
    const vector = channels(x, mean, variance, scale);
    require(sameShape(dy.shape, x.shape), 'gradient and image differ');
    return [f32(x.shape), f32(vector), f32(vector)];
  },
  groupNorm: ([x, scale, bias], { groups }) => {
    const statistics = groupStatistics(x, groups);
    channels(x, scale, bias);
    return [f32(x.shape), statistics, statistics];
  },
  groupNormGradient: ([dy, x, mean, variance, scale], { groups }) => {
    const statistics = groupStatistics(x, groups);
    const vector = channels(x, scale);
    require(sameShape(dy.shape, x.shape), 'gradient and image differ');
    const fits = [mean, variance].every(({ shape }) => sameShape(shape, statistics.shape));
    require(fits, `mean and variance must be ${showShape(statistics.shape)}`);
    return [f32(x.shape), f32(vector), f32(vector)];
  },
  localResponseNorm: ([x], { size }) => {
    channels(x);
    require(Number.isInteger(size) && size >= 1, `a window of ${size} channels`);
    return [f32(x.shape), f32(x.shape)];
  },
  channelWindowSum: ([x], { before, after }) => {
    channels(x);
    const whole = [before, after].every((n) => Number.isInteger(n) && n >= 0);
    require(whole, `a window from ${before} channels before to ${after} behind`);
    return [f32(x.shape)];
  },
  resize2d: ([x], { size }) => {
    channels(x);
    const whole = size.every((extent) => Number.isInteger(extent) && extent >= 1);
    require(whole, `${size} is not a height and width`);
    return [f32([x.shape[0], x.shape[1], ...size])];
  },
  resize2dGradient: ([dy], { inputShape }) => {
    const fits = dy.shape.length === 4 && sameShape(dy.shape.slice(0, 2), inputShape.slice(0, 2));
    require(fits, `is no gradient of a resized ${showShape(inputShape)}`);
    return [f32(inputShape)];
  },
  roiAlign: ([x, boxes, images], { size }) => {
    channels(x);
    const [regions] = boxes.shape;
    require(boxes.shape.length === 2 && boxes.shape[1] === 4, 'boxes must be [R, 4]');
    require(isIndex(images) &&
      sameShape(images.shape, [regions]), `image indices must be ${regions} integers`);
    return [f32([regions, x.shape[1], ...size])];
  },
  channelAffine: ([x, scale, bias]) => {
    channels(x, scale, bias);
    return [f32(x.shape)];
  },
};
