/**
 * Lowering of convolutions and their gradients. In the training form images lie [C, N, H, W] and weights
 * [O, KH, KW, I]; a convolution then has several formulations as matrix products or as ONNX convolutions over
 * the whole batch laid out as one tall image. Which is taken is decided here by shape.
 */
import type { NodeOf } from '../../graph/graph.ts';
import { convOutputSize } from '../../graph/infer.ts';
import type { ConvAttributes, Op } from '../../graph/ops.ts';
import type { Shape } from '../../tensor/tensor.ts';
import type { Attributes, Emitter } from '../emitter.ts';
import { CHANNELS_FIRST, WEIGHT_ROWS } from '../layout.ts';
import type { LowerRule } from '../lower.ts';

/** The extents of one convolution: image [n, c, h, w], weight [o, i, kh, kw], result [n, o, oh, ow]. */
interface Extents extends ConvAttributes {
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
  readonly o: number;
  readonly i: number;
  readonly kh: number;
  readonly kw: number;
  readonly oh: number;
  readonly ow: number;
}

function extents(input: Shape, weight: Shape, a: ConvAttributes): Extents {
  const [n, c, h, w] = input;
  const [o, i, kh, kw] = weight;
  const [oh, ow] = convOutputSize(input, weight, a);
  return { ...a, n, c, h, w, o, i, kh, kw, oh, ow };
}

const isPointwise = (s: Extents) =>
  s.groups === 1 && s.kh === 1 && s.kw === 1 && s.padding.every((p) => p === 0);
const isStrided = (s: Extents) => s.strides[0] > 1 || s.strides[1] > 1;
/** Few channels: copying the shifted images costs more than the products do. (Measured; see docs/decisions.) */
const isNarrow = (s: Extents) => s.o * s.i <= 4096;
const isDepthwise = (s: Extents) => s.i === 1 && s.o === s.groups;

/** ONNX attributes of a convolution. */
function convAttributes(a: ConvAttributes): Attributes {
  return {
    strides: { ints: a.strides },
    pads: { ints: a.padding },
    dilations: { ints: a.dilations },
    group: { int: a.groups },
  };
}

function conv2d({ inputs: [x, w], outputs: [y], attributes: a }: NodeOf<'conv2d'>, e: Emitter): void {
  if (e.form === 'inference') {
    const operands = [e.use(x, 'logical'), e.use(w, 'logical')];
    e.define(y, e.emit('Conv', operands, convAttributes(a)), 'logical');
    return;
  }
  const s = extents(x.shape, w.shape, a);
  const image = e.use(x, CHANNELS_FIRST);
  e.define(
    y,
    s.groups === 1 && (isPointwise(s) || !isNarrow(s))
      ? productForward(e, s, image, e.use(w, WEIGHT_ROWS))
      : tallForward(e, s, image, e.use(w, 'logical')),
    CHANNELS_FIRST,
  );
}

/** Y [O, N OH OW] = W [O, KH KW C] X_col. */
function productForward(e: Emitter, s: Extents, image: string, weight: string): string {
  const columns = isPointwise(s)
    ? e.reshape(everySecond(e, s, image), [s.c, s.n * s.oh * s.ow])
    : imageColumns(e, s, image);
  const rows = e.reshape(weight, [s.o, s.kh * s.kw * s.i]);
  return e.reshape(e.emit('MatMul', [rows, columns]), [s.o, s.n, s.oh, s.ow]);
}

/** The pixels that a strided pointwise convolution reads. */
function everySecond(e: Emitter, s: Extents, image: string): string {
  return isStrided(s) ? e.slice(image, [2, 3], [0, 0], [s.h, s.w], s.strides) : image;
}

/** The shifted images, one per kernel tap, that a convolution reads: [C, N, OH, OW] each. */
function taps(e: Emitter, s: Extents, image: string): string[] {
  const padded = e.pad(image, [0, 0, s.padding[0], s.padding[1]], [0, 0, s.padding[2], s.padding[3]]);
  const result: string[] = [];
  for (let ky = 0; ky < s.kh; ky++) {
    for (let kx = 0; kx < s.kw; kx++) {
      const start = [ky * s.dilations[0], kx * s.dilations[1]];
      const end = [start[0] + (s.oh - 1) * s.strides[0] + 1, start[1] + (s.ow - 1) * s.strides[1] + 1];
      result.push(e.slice(padded, [2, 3], start, end, s.strides));
    }
  }
  return result;
}

/** im2col: [KH KW C, N OH OW]. */
function imageColumns(e: Emitter, s: Extents, image: string): string {
  const stacked = e.emit('Concat', taps(e, s, image), { axis: { int: 0 } });
  return e.reshape(stacked, [s.kh * s.kw * s.c, s.n * s.oh * s.ow]);
}

/**
 * One ONNX convolution over the batch as a single image of N stacked, padded images, whose rows are a multiple
 * of the stride; the rows that straddle two images are cut away.
 */
function tallForward(e: Emitter, s: Extents, image: string, weight: string): string {
  const stride = s.strides[0];
  const span = (s.kh - 1) * s.dilations[0] + 1;
  const rows = Math.ceil(Math.max(s.h + s.padding[0] + s.padding[2], s.oh * stride) / stride) * stride;
  // Rows behind the last image so that every image has rows / stride rows of results.
  const tail = Math.max(0, span - stride);
  const padded = e.pad(image, [0, 0, s.padding[0], 0], [0, 0, rows - s.h - s.padding[0], 0]);
  const tall = e.pad(e.reshape(padded, [1, s.c, s.n * rows, s.w]), [0, 0, 0, 0], [0, 0, tail, 0]);
  const attributes = convAttributes({ ...s, padding: [0, s.padding[1], 0, s.padding[3]] });
  const y = e.emit('Conv', [tall, weight], attributes);
  const perImage = rows / stride;
  const made = Math.floor((s.n * rows + tail - span) / stride) + 1;
  const whole = made > s.n * perImage ? e.slice(y, [2], [0], [s.n * perImage]) : y;
  const stacked = e.reshape(whole, [s.o, s.n, perImage, s.ow]);
  return perImage === s.oh ? stacked : e.slice(stacked, [2], [0], [s.oh]);
}

function inputGradient(
  { inputs: [dy, w], outputs: [dx], attributes: a }: NodeOf<'conv2dInputGradient'>,
  e: Emitter,
): void {
  const s = extents(a.inputShape, w.shape, a);
  const gradient = e.use(dy, CHANNELS_FIRST);
  e.define(
    dx,
    inputGradientName(e, s, gradient, (layout) => e.use(w, layout)),
    CHANNELS_FIRST,
  );
}

function inputGradientName(
  e: Emitter,
  s: Extents,
  gradient: string,
  weight: (layout: typeof WEIGHT_ROWS | 'logical') => string,
): string {
  if (isPointwise(s)) return pointwiseInputGradient(e, s, gradient, weight(WEIGHT_ROWS));
  const reach = [(s.kh - 1) * s.dilations[0], (s.kw - 1) * s.dilations[1]];
  const fits = !isStrided(s) && s.padding.every((p, side) => p <= reach[side % 2]);
  if (s.groups === 1 && fits) return flippedInputGradient(e, s, gradient, weight(WEIGHT_ROWS));
  return tallInputGradient(e, s, gradient, weight('logical'));
}

/** dX = W^T dY, with zeros at the pixels that the stride passed over. */
function pointwiseInputGradient(e: Emitter, s: Extents, gradient: string, weight: string): string {
  const columns = e.reshape(gradient, [s.o, s.n * s.oh * s.ow]);
  const product = e.emit('Gemm', [e.reshape(weight, [s.o, s.c]), columns], { transA: { int: 1 } });
  if (!isStrided(s)) return e.reshape(product, [s.c, s.n, s.h, s.w]);
  const [sy, sx] = s.strides;
  const apart = e.pad(
    e.reshape(product, [s.c * s.n, s.oh, 1, s.ow, 1]),
    [0, 0, 0, 0, 0],
    [0, 0, sy - 1, 0, sx - 1],
  );
  const grid = e.reshape(apart, [s.c, s.n, s.oh * sy, s.ow * sx]);
  return e.pad(
    cut(e, grid, s, s.oh * sy, s.ow * sx),
    [0, 0, 0, 0],
    [0, 0, Math.max(0, s.h - s.oh * sy), Math.max(0, s.w - s.ow * sx)],
  );
}

/** The first h x w pixels of an image of height x width pixels. */
function cut(e: Emitter, image: string, s: Extents, height: number, width: number): string {
  return height > s.h || width > s.w
    ? e.slice(image, [2, 3], [0, 0], [Math.min(s.h, height), Math.min(s.w, width)])
    : image;
}

/** For stride 1: the convolution of dY with the flipped kernel. */
function flippedInputGradient(e: Emitter, s: Extents, gradient: string, weight: string): string {
  const count = s.kh * s.kw;
  // [O, T I] -> [T I, O] -> flip T: two moves of whole rows instead of one of single numbers.
  const turned = e.reshape(e.transpose(e.reshape(weight, [s.o, count * s.i]), [1, 0]), [count, s.i, s.o]);
  const order = e.ints(Array.from({ length: count }, (_, t) => count - 1 - t));
  const reversed = e.emit('Gather', [turned, order], { axis: { int: 0 } });
  const [fullY, fullX] = [(s.kh - 1) * s.dilations[0], (s.kw - 1) * s.dilations[1]];
  const backward: Extents = {
    ...s,
    c: s.o,
    o: s.c,
    i: s.o,
    h: s.oh,
    w: s.ow,
    oh: s.h,
    ow: s.w,
    padding: [
      fullY - s.padding[0],
      fullX - s.padding[1],
      s.h - s.oh + s.padding[0],
      s.w - s.ow + s.padding[1],
    ],
  };
  if (isNarrow(s)) {
    const kernel = e.reshape(e.transpose(reversed, [1, 2, 0]), [s.i, s.o, s.kh, s.kw]);
    return tallForward(e, backward, gradient, kernel);
  }
  const rows = e.reshape(e.transpose(reversed, [1, 0, 2]), [s.i, count * s.o]);
  return e.reshape(e.emit('MatMul', [rows, imageColumns(e, backward, gradient)]), [s.c, s.n, s.h, s.w]);
}

/** Any convolution: ONNX's transposed convolution over the batch as one tall image. */
function tallInputGradient(e: Emitter, s: Extents, gradient: string, weight: string): string {
  const stride = s.strides[0];
  const span = (s.kh - 1) * s.dilations[0] + 1;
  // Empty rows behind each image, so that the rows it makes do not reach into the next image's.
  const gap = Math.max(0, Math.ceil((span - stride) / stride));
  const rows = (s.oh + gap) * stride;
  const tall = e.reshape(e.pad(gradient, [0, 0, 0, 0], [0, 0, gap, 0]), [1, s.o, s.n * (s.oh + gap), s.ow]);
  const columns = (s.ow - 1) * s.strides[1] + (s.kw - 1) * s.dilations[1] + 1;
  const attributes = convAttributes({ ...s, padding: [0, 0, 0, 0] });
  const dx = e.emit('ConvTranspose', [tall, weight], attributes);
  const made = (s.n * (s.oh + gap) - 1) * stride + span;
  const stackedRows = s.n * rows;
  const whole =
    made > stackedRows
      ? e.slice(dx, [2], [0], [stackedRows])
      : e.pad(dx, [0, 0, 0, 0], [0, 0, stackedRows - made, 0]);
  const stacked = e.reshape(whole, [s.c, s.n, rows, columns]);
  const [top, left] = s.padding;
  const [bottom, right] = [Math.min(rows, top + s.h), Math.min(columns, left + s.w)];
  const inside = e.slice(stacked, [2, 3], [top, left], [bottom, right]);
  return e.pad(inside, [0, 0, 0, 0], [0, 0, top + s.h - bottom, left + s.w - right]);
}

function weightGradient(
  { inputs: [x, dy], outputs: [dw], attributes: a }: NodeOf<'conv2dWeightGradient'>,
  e: Emitter,
): void {
  const s = extents(x.shape, a.weightShape, a);
  const image = e.use(x, CHANNELS_FIRST);
  const gradient = e.use(dy, CHANNELS_FIRST);
  e.define(dw, weightGradientName(e, s, image, gradient), WEIGHT_ROWS);
}

function weightGradientName(e: Emitter, s: Extents, image: string, gradient: string): string {
  if (isDepthwise(s)) return depthwiseWeightGradient(e, s, image, gradient);
  const flat = s.groups === 1 && isNarrow(s) && !isPointwise(s) && !isStrided(s);
  return flat ? flatWeightGradient(e, s, image, gradient) : productWeightGradient(e, s, image, gradient);
}

/**
 * dW for stride 1 on padded images laid out flat: a kernel tap is then one shift of the whole batch, so the shifted
 * images are copies of long runs. dY lies in the same grid with zeros where a window would leave its image.
 */
function flatWeightGradient(e: Emitter, s: Extents, image: string, gradient: string): string {
  const [top, left, bottom, right] = s.padding;
  const [rows, columns] = [s.h + top + bottom, s.w + left + right];
  const length = s.n * rows * columns;
  const padded = e.reshape(e.pad(image, [0, 0, top, left], [0, 0, bottom, right]), [s.c, length]);
  const wide = e.reshape(e.pad(gradient, [0, 0, 0, 0], [0, 0, rows - s.oh, columns - s.ow]), [s.o, length]);
  const reach = (s.kh - 1) * s.dilations[0] * columns + (s.kw - 1) * s.dilations[1];
  const dy = e.slice(wide, [1], [0], [length - reach]);
  const parts: string[] = [];
  for (let ky = 0; ky < s.kh; ky++) {
    for (let kx = 0; kx < s.kw; kx++) {
      const offset = ky * s.dilations[0] * columns + kx * s.dilations[1];
      const tap = e.slice(padded, [1], [offset], [offset + length - reach]);
      parts.push(e.emit('Gemm', [dy, tap], { transB: { int: 1 } }));
    }
  }
  return e.reshape(e.emit('Concat', parts, { axis: { int: 1 } }), [s.o, s.kh, s.kw, s.i]);
}

/** dW [O, KH KW I]: for each kernel tap the product of dY with the shifted image's transpose, per group. */
function productWeightGradient(e: Emitter, s: Extents, image: string, gradient: string): string {
  const columns = s.n * s.oh * s.ow;
  const tapImages = isPointwise(s) ? [everySecond(e, s, image)] : taps(e, s, image);
  const parts = tapImages.map((tap) => {
    if (s.groups === 1) {
      const operands = [e.reshape(gradient, [s.o, columns]), e.reshape(tap, [s.c, columns])];
      return e.emit('Gemm', operands, { transB: { int: 1 } });
    }
    const grouped = e.transpose(e.reshape(tap, [s.groups, s.i, columns]), [0, 2, 1]);
    const product = e.emit('MatMul', [e.reshape(gradient, [s.groups, s.o / s.groups, columns]), grouped]);
    return e.reshape(product, [s.o, s.i]);
  });
  const all = parts.length === 1 ? parts[0] : e.emit('Concat', parts, { axis: { int: 1 } });
  return e.reshape(all, [s.o, s.kh, s.kw, s.i]);
}

/** dW [C, KH KW]: for each tap the channel's inner product of dY and the shifted image. */
function depthwiseWeightGradient(e: Emitter, s: Extents, image: string, gradient: string): string {
  const parts = taps(e, s, image).map((tap) => {
    const products = e.reshape(e.emit('Mul', [gradient, tap]), [s.c, s.n * s.oh * s.ow]);
    return e.emit('ReduceSum', [products, e.ints([1])], { keepdims: { int: 1 } });
  });
  const all = parts.length === 1 ? parts[0] : e.emit('Concat', parts, { axis: { int: 1 } });
  return e.reshape(all, [s.o, s.kh, s.kw, 1]);
}

export const convRules = {
  conv2d,
  conv2dInputGradient: inputGradient,
  conv2dWeightGradient: weightGradient,
} satisfies { [O in Op]?: LowerRule<O> };
