/**
 * Every differentiable op of the list, row by row, against finite differences in random directions. A row has its
 * own operands, step and tolerance; rank-4 operands appear as images and as convolution weights, which lie
 * differently in memory. What has no row says why.
 */
import { describe, expect, test } from 'vitest';
import { gradient } from '../../src/autodiff/index.ts';
import { vjpRules } from '../../src/autodiff/vjp.ts';
import type { ConvOptions, Op, PairLike, PoolOptions, Value } from '../../src/graph/index.ts';
import * as g from '../../src/graph/index.ts';
import { Random } from '../../src/tensor/random.ts';
import { type Shape, sizeOf } from '../../src/tensor/tensor.ts';
import { UserError } from '../../src/util/errors.ts';
import { checkGradients, type GradientCase, type Numbers, opsOf } from './finite-differences.ts';

interface Row extends GradientCase {
  readonly op: Op;
  readonly name: string;
  /** Largest error relative to what a typical direction's derivative amounts to. */
  readonly tolerance: number;
}

const UNIT: Numbers = { low: -1, high: 1 };
const POSITIVE: Numbers = { low: 0.5, high: 2 };
/** For ops with kinks: no number comes near another or near a multiple of 0.1. */
const APART: Numbers = { gap: 0.1 };

function row(
  op: Op,
  name: string,
  shapes: readonly Shape[],
  build: (...operands: Value[]) => Value,
  options: { numbers?: Numbers; epsilon?: number; tolerance?: number } = {},
): Row {
  const { numbers = UNIT, epsilon = 'gap' in numbers ? numbers.gap / 10 : 0.02, tolerance = 3e-4 } = options;
  return { op, name, operands: shapes.map((shape) => ({ shape, numbers })), build, epsilon, tolerance };
}

function fixed(like: Value, shape: Shape, label: string, low = -1): Value {
  const random = new Random(7, label);
  const data = Float32Array.from({ length: sizeOf(shape) }, () => random.uniform(low, 1));
  return like.graph.constant({ dtype: 'float32', shape, data });
}

/** An elementwise op on a matrix, on an image, and on a convolution weight before its use. */
function unaryRows(op: Op, apply: (x: Value) => Value, numbers: Numbers = UNIT): Row[] {
  const weighted = (w: Value) => g.conv2d(fixed(w, [2, 3, 5, 4], 'image'), apply(w), { padding: 1 });
  return [
    row(op, 'matrix', [[3, 4]], apply, { numbers }),
    row(op, 'image', [[2, 3, 4, 5]], apply, { numbers }),
    row(
      op,
      'image behind a convolution',
      [[2, 3, 4, 5]],
      (x) => g.mul(apply(x), g.conv2d(x, fixed(x, [3, 3, 1, 1], 'w'))),
      { numbers },
    ),
    row(op, 'convolution weight', [[2, 3, 3, 2]], weighted, { numbers }),
  ];
}

/** Pairs of shapes that broadcast in every position, from scalars to images. */
const BROADCASTS: readonly (readonly [Shape, Shape])[] = [
  [
    [3, 4],
    [3, 4],
  ],
  [[3, 4], []],
  [[], [3, 4]],
  [[3, 4], [4]],
  [
    [3, 1],
    [1, 4],
  ],
  [
    [3, 1, 2],
    [4, 1],
  ],
  [
    [2, 3, 4, 5],
    [2, 3, 4, 5],
  ],
  [[2, 3, 4, 5], []],
  [[2, 3, 4, 5], [5]],
  [
    [2, 3, 4, 5],
    [4, 1],
  ],
  [
    [2, 3, 4, 5],
    [3, 4, 5],
  ],
  [
    [3, 1, 1],
    [2, 3, 4, 5],
  ],
  [
    [2, 3, 4, 5],
    [1, 3, 1, 1],
  ],
  [
    [2, 3, 4, 5],
    [2, 1, 4, 1],
  ],
  [
    [2, 1, 4, 1],
    [1, 3, 1, 5],
  ],
];

function binaryRows(
  op: Op,
  apply: (a: Value, b: Value) => Value,
  pairs: readonly (readonly [Shape, Shape])[],
  numbers: Numbers = UNIT,
): Row[] {
  const weighted = (scale: Shape) => (w: Value, b: Value, x: Value) =>
    g.conv2d(x, apply(w, g.reshape(b, scale)), { padding: [1, 0] });
  return [
    ...pairs.map(([a, b]) => row(op, `[${a}] with [${b}]`, [a, b], apply, { numbers })),
    row(
      op,
      'weight with weight',
      [
        [2, 3, 3, 2],
        [2, 3, 3, 2],
        [2, 3, 5, 4],
      ],
      weighted([2, 3, 3, 2]),
      { numbers },
    ),
    row(op, 'weight with one number per filter', [[2, 3, 3, 2], [2], [2, 3, 5, 4]], weighted([2, 1, 1, 1]), {
      numbers,
    }),
  ];
}

/** maximum: b lies between the numbers of a. */
const shiftedMaximum = (a: Value, b: Value) => g.maximum(a, g.add(b, 0.05));
const shiftedMinimum = (a: Value, b: Value) => g.minimum(a, g.add(b, 0.05));

/** A condition that holds for some. */
const chosen = (like: Value, shape: Shape) => {
  const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => (i * 5) % 3);
  return g.greater(like.graph.constant({ dtype: 'float32', shape, data }), 0.5);
};

const elementwiseRows: Row[] = [
  ...unaryRows('neg', g.neg),
  ...unaryRows('exp', g.exp),
  ...unaryRows('log', g.log, POSITIVE),
  ...unaryRows('sqrt', g.sqrt, POSITIVE),
  ...unaryRows('reciprocal', g.reciprocal, POSITIVE),
  ...unaryRows('abs', g.abs, APART),
  ...unaryRows('sigmoid', g.sigmoid, { low: -4, high: 4 }),
  ...unaryRows('hardSigmoid', (x) => g.hardSigmoid(g.mul(x, 2), 0.2, 0.51), APART),
  ...unaryRows('hardSigmoid', g.hardSwish, APART),
  ...unaryRows('softplus', g.softplus, { low: -4, high: 4 }),
  ...unaryRows('softplus', g.logSigmoid, { low: -4, high: 4 }),
  ...unaryRows('sigmoid', g.swish, { low: -4, high: 4 }),
  ...unaryRows('exp', (x) => g.elu(x, 0.7), APART),
  ...unaryRows('erf', (x) => g.gelu(x), { low: -2, high: 2 }),
  ...unaryRows('tanh', (x) => g.gelu(x, { approximate: true }), { low: -2, high: 2 }),
  ...unaryRows('tanh', g.tanh, { low: -2, high: 2 }),
  ...unaryRows('erf', g.erf, { low: -2, high: 2 }),
  ...unaryRows('relu', g.relu, APART),
  ...unaryRows('leakyRelu', (x) => g.leakyRelu(x, 0.1), APART),
  ...unaryRows('clip', (x) => g.clip(x, 0, 0.6), APART),
  ...unaryRows('clip', (x) => g.clip(x, -0.4, 0.7), APART),
  ...unaryRows('clip', (x) => g.clip(x, -0.4, Number.POSITIVE_INFINITY), APART),
  ...unaryRows('clip', (x) => g.clip(g.mul(x, 1000), Number.NEGATIVE_INFINITY, 400), APART),
  ...unaryRows('clip', (x) => g.clip(g.mul(x, 1000), -400, 500), APART),
  ...unaryRows('clip', (x) => g.clip(x, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY), APART),
  ...unaryRows('cast', (x) => g.mul(x, g.cast(g.greater(x, 0.1), 'float32')), APART),
  ...unaryRows('cast', (x) => x.graph.emit('cast', [x], { to: 'float32' })[0]),
  ...binaryRows('add', g.add, BROADCASTS),
  ...binaryRows('sub', g.sub, BROADCASTS),
  ...binaryRows('mul', g.mul, BROADCASTS),
  ...binaryRows('div', g.div, BROADCASTS, POSITIVE),
  ...binaryRows('pow', g.pow, BROADCASTS, POSITIVE),
  ...unaryRows('pow', (x) => g.pow(x, 3)),
  ...[0.5, -0.5, 0.75, -0.75, 1, -1, 1.7].map((exponent) =>
    row('pow', `to ${exponent}`, [[2, 3, 4, 5]], (x) => g.pow(x, exponent), { numbers: POSITIVE }),
  ),
  ...binaryRows('maximum', shiftedMaximum, BROADCASTS, APART),
  ...binaryRows('minimum', shiftedMinimum, BROADCASTS, APART),
  ...binaryRows(
    'where',
    (a, b) => g.where(chosen(a, (a.shape.length < b.shape.length ? b : a).shape), a, b),
    BROADCASTS,
  ),
  ...[
    [4, 1],
    [3, 1, 1],
    [2, 3, 4, 5],
  ].map((shape) =>
    row('where', `condition [${shape}]`, [[1, 3, 4, 5], [5]], (a, b) => g.where(chosen(a, shape), a, b)),
  ),
];

function matmulRows(): Row[] {
  const flags = [false, true];
  const flip = (shape: readonly number[], doIt: boolean) =>
    doIt ? [...shape.slice(0, -2), shape[shape.length - 1], shape[shape.length - 2]] : shape;
  return [[], [2], [2, 3]].flatMap((batch) =>
    flags.flatMap((transposeA) =>
      flags.map((transposeB) =>
        row(
          'matmul',
          `batch [${batch}], A${transposeA ? '^T' : ''} B${transposeB ? '^T' : ''}`,
          [flip([...batch, 3, 4], transposeA), flip([...batch, 4, 2], transposeB)],
          (a, b) => g.matmul(a, b, { transposeA, transposeB }),
        ),
      ),
    ),
  );
}

type Reduce = (x: Value, axes?: readonly number[], keepDims?: boolean) => Value;

function reductionRows(op: 'sum' | 'mean' | 'max' | 'min', reduce: Reduce, numbers: Numbers): Row[] {
  const matrix = [undefined, [0], [1], [0, 1]];
  const image = [undefined, [0], [1], [2], [3], [2, 3], [0, 2, 3], [1, 3], [3, 1], [0, 1, 2, 3]];
  const both = (shape: Shape, axesList: readonly (readonly number[] | undefined)[], keep: boolean) =>
    axesList.map((axes) =>
      row(
        op,
        `[${shape}] over ${axes ?? 'all'}${keep ? ', kept' : ''}`,
        [shape],
        (x) => reduce(x, axes, keep),
        { numbers },
      ),
    );
  const weighted = (axes: readonly number[]) =>
    row(
      op,
      `weight over ${axes}`,
      [
        [2, 3, 3, 2],
        [2, 3, 5, 4],
      ],
      (w, x) => g.conv2d(x, g.sub(w, reduce(w, axes, true)), { padding: 1 }),
      { numbers },
    );
  return [
    ...[false, true].flatMap((keep) => [...both([3, 4], matrix, keep), ...both([2, 3, 4, 5], image, keep)]),
    row(op, 'over no axis', [[2, 3]], (x) => reduce(x, []), { numbers }),
    row(op, 'a scalar', [[]], (x) => reduce(x), { numbers }),
    weighted([1, 2, 3]),
    weighted([0]),
    weighted([2]),
  ];
}

function alongAxisRows(op: 'softmax' | 'logSoftmax', apply: (x: Value, axis?: number) => Value): Row[] {
  const along = (shape: Shape) =>
    shape.map((_, axis) => row(op, `[${shape}] along ${axis}`, [shape], (x) => apply(x, axis)));
  const weighted = (axis: number) =>
    row(op, `weight along ${axis}`, [[2, 3, 3, 2]], (w) =>
      g.conv2d(fixed(w, [2, 3, 4, 4], 'image'), apply(w, axis)),
    );
  return [
    ...along([3, 4]),
    ...along([2, 3, 4]),
    ...along([2, 3, 4, 5]),
    weighted(0),
    weighted(1),
    weighted(3),
  ];
}

const productRows: Row[] = [
  ...matmulRows(),
  ...reductionRows('sum', g.sum, UNIT),
  ...reductionRows('mean', g.mean, UNIT),
  ...reductionRows('max', g.max, APART),
  ...reductionRows('min', g.min, APART),
  ...[
    [3, 4],
    [2, 3, 4],
    [2, 3, 4, 5],
  ].flatMap((shape) =>
    shape.flatMap((_, axis) =>
      [false, true].map((flag) =>
        row('cumulativeSum', `[${shape}] along ${axis}, ${flag ? 'reverse' : 'exclusive'}`, [shape], (x) =>
          g.cumulativeSum(x, axis, { exclusive: !flag, reverse: flag }),
        ),
      ),
    ),
  ),
  row(
    'max',
    'of equal halves, along the difference of both',
    [[3, 4]],
    (x) => g.max(g.concat([x, x], 1), [1]),
    { numbers: APART },
  ),
  ...alongAxisRows('softmax', g.softmax),
  ...alongAxisRows('logSoftmax', g.logSoftmax),
];

/** The weights [3, 2, 3, 3] of a convolution of an image [2, 2, 5, 4], behind an op that moves numbers. */
const asWeight = (op: Op, name: string, shape: Shape, move: (w: Value) => Value) =>
  row(op, `weight: ${name}`, [shape, [2, 2, 5, 4]], (w, x) => g.conv2d(x, move(w), { padding: 1 }));

const shapeRows: Row[] = [
  row('reshape', 'matrix', [[3, 4]], (x) => g.reshape(x, [2, 6])),
  row('reshape', 'image to rows', [[2, 3, 4, 5]], (x) => g.reshape(x, [2, 60])),
  row('reshape', 'rows to image', [[2, 60]], (x) => g.reshape(x, [2, 3, 4, 5])),
  row('reshape', 'image to image', [[2, 3, 4, 5]], (x) => g.reshape(x, [2, 5, 4, 3])),
  row('reshape', 'vector to channels', [[3], [2, 3, 2, 2]], (b, x) => g.mul(x, g.reshape(b, [1, 3, 1, 1]))),
  row('reshape', 'from and to a scalar', [[1, 1, 1, 1], [2]], (a, b) => g.mul(g.reshape(a, []), b)),
  asWeight('reshape', 'from a matrix', [6, 9], (w) => g.reshape(w, [3, 2, 3, 3])),
  row('transpose', 'matrix', [[3, 4]], (x) => g.transpose(x, [1, 0])),
  row('transpose', 'rank 3', [[2, 3, 4]], (x) => g.transpose(x, [2, 0, 1])),
  row('transpose', 'image to [N, H, W, C]', [[2, 3, 4, 5]], (x) => g.transpose(x, [0, 2, 3, 1])),
  row('transpose', 'image by a cycle', [[2, 3, 4, 5]], (x) => g.tanh(g.transpose(g.tanh(x), [3, 0, 1, 2]))),
  row('transpose', 'image by a swap, then rows', [[2, 3, 4, 5]], (x) =>
    g.reshape(g.transpose(x, [2, 1, 0, 3]), [4, 30]),
  ),
  asWeight('transpose', 'input and output channels', [2, 3, 3, 3], (w) => g.transpose(w, [1, 0, 2, 3])),
  asWeight('transpose', 'from [O, H, W, I]', [3, 3, 3, 2], (w) => g.transpose(w, [0, 3, 1, 2])),
  row('expand', 'vector to matrix', [[4]], (x) => g.expand(x, [3, 4])),
  row('expand', 'column to matrix', [[3, 1]], (x) => g.expand(x, [3, 4])),
  row('expand', 'scalar to image', [[]], (x) => g.expand(x, [2, 3, 4, 5])),
  row('expand', 'channels to image', [[1, 3, 1, 1]], (x) => g.expand(x, [2, 3, 4, 5])),
  row('expand', 'rank 3 to image', [[3, 1, 5]], (x) => g.tanh(g.expand(x, [2, 3, 4, 5]))),
  asWeight('expand', 'one kernel for all', [3, 3], (w) => g.expand(w, [3, 2, 3, 3])),
  ...[0, 1].map((axis) =>
    row(
      'concat',
      `matrices on ${axis}`,
      [
        [3, 3],
        [3, 3],
      ],
      (a, b) => g.concat([a, b], axis),
    ),
  ),
  row(
    'concat',
    'unequal matrices',
    [
      [3, 1],
      [3, 4],
      [3, 2],
    ],
    (a, b, c) => g.concat([a, b, c], 1),
  ),
  ...[0, 1, 2, 3].map((axis) =>
    row(
      'concat',
      `images on ${axis}`,
      [[2, 3, 4, 2], [2, 3, 4, 2].map((n, other) => (other === axis ? n + 1 : n))],
      (a, b) => g.concat([a, b], axis),
    ),
  ),
  row('concat', 'a value with itself', [[2, 3, 2, 2]], (a) => g.concat([a, g.tanh(a), a], 1)),
  asWeight('concat', 'filters', [1, 2, 3, 3], (w) => g.concat([w, g.neg(w), g.tanh(w)], 0)),
  row('slice', 'matrix', [[5, 6]], (x) => g.slice(x, [1, 0], [4, 6])),
  row('slice', 'matrix with steps', [[5, 6]], (x) => g.slice(x, [0, 1], [5, 6], [2, 3])),
  row('slice', 'everything', [[3, 4]], (x) => g.slice(x, [0, 0], [3, 4])),
  row('slice', 'image with steps', [[3, 4, 7, 6]], (x) =>
    g.slice(x, [1, 0, 1, 0], [3, 4, 7, 5], [1, 2, 3, 2]),
  ),
  row('slice', 'every third row of eight', [[2, 1, 8, 8]], (x) =>
    g.slice(x, [0, 0, 0, 1], [2, 1, 8, 8], [1, 1, 3, 4]),
  ),
  asWeight('slice', 'filters and taps', [4, 2, 5, 4], (w) =>
    g.slice(w, [1, 0, 0, 1], [4, 2, 5, 4], [1, 1, 2, 1]),
  ),
  row('pad', 'matrix', [[3, 4]], (x) => g.pad(x, [1, 0], [0, 2])),
  row('pad', 'matrix with interior', [[3, 4]], (x) => g.pad(x, [0, 1], [2, 0], { interior: [1, 2] })),
  row('pad', 'with a value', [[3, 4]], (x) =>
    g.tanh(g.pad(x, [1, 1], [0, 1], { interior: [0, 1], value: 0.5 })),
  ),
  row('pad', 'image', [[2, 3, 4, 2]], (x) => g.pad(x, [0, 0, 1, 2], [0, 0, 0, 1])),
  row('pad', 'image with interior on every axis', [[2, 3, 4, 2]], (x) =>
    g.pad(x, [1, 0, 0, 1], [0, 1, 1, 0], { interior: [1, 2, 1, 3] }),
  ),
  asWeight('pad', 'taps apart', [3, 2, 2, 2], (w) =>
    g.pad(w, [0, 0, 0, 0], [0, 0, 0, 0], { interior: [0, 0, 1, 1] }),
  ),
];

function convRow(name: string, image: Shape, weight: Shape, options: ConvOptions = {}): Row {
  const text = `${name}: [${image}] * [${weight}] ${JSON.stringify(options)}`;
  return row('conv2d', text, [image, weight], (x, w) => g.conv2d(x, w, options), { epsilon: 0.25 });
}

const convRows: Row[] = [
  convRow('plain', [2, 3, 6, 6], [4, 3, 3, 3]),
  convRow('padded', [2, 3, 6, 6], [4, 3, 3, 3], { padding: 1 }),
  convRow('one image', [1, 3, 6, 6], [4, 3, 3, 3], { padding: 1 }),
  convRow('one channel', [3, 1, 6, 6], [1, 1, 3, 3], { padding: 1 }),
  convRow('non-square', [2, 2, 5, 8], [3, 2, 3, 3], { padding: 1 }),
  convRow('non-square kernel', [2, 2, 5, 8], [3, 2, 1, 5], { padding: [0, 2] }),
  convRow('asymmetric padding', [2, 2, 6, 5], [3, 2, 3, 3], { padding: [0, 1, 2, 0] }),
  convRow('padding as wide as the kernel', [2, 2, 4, 4], [3, 2, 2, 2], { padding: [2, 0, 2, 3] }),
  convRow('padding wider after than before', [2, 2, 4, 4], [3, 2, 3, 3], { padding: [1, 1, 4, 3] }),
  convRow('strided', [2, 3, 8, 8], [4, 3, 3, 3], { strides: 2, padding: 1 }),
  convRow('strided, leftover rows', [2, 3, 8, 9], [4, 3, 3, 3], { strides: 2 }),
  convRow('stride 3 with leftovers', [2, 2, 11, 10], [3, 2, 3, 3], { strides: 3, padding: [1, 0] }),
  convRow('stride wider than the kernel', [2, 2, 9, 8], [3, 2, 2, 2], { strides: 3 }),
  convRow('strides differ', [2, 2, 7, 8], [3, 2, 3, 3], { strides: [1, 2], padding: 1 }),
  convRow('strides differ the other way', [2, 2, 7, 8], [3, 2, 3, 3], { strides: [2, 1], padding: 1 }),
  convRow('strided, asymmetric padding', [2, 3, 8, 8], [4, 3, 3, 3], { strides: 2, padding: [0, 0, 1, 1] }),
  convRow('7x7 stride 2', [2, 3, 12, 12], [4, 3, 7, 7], { strides: 2, padding: 3 }),
  convRow('whole image', [2, 3, 4, 4], [5, 3, 4, 4]),
  convRow('dilated', [2, 2, 8, 8], [3, 2, 3, 3], { dilations: 2, padding: 2 }),
  convRow('dilations differ', [2, 2, 9, 8], [3, 2, 3, 3], { dilations: [3, 1], padding: [1, 0, 2, 1] }),
  convRow('dilated and strided', [2, 2, 9, 9], [3, 2, 3, 3], { dilations: 2, strides: 2, padding: 2 }),
  convRow('pointwise', [2, 3, 4, 5], [4, 3, 1, 1]),
  convRow('pointwise, strided', [2, 3, 6, 5], [4, 3, 1, 1], { strides: 2 }),
  convRow('pointwise, stride 3 on 7', [2, 3, 7, 8], [4, 3, 1, 1], { strides: 3 }),
  convRow('pointwise, strides differ', [2, 3, 6, 5], [4, 3, 1, 1], { strides: [2, 1] }),
  convRow('pointwise, padded', [2, 3, 4, 4], [4, 3, 1, 1], { padding: 1 }),
  convRow('pointwise, padded and strided', [2, 3, 4, 4], [4, 3, 1, 1], { padding: 1, strides: 2 }),
  convRow('grouped', [2, 4, 6, 6], [6, 2, 3, 3], { groups: 2, padding: 1 }),
  convRow('grouped, strided', [2, 4, 7, 6], [6, 2, 3, 3], { groups: 2, padding: 1, strides: 2 }),
  convRow('grouped, dilated', [2, 4, 7, 7], [6, 2, 3, 3], { groups: 2, padding: 2, dilations: 2 }),
  convRow('grouped, pointwise', [2, 4, 5, 4], [6, 2, 1, 1], { groups: 2 }),
  convRow('grouped, pointwise, strided', [2, 4, 5, 4], [6, 2, 1, 1], { groups: 2, strides: 2 }),
  convRow('grouped, asymmetric padding', [2, 4, 6, 5], [4, 2, 3, 3], { groups: 2, padding: [0, 1, 2, 0] }),
  convRow('depthwise', [2, 4, 6, 6], [4, 1, 3, 3], { groups: 4, padding: 1 }),
  convRow('depthwise, one image', [1, 4, 6, 6], [4, 1, 3, 3], { groups: 4, padding: 1 }),
  convRow('depthwise, strided', [2, 4, 7, 8], [4, 1, 3, 3], { groups: 4, padding: 1, strides: 2 }),
  convRow('depthwise, strided, asymmetric padding', [2, 4, 8, 8], [4, 1, 3, 3], {
    groups: 4,
    padding: [0, 0, 1, 1],
    strides: 2,
  }),
  convRow('depthwise, stride wider than the kernel', [2, 3, 9, 8], [3, 1, 2, 2], { groups: 3, strides: 3 }),
  convRow('depthwise, dilated', [2, 3, 8, 8], [3, 1, 3, 3], { groups: 3, padding: 2, dilations: 2 }),
  convRow('depthwise, 5x5', [2, 3, 7, 7], [3, 1, 5, 5], { groups: 3, padding: 2 }),
  convRow('depthwise, leftover rows', [3, 3, 10, 9], [3, 1, 3, 3], { groups: 3, strides: 4 }),
  ...[1, 2, 4].map((groups) =>
    convRow('strided, dilated, asymmetric and not square', [2, 4, 9, 8], [4, 4 / groups, 3, 2], {
      groups,
      strides: [2, 3],
      dilations: [2, 3],
      padding: [0, 3, 2, 1],
    }),
  ),
  convRow('depthwise with two filters each', [2, 3, 6, 6], [6, 1, 3, 3], { groups: 3, padding: 1 }),
];

/** With many channels convolutions are lowered to other products than with few. */
const wideRows: Row[] = [
  convRow('wide, padded', [2, 64, 4, 5], [66, 64, 3, 3], { padding: 1 }),
  convRow('wide, asymmetric padding', [2, 64, 4, 4], [66, 64, 3, 2], { padding: [0, 1, 2, 0] }),
  convRow('wide, padding wider after than the kernel', [2, 64, 3, 4], [66, 64, 2, 2], {
    padding: [1, 0, 2, 3],
  }),
  convRow('wide, dilated', [2, 64, 5, 5], [66, 64, 3, 3], { padding: 2, dilations: 2 }),
  convRow('wide, strided', [2, 64, 5, 6], [66, 64, 3, 3], { padding: 1, strides: 2 }),
  convRow('wide, leftover rows', [2, 64, 6, 5], [66, 64, 2, 3], { strides: [3, 1] }),
  convRow('wide, pointwise, strided', [2, 64, 5, 4], [66, 64, 1, 1], { strides: 2 }),
  convRow('wide, grouped', [2, 128, 3, 4], [132, 64, 3, 3], { groups: 2, padding: 1 }),
];

const transposedRow = (
  name: string,
  image: Shape,
  weight: Shape,
  options: ConvOptions & { outputPadding?: PairLike } = {},
): Row =>
  row(
    'conv2dInputGradient',
    `${name}: [${image}] * [${weight}] ${JSON.stringify(options)}`,
    [image, weight],
    (x, w) => g.convTranspose2d(x, w, options),
    { epsilon: 0.25 },
  );

/** The gradient of a convolution's weight, as a function of the image and of the gradient of its output. */
const weightGradientRow = (image: Shape, weight: Shape, options: ConvOptions = {}): Row => {
  const like = (x: Value) => g.conv2d(x, fixed(x, weight, 'w'), options);
  const { shape } = like(new g.Graph().input('x', image));
  return row(
    'conv2dWeightGradient',
    `[${image}] * [${weight}] ${JSON.stringify(options)}`,
    [image, shape],
    (x, dy) => {
      const { attributes } = like(x).node as g.NodeOf<'conv2d'>;
      return x.graph.emit('conv2dWeightGradient', [x, dy], { ...attributes, weightShape: weight })[0];
    },
    { epsilon: 0.25 },
  );
};

const transposedRows: Row[] = [
  transposedRow('plain', [2, 3, 4, 5], [3, 4, 3, 3]),
  transposedRow('pointwise', [2, 3, 4, 5], [3, 4, 1, 1]),
  transposedRow('doubling', [2, 3, 4, 5], [3, 4, 2, 2], { strides: 2 }),
  transposedRow('strided and padded', [2, 3, 4, 5], [3, 2, 4, 4], { strides: 2, padding: 1 }),
  transposedRow('output padding', [2, 3, 4, 5], [3, 2, 3, 3], { strides: 2, padding: 1, outputPadding: 1 }),
  transposedRow('output padding at one side', [2, 2, 3, 4], [2, 3, 3, 3], {
    strides: [3, 2],
    outputPadding: [2, 0],
  }),
  transposedRow('grouped', [2, 4, 4, 4], [4, 3, 3, 3], { groups: 2, strides: 2, padding: 1 }),
  transposedRow('depthwise', [2, 4, 4, 4], [4, 1, 4, 4], { groups: 4, strides: 2, padding: 1 }),
  transposedRow('dilated', [2, 2, 5, 4], [2, 3, 3, 2], { dilations: [2, 3], padding: [1, 0, 2, 1] }),
  transposedRow('everything', [2, 4, 4, 3], [4, 2, 3, 2], {
    groups: 2,
    strides: [2, 3],
    dilations: [2, 1],
    padding: [0, 1, 2, 0],
    outputPadding: [1, 2],
  }),
  transposedRow('wide', [2, 66, 4, 3], [66, 64, 3, 3], { strides: 2, padding: 1 }),
  weightGradientRow([2, 3, 6, 5], [4, 3, 3, 3], { padding: 1 }),
  weightGradientRow([2, 3, 6, 5], [4, 3, 1, 1]),
  weightGradientRow([2, 4, 7, 6], [4, 2, 3, 2], {
    strides: 2,
    groups: 2,
    dilations: [1, 2],
    padding: [0, 1, 1, 2],
  }),
  weightGradientRow([2, 3, 6, 6], [3, 1, 3, 3], { groups: 3, padding: 1 }),
];

const poolings: readonly (readonly [string, Shape, PoolOptions])[] = [
  ['2x2', [2, 3, 6, 4], { kernel: 2 }],
  ['overlapping', [2, 2, 7, 7], { kernel: 3, strides: 2 }],
  ['overlapping and padded', [2, 2, 8, 8], { kernel: 3, strides: 2, padding: 1 }],
  ['stride 1', [2, 2, 5, 5], { kernel: 3, strides: 1, padding: 1 }],
  ['ceil mode', [2, 2, 6, 7], { kernel: 3, strides: 2, ceilMode: true }],
  ['ceil mode, padded', [2, 2, 6, 6], { kernel: 3, strides: 2, padding: 1, ceilMode: true }],
  [
    'ceil mode, last window would start in the padding',
    [2, 2, 3, 5],
    { kernel: 2, strides: 2, padding: 1, ceilMode: true },
  ],
  [
    'ceil mode, stride wider than the window',
    [2, 2, 6, 8],
    { kernel: 2, strides: 3, padding: 1, ceilMode: true },
  ],
  [
    'ceil mode, asymmetric padding',
    [2, 2, 5, 6],
    { kernel: 3, strides: 2, padding: [1, 0, 0, 1], ceilMode: true },
  ],
  ['asymmetric padding', [2, 2, 6, 6], { kernel: 2, strides: 1, padding: [0, 0, 1, 1] }],
  ['leftover rows', [2, 2, 8, 7], { kernel: 2, strides: 3 }],
  ['non-square', [2, 2, 6, 7], { kernel: [1, 3], strides: [1, 2], padding: [0, 1] }],
];

const imageRows: Row[] = [
  row(
    'maxPool2d',
    'dilated',
    [[2, 2, 8, 9]],
    (x) => g.maxPool2d(x, { kernel: [3, 2], strides: 1, dilations: [2, 3] }),
    {
      numbers: APART,
    },
  ),
  row(
    'maxPool2d',
    'dilated, strided, padded, ceil mode',
    [[2, 2, 8, 9]],
    (x) => g.maxPool2d(x, { kernel: 3, strides: 2, padding: 1, dilations: 2, ceilMode: true }),
    { numbers: APART },
  ),
  ...poolings.map(([name, shape, options]) =>
    row('maxPool2d', name, [shape], (x) => g.maxPool2d(x, options), { numbers: APART }),
  ),
  ...poolings.flatMap(([name, shape, options]) =>
    [false, true].map((countIncludePad) =>
      row('averagePool2d', `${name}${countIncludePad ? ', counting the padding' : ''}`, [shape], (x) =>
        g.averagePool2d(x, { ...options, countIncludePad }),
      ),
    ),
  ),
  ...(
    [
      [4, 3, 5, 4],
      [2, 3, 1, 1],
      [1, 2, 4, 4],
      [3, 1, 4, 4],
    ] as const
  ).map((shape) =>
    row(
      'batchNorm',
      `[${shape}]`,
      [shape, [shape[1]], [shape[1]]],
      (x, scale, bias) => g.batchNorm(x, scale, bias, 1e-2).y,
      {
        epsilon: 0.01,
        tolerance: 1e-3,
      },
    ),
  ),
  row(
    'batchNorm',
    'between convolution and ReLU',
    [[2, 2, 5, 5], [3, 2, 3, 3], [3], [3]],
    (x, w, scale, bias) => g.tanh(g.batchNorm(g.conv2d(x, w, { padding: 1 }), scale, bias, 1e-3).y),
    { epsilon: 0.005, tolerance: 1e-3 },
  ),
  ...(
    [
      [4, 3, 5, 4],
      [1, 2, 3, 3],
      [3, 1, 4, 4],
    ] as const
  ).map((shape) => row('channelAffine', `[${shape}]`, [shape, [shape[1]], [shape[1]]], g.channelAffine)),
];

/** A case of group normalisation: images, and the number of groups. */
const groupings: readonly (readonly [Shape, number])[] = [
  [[2, 6, 3, 4], 3],
  [[2, 6, 3, 4], 1],
  [[2, 6, 3, 4], 6],
  [[1, 4, 2, 2], 2],
  [[3, 4, 1, 1], 2],
  [[2, 4, 16, 12], 2],
];

const normalizationRows: Row[] = [
  ...groupings.map(([shape, groups]) =>
    row(
      'groupNorm',
      `[${shape}] in ${groups} groups`,
      [shape, [shape[1]], [shape[1]]],
      (x, scale, bias) => g.groupNorm(x, scale, bias, groups, 1e-2),
      { epsilon: 0.01, tolerance: 1e-3 },
    ),
  ),
  row(
    'groupNorm',
    'of instances between convolution and tanh',
    [[2, 2, 5, 5], [3, 2, 3, 3], [3], [3]],
    (x, w, scale, bias) => g.tanh(g.instanceNorm(g.conv2d(x, w, { padding: 1 }), scale, bias, 1e-2)),
    { epsilon: 0.005, tolerance: 1e-3 },
  ),
  ...[
    [[3, 5], [5]],
    [
      [2, 3, 4],
      [3, 4],
    ],
    [
      [2, 3, 2, 4],
      [3, 2, 4],
    ],
    [[2, 3, 2, 4], [4]],
  ].map(([shape, normal]) =>
    row(
      'mean',
      `layer norm of [${shape}] over [${normal}]`,
      [shape, normal, normal],
      (x, scale, bias) => g.layerNorm(x, scale, bias, 1e-2),
      { epsilon: 0.01, tolerance: 1e-3 },
    ),
  ),
  ...[1, 3, 4, 5].map((size) =>
    row(
      'localResponseNorm',
      `${size} channels`,
      [[2, 6, 3, 2]],
      (x) => g.localResponseNorm(x, { size, alpha: 2, beta: 0.75, k: 1 }),
      { epsilon: 0.01, tolerance: 1e-3 },
    ),
  ),
  row(
    'localResponseNorm',
    'another power, more neighbours than channels',
    [[2, 3, 3, 2]],
    (x) => g.localResponseNorm(x, { size: 7, alpha: 1, beta: 0.6, k: 2 }),
    { epsilon: 0.01, tolerance: 1e-3 },
  ),
  row('channelWindowSum', 'one before, two behind', [[2, 5, 3, 2]], (x) => g.channelWindowSum(x, 1, 2)),
  row('channelWindowSum', 'none', [[2, 5, 3, 2]], (x) => g.channelWindowSum(x, 0, 0)),
];

function indicesOf(
  like: Value,
  shape: Shape,
  values: readonly number[],
  dtype: 'int32' | 'int64' = 'int64',
): Value {
  const data = dtype === 'int64' ? BigInt64Array.from(values.map(BigInt)) : Int32Array.from(values);
  return like.graph.constant({ dtype, shape, data });
}

const selectionRows: Row[] = [
  ...[0, 1, 2].map((axis) =>
    row('gather', `rank 3 along ${axis}, with repetitions`, [[3, 4, 5]], (x) =>
      g.gather(x, indicesOf(x, [5], [2, 0, 2, -1, 1]), axis),
    ),
  ),
  ...[0, 1, 2, 3].map((axis) =>
    row('gather', `image along ${axis}`, [[2, 3, 4, 2]], (x) =>
      g.gather(x, indicesOf(x, [3], [1, 0, 1], 'int32'), axis),
    ),
  ),
  row('gather', 'a table of indices', [[5, 3]], (x) => g.gather(x, indicesOf(x, [2, 3], [4, 1, 0, 1, 1, 3]))),
  row('gather', 'a table of indices into columns of an image', [[2, 3, 2, 4]], (x) =>
    g.gather(x, indicesOf(x, [2, 2], [3, 1, 0, 1]), 3),
  ),
  row('gather', 'one entry', [[5, 3, 2, 2]], (x) => g.gather(x, indicesOf(x, [], [2]), 1)),
  row('gather', 'rows of each image', [[2, 4, 3]], (x) =>
    g.gatherRows(x, indicesOf(x, [2, 3], [3, 0, 0, 1, 2, 1])),
  ),
  row('gather', 'edges', [[2, 2, 3, 4]], (x) => g.padByCopies(x, [0, 0, 1, 2], [0, 0, 2, 0], 'edge')),
  row('gather', 'mirrors', [[2, 2, 3, 4]], (x) => g.padByCopies(x, [0, 0, 2, 1], [0, 0, 1, 3], 'reflect')),
  row('gatherElements', 'matrix', [[3, 4]], (x) =>
    g.gatherElements(x, indicesOf(x, [2, 4], [0, 2, 2, 1, 1, 2, 0, 1]), 0),
  ),
  row('gatherElements', 'image', [[2, 3, 2, 4]], (x) =>
    g.gatherElements(x, indicesOf(x, [2, 2, 2, 1], [0, 1, 2, 2, 2, 1, 0, 1], 'int32'), 1),
  ),
  ...(['none', 'add'] as const).flatMap((reduction) => [
    row(
      'scatterElements',
      `matrix, ${reduction}`,
      [
        [3, 4],
        [2, 3],
      ],
      (x, updates) => g.scatterElements(x, indicesOf(x, [2, 3], [0, 2, 1, 2, 1, 0]), updates, 0, reduction),
    ),
    row(
      'scatterElements',
      `image, ${reduction}`,
      [
        [2, 3, 2, 2],
        [1, 2, 2, 2],
      ],
      (x, updates) =>
        g.scatterElements(x, indicesOf(x, [1, 2, 2, 2], [0, 1, 2, 2, 1, 2, 0, 1]), updates, 1, reduction),
    ),
    row(
      'scatterNd',
      `rows, ${reduction}`,
      [
        [4, 3],
        [2, 3],
      ],
      (x, updates) => g.scatterNd(x, indicesOf(x, [2, 1], [3, 0], 'int32'), updates, reduction),
    ),
    row(
      'scatterNd',
      `cells of an image, ${reduction}`,
      [
        [2, 3, 2, 2],
        [2, 2, 2],
      ],
      (x, updates) => g.scatterNd(x, indicesOf(x, [2, 2], [1, 2, 0, 0]), updates, reduction),
    ),
  ]),
  row('scatterElements', 'one place three times', [[3], [3]], (x, updates) =>
    g.scatterElements(x, indicesOf(x, [3], [1, 1, 1]), updates, 0, 'add'),
  ),
  row('gatherNd', 'cells', [[3, 4]], (x) => g.gatherNd(x, indicesOf(x, [3, 2], [0, 1, 2, 3, 0, 1]))),
  row('gatherNd', 'rows of an image', [[2, 3, 2, 4]], (x) =>
    g.gatherNd(x, indicesOf(x, [2, 2, 2], [0, 1, 1, 2, 0, 0, 1, 1], 'int32')),
  ),
  ...[true, false].flatMap((largest) => [
    row('topK', `matrix, ${largest}`, [[3, 6]], (x) => g.topK(x, 3, 1, { largest }).values, {
      numbers: APART,
    }),
    row('topK', `image, ${largest}`, [[2, 5, 3, 2]], (x) => g.topK(x, 2, 1, { largest }).values, {
      numbers: APART,
    }),
  ]),
];

const resizes: readonly (readonly [string, Shape, g.ResizeOptions])[] = [
  ['doubled', [2, 3, 3, 4], { size: [6, 8] }],
  ['times 3 and 1', [2, 3, 3, 4], { size: [9, 4] }],
  ['to a size that does not divide', [2, 3, 3, 4], { size: [7, 9] }],
  ['down', [2, 3, 7, 6], { size: [3, 4] }],
  [
    'nearest to centres',
    [2, 3, 3, 4],
    { size: [5, 8], coordinates: 'half_pixel', rounding: 'round_prefer_floor' },
  ],
  [
    'nearest with corners',
    [2, 3, 3, 4],
    { size: [5, 8], coordinates: 'align_corners', rounding: 'round_prefer_ceil' },
  ],
  ['linear', [2, 3, 3, 4], { size: [6, 8], mode: 'linear' }],
  ['linear with corners', [2, 3, 3, 4], { size: [7, 6], mode: 'linear', coordinates: 'align_corners' }],
  ['linear down', [2, 3, 7, 6], { size: [3, 4], mode: 'linear' }],
  ['linear, asymmetric', [2, 3, 3, 4], { size: [6, 5], mode: 'linear', coordinates: 'asymmetric' }],
  ['one pixel', [2, 3, 1, 1], { size: [3, 2], mode: 'linear', coordinates: 'align_corners' }],
  ['to one pixel', [2, 3, 4, 3], { size: 1, mode: 'linear' }],
];

/** Regions of two images, one outside of the map and one of no size. */
const regions = (like: Value): [Value, Value] => {
  const boxes = [1, 2, 9, 8, 0, 0, 3.5, 11, 4, 4, 14, 7.2, 5, 5, 5, 5, -3, 1, 6, 13];
  return [
    like.graph.constant({ dtype: 'float32', shape: [5, 4], data: Float32Array.from(boxes) }),
    indicesOf(like, [5], [0, 1, 1, 0, 1]),
  ];
};

const resampleRows: Row[] = [
  asWeight('resize2d', 'a larger kernel', [3, 2, 2, 2], (w) => g.resize2d(w, { size: 3, mode: 'linear' })),
  ...resizes.flatMap(([name, shape, options]) => [
    row('resize2d', name, [shape], (x) => g.resize2d(x, options)),
    row(
      'resize2dGradient',
      name,
      [[...shape.slice(0, 2), ...[options.size, options.size].flat().slice(0, 2)]],
      (dy) => {
        const like = g.resize2d(dy.graph.input('like', shape), options);
        const { size: _, ...attributes } = (like.node as g.NodeOf<'resize2d'>).attributes;
        return dy.graph.emit('resize2dGradient', [dy], { ...attributes, inputShape: shape })[0];
      },
    ),
  ]),
  ...[true, false].flatMap((aligned) =>
    [0, 1, 2].map((samplingRatio) =>
      row('roiAlign', `${aligned ? '' : 'not '}aligned, ratio ${samplingRatio}`, [[2, 3, 6, 8]], (x) =>
        g.roiAlign(x, ...regions(x), { size: [3, 2], spatialScale: 0.5, samplingRatio, aligned }),
      ),
    ),
  ),
];

const rows: readonly Row[] = [
  ...transposedRows,
  ...normalizationRows,
  ...selectionRows,
  ...resampleRows,
  ...elementwiseRows,
  ...productRows,
  ...shapeRows,
  ...convRows,
  ...wideRows,
  ...imageRows,
];

/** Ops without a row, and why. */
const WITHOUT_ROW: Partial<Record<Op, string>> = {
  input: 'a source: the walk ends here',
  constant: 'a source: the walk ends here',
  random: 'a source: the walk ends here',
  step: 'piecewise constant',
  between: 'piecewise constant',
  floor: 'piecewise constant',
  round: 'piecewise constant',
  greater: 'piecewise constant',
  greaterEqual: 'piecewise constant',
  equal: 'piecewise constant',
  and: 'piecewise constant',
  or: 'piecewise constant',
  not: 'piecewise constant',
  argMax: 'piecewise constant',
  oneHot: 'takes integers',
  nonMaxSuppression: 'gives indices',
  maxPool2dGradient: 'second derivatives are not offered; its value is what the rows of maxPool2d test',
  groupNormGradient: 'second derivatives are not offered; its value is what the rows of groupNorm test',
  batchNormGradient: 'second derivatives are not offered; its value is what the rows of batchNorm test',
};

const byOp = new Map<Op, Row[]>();
for (const one of rows) byOp.set(one.op, [...(byOp.get(one.op) ?? []), one]);

describe.each([...byOp])('gradient of %s', (_op, group) => {
  test.each(group)('$name', async (one) => {
    expect([...opsOf(one)]).toContain(one.op);
    for (const { analytic, numeric, scale } of await checkGradients(one)) {
      expect(scale).toBeGreaterThan(0);
      expect(Math.abs(analytic - numeric) / scale).toBeLessThan(one.tolerance);
    }
  });
});

describe('the op list', () => {
  test.each(Object.keys(vjpRules) as Op[])('%s has rows or a reason', (op) => {
    expect(byOp.has(op)).toBe(!(op in WITHOUT_ROW));
    expect(typeof vjpRules[op] === 'string').toBe(op in WITHOUT_ROW);
  });
});

describe('what cannot be differentiated', () => {
  const parameter = () => new g.Graph().input('p', [2, 3], { role: 'parameter' });
  const codeOf = (body: () => unknown) => {
    try {
      body();
    } catch (error) {
      return error instanceof UserError ? error.code : error;
    }
    return 'nothing thrown';
  };

  test('a loss that reaches the parameter through a piecewise constant op alone', () => {
    const p = parameter();
    for (const y of [g.step(p), g.between(p, 0, 1), g.cast(g.greater(p, 0), 'float32')]) {
      expect(codeOf(() => gradient(g.sum(y), [p]))).toBe('NOT_DIFFERENTIABLE');
    }
  });

  test('a loss of other parameters', () => {
    const p = parameter();
    const other = p.graph.input('other', [2], { role: 'parameter' });
    expect(codeOf(() => gradient(g.sum(p), [p, other]))).toBe('NOT_DIFFERENTIABLE');
  });

  test('the gradient of a pooling', () => {
    const x = new g.Graph().input('x', [1, 2, 4, 4], { role: 'parameter' });
    const [dx] = gradient(g.sum(g.exp(g.maxPool2d(x, { kernel: 2 }))), [x]);
    expect(codeOf(() => gradient(g.sum(dx), [x]))).toBe('NOT_DIFFERENTIABLE');
  });

  test('a loss of several numbers is our own fault', () => {
    const p = parameter();
    expect(() => gradient(p, [p])).toThrow('internal: the loss must be one number');
  });
});
