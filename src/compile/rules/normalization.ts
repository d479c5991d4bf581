/** Lowering of group and local response normalisation. Batch normalisation is with the images. */
import type { NodeOf } from '../../graph/graph.ts';
import type { Op } from '../../graph/ops.ts';
import { zeros } from '../../tensor/tensor.ts';
import type { Emitter, Epilogue } from '../emitter.ts';
import { CHANNELS_FIRST, type Layout, physicalAxis } from '../layout.ts';
import type { LowerRule } from '../lower.ts';
import { activate, affineRows, dotRows, rateOf } from '../rows.ts';
import { power } from './elementwise.ts';

/** Statistics [N, G] lie [G, N] here, as the channels do. */
const GROUPS_FIRST: Layout = [1, 0];

const times = (e: Emitter, a: string, b: string) => e.emit('Mul', [a, b]);
const minus = (e: Emitter, a: string, b: string) => e.emit('Sub', [a, b]);
const square = (e: Emitter, x: string) => times(e, x, x);

const meanOver = (e: Emitter, x: string, axis: number, keep = 0) =>
  e.emit('ReduceMean', [x], { axes: { ints: [axis] }, keepdims: { int: keep } });
const sumOver = (e: Emitter, x: string, axis: number, keep = 0) =>
  e.emit('ReduceSum', [x, e.ints([axis])], { keepdims: { int: keep } });

/** A convolution of many channels with few numbers each costs more than the pass that it saves. (Measured.) */
const SHORT_ROW = 128;

/** x * scale + shift per row, then the epilogue. */
function scaledRows(
  e: Emitter,
  x: string,
  [rows, length]: readonly [number, number],
  scale: string,
  shift: string,
  epilogue: Epilogue,
): string {
  if (length >= SHORT_ROW) return affineRows(e, x, [rows, length], scale, shift, epilogue);
  const column = (name: string) => e.reshape(name, [rows, 1]);
  const { plus, activation } = epilogue;
  const mapped = e.emit('Add', [times(e, x, column(scale)), column(shift)]);
  const summed = plus ? e.emit('Add', [mapped, e.reshape(plus, [rows, length])]) : mapped;
  return activation ? activate(e, summed, activation) : summed;
}

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
  const flat = e.reshape(e.use(x, CHANNELS_FIRST), [c * n, h * w]);
  const rows = [c * n, h * w] as const;
  const [average, spread] = groupStatistics(e, flat, rows, [groups, c / groups, n]);
  const perChannel = (name: string) => e.reshape(name, [groups, c / groups, 1]);
  const factor = times(e, perChannel(e.use(scale)), rateOf(e, spread, epsilon));
  const shift = minus(e, perChannel(e.use(bias)), times(e, average, factor));
  const list = (name: string) => e.reshape(name, [c * n]);
  const make = (epilogue: Epilogue) =>
    e.reshape(scaledRows(e, flat, rows, list(factor), list(shift), epilogue), [c, n, h, w]);
  e.defer(y, ['plus', 'activation'], make);
  e.define(mean, e.reshape(average, [groups, n]), GROUPS_FIRST);
  e.define(variance, e.reshape(spread, [groups, n]), GROUPS_FIRST);
}

/** Mean and variance [G, 1, N] of the groups: the variance is that within their channels and that between them. */
function groupStatistics(
  e: Emitter,
  flat: string,
  rows: readonly [number, number],
  grouped: readonly [number, number, number],
): [string, string] {
  const rowMean = meanOver(e, flat, 1);
  const meanSquare = times(e, dotRows(e, flat, flat, rows), e.float(1 / rows[1]));
  const within = e.emit('Relu', [e.reshape(minus(e, meanSquare, square(e, rowMean)), grouped)]);
  const means = e.reshape(rowMean, grouped);
  const average = meanOver(e, means, 1, 1);
  const between = square(e, minus(e, means, average));
  return [average, meanOver(e, e.emit('Add', [within, between]), 1, 1)];
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
  const t = e.reshape(dotRows(e, gradient, flat, [c * n, h * w]), grouped);
  const perGroup = (name: string) => e.reshape(name, [groups, 1, n]);
  const average = perGroup(e.use(mean, GROUPS_FIRST));
  const rate = rateOf(e, perGroup(e.use(variance, GROUPS_FIRST)), epsilon);
  const gain = e.reshape(e.use(scale), [groups, c / groups, 1]);
  const total = sumOver(e, times(e, gain, s), 1, 1);
  const products = minus(e, sumOver(e, times(e, gain, t), 1, 1), times(e, average, total));
  const slope = times(e, times(e, times(e, square(e, rate), rate), products), e.float(-1 / count));
  const offset = minus(e, times(e, times(e, rate, total), e.float(-1 / count)), times(e, slope, average));
  const list = (name: string) => e.reshape(e.emit('Expand', [name, e.ints(grouped)]), [c * n]);
  const fromGradient = times(e, gradient, e.reshape(times(e, gain, rate), [c * n, 1]));
  const dx = scaledRows(e, flat, [c * n, h * w], list(slope), list(offset), { plus: fromGradient });
  e.define(outputs[0], e.reshape(dx, [c, n, h, w]), CHANNELS_FIRST);
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
