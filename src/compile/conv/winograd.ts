/**
 * Winograd's minimal filtering along the rows of an image, F(4,3): four rows of a result of three taps from six
 * products instead of twelve (Lavin and Gray, Fast algorithms for convolutional neural networks, 2016). An image is
 * taken apart into six, each a few rows of every tile of six added up; each is convolved along its columns only, by
 * the runtime's blocked kernels, with its own sum of the kernel's rows; sums of the six results are every fourth row.
 * Columns are left as they are: tiles of both axes would save a ninth more products, but move 2.7 times as much.
 *
 * The sums of rows are depthwise convolutions with constant kernels, which do strides and padding on the way. Since
 * what is convolved has no taps across rows, the batch is one tall image, without moves that bring images together.
 */
import { tensor } from '../../tensor/tensor.ts';
import type { Emitter, Epilogue } from '../emitter.ts';
import { blockedConv, fillsBlocks, fromBlocks, reorder, toBlocks } from './blocked.ts';
import { shiftedWeightGradient } from './columns.ts';
import { type Extents, isStrided, tapsOf, turned } from './extents.ts';

/** Rows of the result in a tile. */
const TILE = 4;

/** B^T: rows of a tile of the image that are added up, with points 0, 1, -1, 2, -2 and infinity. */
const OF_IMAGE: readonly (readonly number[])[] = [
  [4, 0, -5, 0, 1, 0],
  [0, -4, -4, 1, 1, 0],
  [0, 4, -4, -1, 1, 0],
  [0, -2, -1, 2, 1, 0],
  [0, 2, -1, -2, 1, 0],
  [0, 4, 0, -5, 0, 1],
];

/** G: rows of the kernel that are added up. */
const OF_KERNEL: readonly (readonly number[])[] = [
  [1 / 4, 0, 0],
  [-1 / 6, -1 / 6, -1 / 6],
  [-1 / 6, 1 / 6, -1 / 6],
  [1 / 24, 1 / 12, 1 / 6],
  [1 / 24, -1 / 12, 1 / 6],
  [0, 0, 1],
];

/** A: rows of a tile of the result that are added up. */
const OF_RESULT: readonly (readonly number[])[] = [
  [1, 0, 0, 0],
  [1, 1, 1, 1],
  [1, -1, 1, -1],
  [1, 2, 4, 8],
  [1, -2, 4, -8],
  [0, 0, 0, 1],
];

/** Whether three rows of taps go over the image one row at a time, in blocks of channels. */
export function hasRowTiles(e: Emitter, s: Extents): boolean {
  return fillsBlocks(e, s) && s.kh === 3 && s.strides[0] === 1 && s.dilations[0] === 1;
}

/** The same for the gradient of the image. */
export function hasTurnedRowTiles(e: Emitter, s: Extents): boolean {
  const t = turned(s);
  return t !== undefined && fillsBlocks(e, s) && hasRowTiles(e, t);
}

/** A depthwise convolution over rows, the same for every channel; images [count, B, H, W] in blocks. */
interface RowSum {
  readonly taps: readonly number[];
  readonly dilation: number;
  readonly stride: number;
  readonly before: number;
  readonly after: number;
}

function sumRows(
  e: Emitter,
  x: string,
  shape: readonly [count: number, rows: number, columns: number],
  { taps, dilation, stride, before, after }: RowSum,
  epilogue: Epilogue = {},
): string {
  const b = e.channelBlock;
  const lanes = Float32Array.from({ length: taps.length * b }, (_, index) => taps[Math.floor(index / b)]);
  const kernel = e.constant(tensor('float32', [b, 1, taps.length, 1], lanes));
  const [count, rows, columns] = shape;
  const image = e.reshape(x, [count, b, rows, columns]);
  const attributes = {
    strides: [stride, 1],
    padding: [before, 0, after, 0],
    dilations: [dilation, 1],
    groups: b,
  } as const;
  return blockedConv(e, image, kernel, [taps.length, 1], attributes, epilogue);
}

/**
 * The sum of rows of each tile, without the zeros at its ends or between its taps. The first tile of an image with
 * `height` rows begins `top` rows above it.
 */
function tileSum(height: number, top: number, tiles: number, coefficients: readonly number[]): RowSum {
  const last = coefficients.findLastIndex((c) => c !== 0);
  // The first tile's zeros in front are only left out where there is padding that they would have read.
  const first = Math.min(
    coefficients.findIndex((c) => c !== 0),
    top,
  );
  const read = coefficients.slice(first, last + 1);
  const dilation = read.every((c, index) => index % 2 === 0 || c === 0) ? 2 : 1;
  const after = Math.max(0, (tiles - 1) * TILE + last - top - (height - 1));
  const taps = read.filter((_, index) => index % dilation === 0);
  return { taps, dilation, stride: TILE, before: top - first, after };
}

/** `x` times a number plus `plus`, in blocks. */
function scaledPlus(e: Emitter, x: string, s: Extents, rows: number, factor: number, epilogue: Epilogue) {
  const once = { taps: [factor], dilation: 1, stride: 1, before: 0, after: 0 };
  const shape = [s.o / e.channelBlock, rows, s.ow] as const;
  return sumRows(e, x, shape, once, epilogue);
}

/**
 * The convolution of x [C, N, H, W] with three rows of taps. `kernels` is [O/B, 3, I/B KW, B of I, B of O] with the
 * taps of one row contiguous, which makes it an image of three rows in blocks.
 */
function convolveTiles(e: Emitter, s: Extents, x: string, kernels: string, epilogue: Epilogue): string {
  const b = e.channelBlock;
  const tiles = Math.ceil(s.oh / TILE);
  const rows = s.n * tiles;
  const image = toBlocks(e, x, s.c, s.n, s.h, s.w);
  const along = {
    strides: [1, s.strides[1]],
    padding: [0, s.padding[1], 0, s.padding[3]],
    dilations: [1, s.dilations[1]],
    groups: s.groups,
  } as const;
  const product = (position: number, done: Epilogue = {}) => {
    const sum = tileSum(s.h, s.padding[0], tiles, OF_IMAGE[position]);
    const part = sumRows(e, image, [(s.c / b) * s.n, s.h, s.w], sum);
    const taps = { taps: OF_KERNEL[position], dilation: 1, stride: 1, before: 0, after: 0 };
    const kernel = sumRows(e, kernels, [s.o / b, 3, s.i * s.kw], taps);
    const operands = [e.reshape(part, [1, s.c, rows, s.w]), e.reshape(kernel, [s.o, s.i, 1, s.kw])];
    return blockedConv(e, operands[0], operands[1], [1, s.kw], along, done);
  };
  const { bias, activation } = epilogue;
  const same = (name: string) => e.reshape(name, [s.o / b, b, rows, s.ow]);
  const whole = (name: string) => e.reshape(name, [1, s.o, rows, s.ow]);
  // Every row has the result of point 1 in it, and with it the bias.
  const [at1, atMinus1, at2, atMinus2] = [1, 2, 3, 4].map((point) =>
    product(point, point === 1 ? { bias } : {}),
  );
  const even = e.emit('Add', [at1, atMinus1]);
  const odd = e.emit('Sub', [at1, atMinus1]);
  const even2 = e.emit('Add', [at2, atMinus2]);
  const odd2 = e.emit('Sub', [at2, atMinus2]);
  const cubes = whole(scaledPlus(e, odd2, s, rows, 8, { plus: same(odd) }));
  const result = [
    product(0, { plus: e.emit('Add', [even, even2]), activation }),
    scaledPlus(e, odd2, s, rows, 2, { plus: same(odd), activation }),
    scaledPlus(e, even2, s, rows, 4, { plus: same(even), activation }),
    product(5, { plus: cubes, activation }),
  ];
  const outer = (s.o / b) * s.n;
  const woven = e.concat(
    result.map((row) => e.reshape(row, [outer * tiles, s.ow * b])),
    1,
  );
  const made = e.reshape(woven, [outer, tiles * TILE, s.ow * b]);
  const cut = tiles * TILE === s.oh ? made : e.slice(made, [1], [0], [s.oh]);
  return fromBlocks(e, cut, s.o, s.n, s.oh, s.ow);
}

/** The convolution. The weight is wanted as rows, [O, 3, KW, I]. */
export function winogradForward(e: Emitter, s: Extents, image: string, weight: string, epilogue: Epilogue) {
  const b = e.channelBlock;
  const filters = reorder(e, e.reshape(weight, [1, s.o, 1, 3 * s.kw * s.i]));
  const split = e.reshape(filters, [(s.o / b) * 3, s.kw, s.i / b, b * b]);
  return convolveTiles(e, s, image, e.transpose(split, [0, 2, 1, 3]), epilogue);
}

/** dX as the turned convolution of dY. The weight is wanted as rows, [O, 3, KW, I]. */
export function winogradInputGradient(e: Emitter, s: Extents, gradient: string, weight: string): string {
  const b = e.channelBlock;
  const rows = e.reshape(weight, [s.o, 3 * s.kw, s.i]);
  const reversed = e.emit('Gather', [rows, e.ints(tapsOf(s).reverse())], { axis: { int: 1 } });
  // [G, O/B, B of O, 3, KW, I/B, B of I] -> [G, I/B, 3, O/B, KW, B of O, B of I].
  const split = e.reshape(reversed, [s.groups, s.o / s.groups / b, b, 3, s.kw, s.i / b, b]);
  const kernels = e.transpose(split, [0, 5, 3, 1, 4, 2, 6]);
  return convolveTiles(e, turned(s)!, gradient, kernels, {});
}

/** The same for the gradient of the weight, which is a product per sum of rows and tap of a row. */
export function hasTilesOfBoth(e: Emitter, s: Extents): boolean {
  return hasRowTiles(e, s) && s.groups === 1 && !isStrided(s);
}

/** dW [O, 3, KW, I] as G^T of the gradients of G w: six gradients of weights of one row, from a quarter of the rows. */
export function winogradWeightGradient(e: Emitter, s: Extents, image: string, gradient: string): string {
  const b = e.channelBlock;
  const tiles = Math.ceil(s.oh / TILE);
  const x = toBlocks(e, image, s.c, s.n, s.h, s.w);
  const dy = toBlocks(e, gradient, s.o, s.n, s.oh, s.ow);
  const padding = [0, s.padding[1], 0, s.padding[3]] as const;
  const row = { ...s, h: tiles, oh: tiles, kh: 1, padding };
  const parts = OF_IMAGE.map((ofImage, position) => {
    const ofRows = tileSum(s.h, s.padding[0], tiles, ofImage);
    const part = sumRows(e, x, [(s.c / b) * s.n, s.h, s.w], ofRows);
    const ofResult = tileSum(s.oh, 0, tiles, OF_RESULT[position]);
    const reached = sumRows(e, dy, [(s.o / b) * s.n, s.oh, s.ow], ofResult);
    const operands = [
      fromBlocks(e, part, s.c, s.n, tiles, s.w),
      fromBlocks(e, reached, s.o, s.n, tiles, s.ow),
    ];
    return e.reshape(shiftedWeightGradient(e, row, operands[0], operands[1]), [s.o, 1, s.kw * s.i]);
  });
  const transposed = [0, 1, 2].flatMap((tap) => OF_KERNEL.map((coefficients) => coefficients[tap]));
  const ofKernel = e.constant(tensor('float32', [3, OF_KERNEL.length], Float32Array.from(transposed)));
  return e.reshape(e.emit('MatMul', [ofKernel, e.concat(parts, 1)]), [s.o, 3, s.kw, s.i]);
}
