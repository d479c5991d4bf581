/**
 * Convolutions by the runtime's kernels for blocked channels. They take images [N, C/B, H, W, B] and weights
 * [O/B, I/B, KH, KW, B of I, B of O], where B is the width of the processor's vectors, read each number once,
 * build no patches and come closest to the processor's peak. The runtime itself uses them only where weights are
 * constants; their operators can be named in a model all the same. Turning [C, N, H, W] into blocks costs about
 * as much as copying it.
 */
import type { ConvAttributes } from '../../graph/ops.ts';
import { type Shape, tensor } from '../../tensor/tensor.ts';
import type { Emitter, Epilogue } from '../emitter.ts';
import { activationAttributes, BLOCKED_DOMAIN } from '../rows.ts';
import {
  convAttributes,
  type Extents,
  isDepthwise,
  isDilated,
  isPointwise,
  isStrided,
  tapsOf,
  turned,
} from './extents.ts';

/** Whether channels and filters of each group fill whole blocks. */
export function fillsBlocks(e: Emitter, s: Extents): boolean {
  return e.channelBlock > 0 && s.i % e.channelBlock === 0 && (s.o / s.groups) % e.channelBlock === 0;
}

/** The first layer: fewer channels than a block has, read as they lie. */
export function readsFew(e: Emitter, s: Extents): boolean {
  return s.groups === 1 && s.c < e.channelBlock && s.o % e.channelBlock === 0;
}

export function fillsBlocksDepthwise(e: Emitter, s: Extents): boolean {
  return e.channelBlock > 0 && isDepthwise(s) && s.c % e.channelBlock === 0;
}

/** [1, C, H, W] -> [C/B, H, W, B]. */
export function reorder(e: Emitter, x: string): string {
  return e.emit('ReorderInput', [x], { channels_last: { int: 0 } }, BLOCKED_DOMAIN);
}

/** [C, N, H, W] -> [C/B, N, H, W, B]. */
export function toBlocks(e: Emitter, x: string, c: number, n: number, h: number, w: number): string {
  const known = e.blocksOf(x);
  if (known) return known;
  const blocks = reorder(e, e.reshape(x, [1, c, n * h, w]));
  e.rememberBlocks(x, blocks);
  return blocks;
}

/** [C/B, N, H, W, B] -> [C, N, H, W]. */
export function fromBlocks(e: Emitter, x: string, c: number, n: number, h: number, w: number): string {
  const flat = e.reshape(x, [1, c, n * h, w]);
  const attributes = { channels: { int: c }, channels_last: { int: 0 } };
  const image = e.reshape(e.emit('ReorderOutput', [flat], attributes, BLOCKED_DOMAIN), [c, n, h, w]);
  e.rememberBlocks(image, flat);
  return image;
}

/**
 * What `make` makes of images that are all to be had in blocks, [1, C, N H, W] to the runtime: an image of the
 * logical shape `result`, as [C, N, H, W]. Undefined where one of them is not in blocks.
 */
export function throughBlocks(
  e: Emitter,
  result: Shape,
  images: readonly string[],
  make: (blocks: readonly string[]) => string,
): string | undefined {
  const blocks = images.flatMap((image) => e.blocksOf(image) ?? []);
  if (result.length !== 4 || blocks.length < images.length) return undefined;
  const [n, c, h, w] = result;
  return fromBlocks(e, make(blocks), c, n, h, w);
}

/** Exchanges the two outer axes of [first, second, inner]. */
function exchange(e: Emitter, x: string, first: number, second: number, inner: number): string {
  const split = e.reshape(x, [first, second, inner]);
  return first === 1 || second === 1 ? split : e.transpose(split, [1, 0, 2]);
}

/** A convolution of images in blocks; `bias` is [O], `plus` and the result are in blocks. */
export function blockedConv(
  e: Emitter,
  image: string,
  weight: string,
  kernel: readonly number[],
  a: ConvAttributes,
  { bias = '', plus, activation }: Epilogue = {},
): string {
  const attributes = {
    ...convAttributes(a),
    kernel_shape: { ints: kernel },
    ...(activation && activationAttributes(activation)),
  };
  const operands = plus ? [image, weight, bias, plus] : bias ? [image, weight, bias] : [image, weight];
  return e.emit('Conv', operands, attributes, BLOCKED_DOMAIN);
}

/** An image of `channels` channels in blocks, each times its one of `factors`, [channels, 1, 1, 1]; then the epilogue. */
export function scaleBlocks(
  e: Emitter,
  x: string,
  channels: number,
  factors: string,
  epilogue: Epilogue,
): string {
  const once = { strides: [1, 1], padding: [0, 0, 0, 0], dilations: [1, 1], groups: channels } as const;
  return blockedConv(e, x, factors, [1, 1], once, epilogue);
}

/** An image [channels, rows, columns] in blocks times a number, then the epilogue, in one pass. */
export function multiplyBlocks(
  e: Emitter,
  x: string,
  [channels, rows, columns]: readonly [number, number, number],
  factor: number,
  { plus, ...rest }: Epilogue,
): string {
  const lanes = e.channelBlock;
  const factors = e.constant(tensor('float32', [lanes, 1, 1, 1], new Float32Array(lanes).fill(factor)));
  const split = (name: string) => e.reshape(name, [channels / lanes, lanes, rows, columns]);
  return scaleBlocks(e, split(x), lanes, factors, { ...rest, plus: plus && split(plus) });
}

/** Whether the batch can be convolved as one tall image: no window reaches from one image into the next. */
const isTall = (s: Extents) => isPointwise(s) && s.h % s.strides[0] === 0;

/** Images of [C, N, H, W], one by one and in blocks: [N, C, H, W] to the runtime. */
function imagesInBlocks(e: Emitter, x: string, c: number, n: number, h: number, w: number): string {
  const b = e.channelBlock;
  const blocks = exchange(e, toBlocks(e, x, c, n, h, w), c / b, n, h * w * b);
  return e.reshape(blocks, [n, c, h, w]);
}

/** The way back, to [C, N, H, W]. */
function imagesOutOfBlocks(e: Emitter, y: string, c: number, n: number, h: number, w: number): string {
  const b = e.channelBlock;
  return fromBlocks(e, exchange(e, y, n, c / b, h * w * b), c, n, h, w);
}

/** Any convolution that fills its blocks. The weight is wanted as rows, [O, KH, KW, I]. */
export function blockedForward(
  e: Emitter,
  s: Extents,
  image: string,
  weight: string,
  epilogue: Epilogue,
): string {
  const b = e.channelBlock;
  const count = s.kh * s.kw;
  // [O, T I] -> [O/B, T I, B of O] -> [O/B, T, I/B, B of I, B of O] -> [O/B, I/B, T, ...]: two moves of whole runs.
  const filters = reorder(e, e.reshape(weight, [1, s.o, 1, count * s.i]));
  const split = e.reshape(filters, [s.o / b, count, s.i / b, b * b]);
  const kernel = count === 1 || s.i === b ? split : e.transpose(split, [0, 2, 1, 3]);
  const [into, outOf] = isTall(s) ? [toBlocks, fromBlocks] : [imagesInBlocks, imagesOutOfBlocks];
  const x = into(e, image, s.c, s.n, s.h, s.w);
  const plus = epilogue.plus && into(e, epilogue.plus, s.o, s.n, s.oh, s.ow);
  const filtersInBlocks = e.reshape(kernel, [s.o, s.i, s.kh, s.kw]);
  const y = blockedConv(e, x, filtersInBlocks, [s.kh, s.kw], s, { ...epilogue, plus });
  return outOf(e, y, s.o, s.n, s.oh, s.ow);
}

/** A convolution of few channels. Image and weight are wanted as ONNX has them, [N, C, H, W] and [O, I, KH, KW]. */
export function fewChannelsForward(
  e: Emitter,
  s: Extents,
  image: string,
  weight: string,
  epilogue: Epilogue,
): string {
  const filters = reorder(e, e.reshape(weight, [1, s.o, 1, s.i * s.kh * s.kw]));
  const y = blockedConv(e, image, e.reshape(filters, [s.o, s.i, s.kh, s.kw]), [s.kh, s.kw], s, epilogue);
  return imagesOutOfBlocks(e, y, s.o, s.n, s.oh, s.ow);
}

/** The taps of one axis that reach pixels of remainder `r`, last first, and the padding under which they do. */
interface Phase {
  readonly taps: readonly number[];
  readonly before: number;
  readonly after: number;
}

/** How many pixels of an axis of `extent` have each remainder, at most. */
const perPhase = (extent: number, stride: number) => Math.ceil(extent / stride);

/**
 * With stride s, the pixels of dX with one remainder r modulo s are reached only by the taps k = r + padding
 * (mod s): they are a convolution of dY at stride 1 with those taps in reverse. Undefined where it would need
 * negative padding or has no tap.
 */
function phase(extent: number, out: number, k: number, stride: number, padding: number, r: number) {
  const first = (r + padding) % stride;
  const taps = Array.from({ length: k }, (_, tap) => tap).filter((tap) => tap % stride === first);
  const before = taps.length - 1 - Math.floor((r + padding) / stride);
  const after = perPhase(extent, stride) - out - before + taps.length - 1;
  if (taps.length === 0 || before < 0 || after < 0) return undefined;
  return { taps: taps.reverse(), before, after } satisfies Phase;
}

function phases(s: Extents): { rows: Phase[]; columns: Phase[] } | undefined {
  if (isDilated(s)) return undefined;
  const [sy, sx] = s.strides;
  const remainders = (stride: number) => Array.from({ length: stride }, (_, r) => r);
  const rows = remainders(sy).map((r) => phase(s.h, s.oh, s.kh, sy, s.padding[0], r));
  const columns = remainders(sx).map((r) => phase(s.w, s.ow, s.kw, sx, s.padding[1], r));
  const whole = (list: readonly (Phase | undefined)[]): list is Phase[] => list.every((p) => p !== undefined);
  return whole(rows) && whole(columns) ? { rows, columns } : undefined;
}

/** Whether dX can be had from convolutions of dY: at stride 1, or from one convolution per remainder. */
export function hasTurned(s: Extents): boolean {
  return isStrided(s) ? phases(s) !== undefined : turned(s) !== undefined;
}

/**
 * dX by convolutions of dY in blocks: `convolve` makes one with the given taps; with strides their results, all of
 * one size, are woven into each other. Result [outer, H, W, B] in the order that `convolve` gives.
 */
function turnedInBlocks(
  e: Emitter,
  s: Extents,
  outer: number,
  convolve: (taps: readonly number[], kernel: readonly number[], a: ConvAttributes) => string,
): string {
  const once = { strides: [1, 1], groups: s.groups } as const;
  if (!isStrided(s)) {
    const { padding, dilations } = turned(s)!;
    return convolve(tapsOf(s).reverse(), [s.kh, s.kw], { ...once, padding, dilations });
  }
  const { rows, columns } = phases(s)!;
  const [h, w] = [perPhase(s.h, s.strides[0]), perPhase(s.w, s.strides[1])];
  const b = e.channelBlock;
  const woven = rows.map((row) => {
    const parts = columns.map((column) => {
      const taps = row.taps.flatMap((ky) => column.taps.map((kx) => ky * s.kw + kx));
      const padding = [row.before, column.before, row.after, column.after] as const;
      const kernel = [row.taps.length, column.taps.length];
      const part = convolve(taps, kernel, { ...once, padding, dilations: [1, 1] });
      return e.reshape(part, [outer * h * w, b]);
    });
    return e.reshape(e.concat(parts, 1), [outer * h, w * columns.length * b]);
  });
  const [height, width] = [h * rows.length, w * columns.length];
  const image = e.reshape(e.concat(woven, 1), [outer, height, width, b]);
  return height === s.h && width === s.w ? image : e.slice(image, [1, 2], [0, 0], [s.h, s.w]);
}

/**
 * The filters of the turned convolution with the given taps: [I/B, O/B, taps, B of O, B of I] per group out of
 * [O, T, I/B, B of I]. Runs of B numbers stay whole, so it is one gathering of rows by a constant index.
 */
function turnedFilters(e: Emitter, s: Extents, weight: string, taps: readonly number[]): string {
  const b = e.channelBlock;
  const [outputs, inputs, count] = [s.o / s.groups, s.i / b, s.kh * s.kw];
  const index = new BigInt64Array(s.o * inputs * taps.length);
  let at = 0;
  for (let group = 0; group < s.groups; group++) {
    for (let input = 0; input < inputs; input++) {
      for (let block = 0; block < outputs; block += b) {
        for (const tap of taps) {
          for (let lane = 0; lane < b; lane++) {
            const filter = group * outputs + block + lane;
            index[at++] = BigInt((filter * count + tap) * inputs + input);
          }
        }
      }
    }
  }
  const rows = e.reshape(weight, [s.o * count * inputs, b]);
  const order = e.constant(tensor('int64', [index.length], index));
  return e.emit('Gather', [rows, order], { axis: { int: 0 } });
}

/** dX of any convolution that fills its blocks. The weight is wanted as rows, [O, KH, KW, I]. */
export function blockedInputGradient(e: Emitter, s: Extents, gradient: string, weight: string): string {
  const dy = imagesInBlocks(e, gradient, s.o, s.n, s.oh, s.ow);
  const dx = turnedInBlocks(e, s, (s.n * s.c) / e.channelBlock, (taps, kernel, a) => {
    const filters = e.reshape(turnedFilters(e, s, weight, taps), [s.c, s.o / s.groups, ...kernel]);
    return blockedConv(e, dy, filters, kernel, a);
  });
  return imagesOutOfBlocks(e, dx, s.c, s.n, s.h, s.w);
}

/**
 * Kernels of a depthwise convolution, [C, T] -> one for each image and channel, [C/B, N, T, B]: with images as
 * more channels, [C/B, N, H, W, B] needs no exchange of axes.
 */
function perImage(e: Emitter, s: Extents, weight: string, count: number): string {
  const b = e.channelBlock;
  const lanes = e.transpose(e.reshape(weight, [s.c / b, b, count]), [0, 2, 1]);
  const shape = e.ints([s.c / b, s.n, count * b]);
  return e.emit('Expand', [e.reshape(lanes, [s.c / b, 1, count * b]), shape]);
}

/** A depthwise convolution. The weight is wanted as [C, KH, KW, 1] or [C, 1, KH, KW], which lie alike. */
export function depthwiseForward(
  e: Emitter,
  s: Extents,
  image: string,
  weight: string,
  epilogue: Epilogue,
): string {
  const channels = s.n * s.c;
  const x = e.reshape(toBlocks(e, image, s.c, s.n, s.h, s.w), [1, channels, s.h, s.w]);
  const kernels = perImage(e, s, weight, s.kh * s.kw);
  const a = { ...s, groups: channels };
  const bias = epilogue.bias && e.reshape(perImage(e, s, epilogue.bias, 1), [channels]);
  const kernel = e.reshape(kernels, [channels, 1, s.kh, s.kw]);
  const y = blockedConv(e, x, kernel, [s.kh, s.kw], a, { ...epilogue, bias });
  return fromBlocks(e, y, s.c, s.n, s.oh, s.ow);
}

export function depthwiseInputGradient(e: Emitter, s: Extents, gradient: string, weight: string): string {
  const channels = s.n * s.c;
  const dy = e.reshape(toBlocks(e, gradient, s.c, s.n, s.oh, s.ow), [1, channels, s.oh, s.ow]);
  const rows = e.reshape(weight, [s.c, s.kh * s.kw]);
  const dx = turnedInBlocks(e, s, channels / e.channelBlock, (taps, kernel, a) => {
    const chosen = e.emit('Gather', [rows, e.ints(taps)], { axis: { int: 1 } });
    const kernels = perImage(e, s, chosen, taps.length);
    return blockedConv(e, dy, e.reshape(kernels, [channels, 1, ...kernel]), kernel, {
      ...a,
      groups: channels,
    });
  });
  return fromBlocks(e, dx, s.c, s.n, s.h, s.w);
}

/**
 * dW of a depthwise convolution: for each image the convolution of x with dY as the kernel, strides and dilations
 * exchanged, which gives [C/B, N, KH, KW, B]; then the sum over images.
 */
export function depthwiseWeightGradient(e: Emitter, s: Extents, image: string, gradient: string): string {
  const b = e.channelBlock;
  const channels = s.n * s.c;
  const x = e.reshape(toBlocks(e, image, s.c, s.n, s.h, s.w), [1, channels, s.h, s.w]);
  const dy = e.reshape(toBlocks(e, gradient, s.c, s.n, s.oh, s.ow), [channels, 1, s.oh, s.ow]);
  // Padding behind the image up to the last pixel that the last tap reads; what lies behind that is surplus.
  const reach = (axis: 0 | 1, k: number, out: number) =>
    (k - 1) * s.dilations[axis] + (out - 1) * s.strides[axis] + 1 - s.padding[axis];
  const behind = [reach(0, s.kh, s.oh) - s.h, reach(1, s.kw, s.ow) - s.w];
  const padding = [s.padding[0], s.padding[1], Math.max(0, behind[0]), Math.max(0, behind[1])] as const;
  const made = [0, 1].map(
    (axis) => [s.kh, s.kw][axis] + Math.floor(Math.max(0, -behind[axis]) / s.dilations[axis]),
  );
  const a = { strides: s.dilations, dilations: s.strides, padding, groups: channels };
  const all = e.reshape(blockedConv(e, x, dy, [s.oh, s.ow], a), [s.c / b, s.n, made[0], made[1], b]);
  const taps = made[0] > s.kh || made[1] > s.kw ? e.slice(all, [2, 3], [0, 0], [s.kh, s.kw]) : all;
  const summed = e.emit('ReduceSum', [taps, e.ints([1])], { keepdims: { int: 0 } });
  const lanes = e.reshape(summed, [s.c / b, s.kh * s.kw, b]);
  return e.reshape(e.transpose(lanes, [0, 2, 1]), [s.c, s.kh, s.kw, 1]);
}
