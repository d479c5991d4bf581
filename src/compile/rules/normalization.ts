/** Lowering of group and local response normalisation. Batch normalisation is with the images. */
import type { NodeOf } from '../../graph/graph.ts';
import type { Op } from '../../graph/ops.ts';
import { zeros } from '../../tensor/tensor.ts';
import type { Emitter } from '../emitter.ts';
import { CHANNELS_FIRST, type Layout, physicalAxis } from '../layout.ts';
import type { LowerRule } from '../lower.ts';
import { power } from './elementwise.ts';

/** Statistics [N, G] lie [G, N] here, as the channels do. */
const GROUPS_FIRST: Layout = [1, 0];

const times = (e: Emitter, a: string, b: string) => e.emit('Mul', [a, b]);
const minus = (e: Emitter, a: string, b: string) => e.emit('Sub', [a, b]);
const square = (e: Emitter, x: string) => times(e, x, x);

/** 1 / sqrt(variance + epsilon). */
const rateOf = (e: Emitter, variance: string, epsilon: number) =>
  e.emit('Reciprocal', [e.emit('Sqrt', [e.emit('Add', [variance, e.float(epsilon)])])]);

const meanOver = (e: Emitter, x: string, axis: number, keep = 0) =>
  e.emit('ReduceMean', [x], { axes: { ints: [axis] }, keepdims: { int: keep } });
const sumOver = (e: Emitter, x: string, axis: number, keep = 0) =>
  e.emit('ReduceSum', [x, e.ints([axis])], { keepdims: { int: keep } });

/**
 * An image is [C N, H W] and a group of its channels [G, C / G, N]: sums over pixels are taken first, on contiguous
 * rows, and the rest is arithmetic on C N numbers.
 */
function groupNorm(node: NodeOf<'groupNorm'>, e: Emitter): void {
  const { inputs, outputs, attributes } = node;
  const [x, scale, bias] = inputs;
  const [y, mean, variance] = outputs;
  if (e.form === 'inference' && !e.isUsed(mean) && !e.isUsed(variance)) {
    exportedGroupNorm(node, e);
    return;
  }
  const [n, c, h, w] = x.shape;
  const { groups, epsilon } = attributes;
  const grouped = [groups, c / groups, n];
  const flat = e.reshape(e.use(x, CHANNELS_FIRST), [c * n, h * w]);
  const rowMean = meanOver(e, flat, 1);
  const squares = e.emit('ReduceSumSquare', [flat], { axes: { ints: [1] }, keepdims: { int: 0 } });
  const rowVariance = minus(e, times(e, squares, e.float(1 / (h * w))), square(e, rowMean));
  const means = e.reshape(rowMean, grouped);
  const average = meanOver(e, means, 1, 1);
  // The variance of a group is that within its channels and that between them.
  const between = square(e, minus(e, means, average));
  const within = e.emit('Relu', [e.reshape(rowVariance, grouped)]);
  const spread = meanOver(e, e.emit('Add', [within, between]), 1, 1);
  const perChannel = (name: string) => e.reshape(name, [groups, c / groups, 1]);
  const factor = times(e, perChannel(e.use(scale)), rateOf(e, spread, epsilon));
  const shift = minus(e, perChannel(e.use(bias)), times(e, average, factor));
  const column = (name: string) => e.reshape(name, [c * n, 1]);
  const result = e.emit('Add', [times(e, flat, column(factor)), column(shift)]);
  e.define(y, e.reshape(result, [c, n, h, w]), CHANNELS_FIRST);
  e.define(mean, e.reshape(average, [groups, n]), GROUPS_FIRST);
  e.define(variance, e.reshape(spread, [groups, n]), GROUPS_FIRST);
}

/** As other exporters write it: instance normalisation of the groups, then the affine map. */
function exportedGroupNorm({ inputs, outputs, attributes }: NodeOf<'groupNorm'>, e: Emitter): void {
  const [x, scale, bias] = inputs;
  const [n, c, h, w] = x.shape;
  const { groups, epsilon } = attributes;
  const none = zeros('float32', [groups]);
  const [ones, nothing] = [e.constant({ ...none, data: none.data.map(() => 1) }), e.constant(none)];
  const rows = e.reshape(e.use(x, 'logical'), [n, groups, (c / groups) * h * w]);
  const normal = e.emit('InstanceNormalization', [rows, ones, nothing], { epsilon: { float: epsilon } });
  const channel = (name: string) => e.emit('Reshape', [name, e.ints([c, 1, 1])]);
  const scaled = times(e, e.reshape(normal, [n, c, h, w]), channel(e.use(scale)));
  e.define(outputs[0], e.emit('Add', [scaled, channel(e.use(bias))]), 'logical');
}

/**
 * With r = 1 / sqrt(var + eps), m numbers per group, g the scale, and sums over pixels s = sum dy, t = sum dy x:
 * dbias = sum over images of s, dscale = that of r (t - mean s),
 * dx = r g dy - q x + (q mean - r P / m) with P = sum of g s and q = r^3 (sum of g t - mean P) / m over the group.
 */
function groupNormGradient({ inputs, outputs, attributes }: NodeOf<'groupNormGradient'>, e: Emitter): void {
  const [dy, x, mean, variance, scale] = inputs;
  const [n, c, h, w] = x.shape;
  const { groups, epsilon } = attributes;
  const count = (c / groups) * h * w;
  const grouped = [groups, c / groups, n];
  const [flat, gradient] = [x, dy].map((value) => e.reshape(e.use(value, CHANNELS_FIRST), [c * n, h * w]));
  const s = e.reshape(sumOver(e, gradient, 1), grouped);
  const t = e.reshape(sumOver(e, times(e, gradient, flat), 1), grouped);
  const perGroup = (name: string) => e.reshape(name, [groups, 1, n]);
  const average = perGroup(e.use(mean, GROUPS_FIRST));
  const rate = rateOf(e, perGroup(e.use(variance, GROUPS_FIRST)), epsilon);
  const gain = e.reshape(e.use(scale), [groups, c / groups, 1]);
  const total = sumOver(e, times(e, gain, s), 1, 1);
  const products = minus(e, sumOver(e, times(e, gain, t), 1, 1), times(e, average, total));
  const slope = times(e, times(e, times(e, square(e, rate), rate), products), e.float(1 / count));
  const offset = minus(e, times(e, slope, average), times(e, times(e, rate, total), e.float(1 / count)));
  const column = (name: string) => e.reshape(e.emit('Expand', [name, e.ints(grouped)]), [c * n, 1]);
  const fromGradient = times(e, gradient, column(times(e, gain, rate)));
  const fromImage = minus(e, times(e, flat, column(slope)), column(offset));
  e.define(outputs[0], e.reshape(minus(e, fromGradient, fromImage), [c, n, h, w]), CHANNELS_FIRST);
  const perImage = times(e, rate, minus(e, t, times(e, average, s)));
  e.define(outputs[1], e.reshape(sumOver(e, perImage, 2), [c]));
  e.define(outputs[2], e.reshape(sumOver(e, s, 2), [c]));
}

function localResponseNorm(
  { inputs: [x], outputs: [y, scale], attributes }: NodeOf<'localResponseNorm'>,
  e: Emitter,
): void {
  const { size, alpha, beta, k } = attributes;
  const layout = e.layoutOf(y);
  const image = e.use(x, layout);
  // The runtime's own operator takes odd windows alone.
  if (e.form === 'inference' && !e.isUsed(scale) && size % 2 === 1) {
    const numbers = { alpha: { float: alpha }, beta: { float: beta }, bias: { float: k } };
    e.define(y, e.emit('LRN', [image], { size: { int: size }, ...numbers }), layout);
    return;
  }
  const before = Math.floor((size - 1) / 2);
  const sums = windowSum(e, square(e, image), x.shape[1], physicalAxis(1, layout), before, size - 1 - before);
  const s = e.emit('Add', [times(e, sums, e.float(alpha / size)), e.float(k)]);
  e.define(scale, s, layout);
  e.define(y, times(e, image, power(e, s, -beta)), layout);
}

/** The sum of shifted copies, which are contiguous where the channels are the outermost axis. */
function windowSum(
  e: Emitter,
  x: string,
  channels: number,
  axis: number,
  before: number,
  after: number,
): string {
  if (before + after === 0) return x;
  const at = (amount: number) => [0, 1, 2, 3].map((other) => (other === axis ? amount : 0));
  const padded = e.pad(x, at(before), at(after));
  const shifted = Array.from({ length: before + after + 1 }, (_, start) =>
    e.slice(padded, [axis], [start], [start + channels]),
  );
  return e.emit('Sum', shifted);
}

export const normalizationRules = {
  groupNorm,
  groupNormGradient,
  localResponseNorm,
  channelWindowSum: ({ inputs: [x], outputs: [y], attributes: { before, after } }, e) => {
    const layout = e.layoutOf(y);
    const sums = windowSum(e, e.use(x, layout), x.shape[1], physicalAxis(1, layout), before, after);
    e.define(y, sums, layout);
  },
} satisfies { [O in Op]?: LowerRule<O> };
