/**
 * Convolutions as products of matrices over all pixels of the batch. Images lie [C, N, H, W], so that a row of
 * a matrix is a channel; weights lie [O, KH, KW, I].
 */
import type { Emitter } from '../emitter.ts';
import { type Extents, isPointwise, isStrided, turned } from './extents.ts';

/** Y [O, N OH OW] = W [O, KH KW I] X_col. */
export function productForward(e: Emitter, s: Extents, image: string, weight: string): string {
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

/**
 * The shifted images, one per kernel tap, that a convolution reads: [C, N, OH, OW] each. With strides, the image
 * is first taken apart into the pixels of each remainder, because whole rows are copied ten times faster than
 * single pixels.
 */
function taps(e: Emitter, s: Extents, image: string): string[] {
  const padded = e.pad(image, [0, 0, s.padding[0], s.padding[1]], [0, 0, s.padding[2], s.padding[3]]);
  const [height, width] = [s.h + s.padding[0] + s.padding[2], s.w + s.padding[1] + s.padding[3]];
  const [sy, sx] = s.strides;
  const apart = new Map<string, string>();
  const remainder = (y: number, x: number): string => {
    if (!isStrided(s)) return padded;
    const key = `${y},${x}`;
    const found = apart.get(key) ?? e.slice(padded, [2, 3], [y, x], [height, width], s.strides);
    apart.set(key, found);
    return found;
  };
  const result: string[] = [];
  for (let ky = 0; ky < s.kh; ky++) {
    for (let kx = 0; kx < s.kw; kx++) {
      const [y, x] = [ky * s.dilations[0], kx * s.dilations[1]];
      const start = [Math.floor(y / sy), Math.floor(x / sx)];
      const source = remainder(y % sy, x % sx);
      const whole =
        start[0] === 0 &&
        start[1] === 0 &&
        Math.ceil((height - (y % sy)) / sy) === s.oh &&
        Math.ceil((width - (x % sx)) / sx) === s.ow;
      const end = [start[0] + s.oh, start[1] + s.ow];
      result.push(whole ? source : e.slice(source, [2, 3], start, end));
    }
  }
  return result;
}

/** im2col: [KH KW C, N OH OW]. */
function imageColumns(e: Emitter, s: Extents, image: string): string {
  const stacked = e.concat(taps(e, s, image), 0);
  return e.reshape(stacked, [s.kh * s.kw * s.c, s.n * s.oh * s.ow]);
}

/** dX = W^T dY for a pointwise convolution, with zeros at the pixels that the stride passed over. */
export function pointwiseInputGradient(e: Emitter, s: Extents, gradient: string, weight: string): string {
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

/** The weight [O, KH, KW, I] of the turned convolution, [I, KH KW, O], with its taps in reverse order. */
export function turnedRows(e: Emitter, s: Extents, weight: string): string {
  const count = s.kh * s.kw;
  // [O, T I] -> [T I, O] -> reverse T: two moves of whole rows instead of one of single numbers.
  const moved = e.reshape(e.transpose(e.reshape(weight, [s.o, count * s.i]), [1, 0]), [count, s.i, s.o]);
  const order = e.ints(Array.from({ length: count }, (_, t) => count - 1 - t));
  return e.transpose(e.emit('Gather', [moved, order], { axis: { int: 0 } }), [1, 0, 2]);
}

/** dX at stride 1 as a product over the patches of dY. */
export function productInputGradient(e: Emitter, s: Extents, gradient: string, weight: string): string {
  const rows = e.reshape(turnedRows(e, s, weight), [s.i, s.kh * s.kw * s.o]);
  const columns = imageColumns(e, turned(s)!, gradient);
  return e.reshape(e.emit('MatMul', [rows, columns]), [s.c, s.n, s.h, s.w]);
}

/**
 * dW for stride 1 on images of padded rows laid out flat, where a tap's row is one shift of the whole batch: it moves
 * dY, and a tap's column moves x, so that kh + kw copies serve kh kw taps. The smaller operand's copies are stacked,
 * which makes the products larger. dY has rows of zeros where a window would leave its image.
 */
export function shiftedWeightGradient(e: Emitter, s: Extents, image: string, gradient: string): string {
  if (s.kh === 1 && s.o < s.c) return rowWeightGradient(e, s, image, gradient);
  const [top, left, bottom] = s.padding;
  const rows = s.h + top + bottom;
  const length = s.n * rows * s.ow;
  const [dy, dx] = s.dilations;
  const down = Array.from({ length: s.kh }, (_, ky) => {
    const moved = e.pad(gradient, [0, 0, ky * dy, 0], [0, 0, rows - s.oh - ky * dy, 0]);
    return e.reshape(moved, [s.o, length]);
  });
  const along = Array.from({ length: s.kw }, (_, kx) => {
    const before = left - kx * dx;
    const moved = e.pad(image, [0, 0, top, before], [0, 0, bottom, s.ow - s.w - before]);
    return e.reshape(moved, [s.c, length]);
  });
  const product = (a: string, b: string) => e.emit('Gemm', [a, b], { transB: { int: 1 } });
  if (s.o >= s.c) {
    const stacked = e.concat(along, 0);
    const parts = down.map((rowShift) => product(rowShift, stacked));
    return e.reshape(e.concat(parts, 1), [s.o, s.kh, s.kw, s.i]);
  }
  const stacked = e.concat(down, 0);
  const parts = along.map((columnShift) => product(stacked, columnShift));
  const taps = e.reshape(e.concat(parts, 1), [s.kh, s.o, s.kw * s.i]);
  return e.reshape(e.transpose(taps, [1, 0, 2]), [s.o, s.kh, s.kw, s.i]);
}

/** The same for one row of taps: dY has fewer channels, so it is moved the other way, and one product is enough. */
function rowWeightGradient(e: Emitter, s: Extents, image: string, gradient: string): string {
  const [top, left, bottom] = s.padding;
  const rows = s.h + top + bottom;
  const shifted = Array.from({ length: s.kw }, (_, kx) => {
    const before = kx * s.dilations[1] - left;
    return e.pad(gradient, [0, 0, 0, before], [0, 0, rows - s.oh, s.w - s.ow - before]);
  });
  const length = s.n * rows * s.w;
  const padded = e.pad(image, [0, 0, top, 0], [0, 0, bottom, 0]);
  const operands = [e.reshape(e.concat(shifted, 0), [s.kw * s.o, length]), e.reshape(padded, [s.c, length])];
  const taps = e.reshape(e.emit('Gemm', operands, { transB: { int: 1 } }), [s.kw, s.o, s.i]);
  return e.reshape(e.transpose(taps, [1, 0, 2]), [s.o, 1, s.kw, s.i]);
}

/**
 * dW [O, 1, KW I] of one row of taps, where both images, `count` pixels per channel, have columns of zeros: x the
 * padding in front of each row, dY behind each row what keeps taps from reaching into the next. So a tap is a shift
 * of all pixels, and what it moves from row to row or from channel to channel meets zeros. All shifted copies of dY
 * come about in one concatenation: each begins some zeros later than the one before ends.
 */
export function spacedWeightGradient(
  e: Emitter,
  s: Extents,
  count: number,
  image: string,
  gradient: string,
): string {
  const shift = s.dilations[1];
  const last = (s.kw - 1) * shift;
  const rows = s.kw * s.o + Math.ceil(last / count);
  const zeros = (length: number) => (length > 0 ? [e.zeros(length)] : []);
  const copy = e.reshape(gradient, [s.o * count]);
  const shifted = Array.from({ length: s.kw }, (_, kx) => [...zeros(kx > 0 ? shift : 0), copy]).flat();
  const stacked = e.concat([...shifted, ...zeros((rows - s.kw * s.o) * count - last)], 0);
  const operands = [e.reshape(stacked, [rows, count]), e.reshape(image, [s.c, count])];
  const taps = e.emit('Gemm', operands, { transB: { int: 1 } });
  // [KW O, C], and a row of no tap, to [O, KW, C].
  const order = Array.from({ length: s.o * s.kw }, (_, row) => (row % s.kw) * s.o + Math.floor(row / s.kw));
  return e.reshape(e.emit('Gather', [taps, e.ints(order)], { axis: { int: 0 } }), [s.o, 1, s.kw * s.i]);
}

/** dW [O, KH KW I] as one product of dY with the transposed patches. */
export function columnWeightGradient(e: Emitter, s: Extents, image: string, gradient: string): string {
  const dy = e.reshape(gradient, [s.o, s.n * s.oh * s.ow]);
  const product = e.emit('Gemm', [dy, imageColumns(e, s, image)], { transB: { int: 1 } });
  return e.reshape(product, [s.o, s.kh, s.kw, s.i]);
}

/** dW [O, KH KW I]: for each kernel tap the product of dY with the shifted image's transpose, per group. */
export function tapWeightGradient(e: Emitter, s: Extents, image: string, gradient: string): string {
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
  return e.reshape(e.concat(parts, 1), [s.o, s.kh, s.kw, s.i]);
}

/** dW [C, KH KW] of a depthwise convolution: for each tap the inner product of dY and the shifted image. */
export function depthwiseWeightGradient(e: Emitter, s: Extents, image: string, gradient: string): string {
  const parts = taps(e, s, image).map((tap) => {
    const products = e.reshape(e.emit('Mul', [gradient, tap]), [s.c, s.n * s.oh * s.ow]);
    return e.emit('ReduceSum', [products, e.ints([1])], { keepdims: { int: 1 } });
  });
  return e.reshape(e.concat(parts, 1), [s.o, s.kh, s.kw, 1]);
}
