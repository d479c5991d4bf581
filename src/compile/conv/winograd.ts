/**
 * Winograd's minimal filtering along the rows of an image, F(4,3): four rows of a result of three taps from six
 * products instead of twelve (Lavin and Gray, Fast algorithms for convolutional neural networks, 2016). An image is
 * taken apart into six, each a few rows of every tile of six added up; each is convolved along its columns only, by
 * the runtime's blocked kernels, with its own sum of the kernel's rows; sums of the six results are every fourth row.
 * Images of two rows have F(2,3), two rows from four products. Columns are left as they are: tiles of both axes would save a ninth more products, but move 2.7 times as much.
 *
 * The sums of rows are depthwise convolutions with constant kernels, which do strides and padding on the way. Since
 * what is convolved has no taps across rows, the batch is one tall image, without moves that bring images together.
 */
import { tensor } from '../../tensor/tensor.ts';
import type { Emitter, Epilogue } from '../emitter.ts';
import { blockedConv, fillsBlocks, fromBlocks, multiplyBlocks, reorder, toBlocks } from './blocked.ts';
import { spacedWeightGradient } from './columns.ts';
import { type Extents, isStrided, tapsOf, turned } from './extents.ts';

/** One point of the polynomials: rows that are added up. */
type Sums = readonly (readonly number[])[];

interface Tiling {
  /** Rows of the result in a tile. */
  readonly rows: number;
  /** B^T: rows of a tile of the image, per product. */
  readonly ofImage: Sums;
  /** G: rows of the kernel, per product. */
  readonly ofKernel: Sums;
}

/** F(4,3) with points 0, 1, -1, 2, -2 and infinity. */
const FOUR = {
  rows: 4,
  ofImage: [
    [4, 0, -5, 0, 1, 0],
    [0, -4, -4, 1, 1, 0],
    [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
  ],
  ofKernel: [
    [1 / 4, 0, 0],
    [-1 / 6, -1 / 6, -1 / 6],
    [-1 / 6, 1 / 6, -1 / 6],
    [1 / 24, 1 / 12, 1 / 6],
    [1 / 24, -1 / 12, 1 / 6],
    [0, 0, 1],
  ],
} satisfies Tiling;

/** A of F(4,3): rows of a tile of the result that are added up. */
const OF_RESULT: Sums = [
  [1, 0, 0, 0],
  [1, 1, 1, 1],
  [1, -1, 1, -1],
  [1, 2, 4, 8],
  [1, -2, 4, -8],
  [0, 0, 0, 1],
];

/** F(2,3) with points 0, 1, -1 and infinity. */
const TWO = {
  rows: 2,
  ofImage: [
    [1, 0, -1, 0],
    [0, 1, 1, 0],
    [0, -1, 1, 0],
    [0, 1, 0, -1],
  ],
  ofKernel: [
    [1, 0, 0],
    [1 / 2, 1 / 2, 1 / 2],
    [1 / 2, -1 / 2, 1 / 2],
    [0, 0, -1],
  ],
} satisfies Tiling;

/** Of a tile of four rows, two would be made for nothing. */
const tilingOf = (s: Extents): Tiling => (s.oh <= TWO.rows ? TWO : FOUR);

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
  /** Columns of zeros that the result has on both sides of the image's; default none. */
  readonly left?: number;
  readonly right?: number;
}

function sumRows(
  e: Emitter,
  x: string,
  shape: readonly [count: number, rows: number, columns: number],
  { taps, dilation, stride, before, after, left = 0, right = 0 }: RowSum,
  epilogue: Epilogue = {},
): string {
  const b = e.channelBlock;
  const lanes = Float32Array.from({ length: taps.length * b }, (_, index) => taps[Math.floor(index / b)]);
  const kernel = e.constant(tensor('float32', [b, 1, taps.length, 1], lanes));
  const [count, rows, columns] = shape;
  const image = e.reshape(x, [count, b, rows, columns]);
  const attributes = {
    strides: [stride, 1],
    padding: [before, left, after, right],
    dilations: [dilation, 1],
    groups: b,
  } as const;
  return blockedConv(e, image, kernel, [taps.length, 1], attributes, epilogue);
}

/**
 * The sum of rows of each tile, without the zeros at its ends or between its taps. The first tile of an image with
 * `height` rows begins `top` rows above it.
 */
function tileSum(
  height: number,
  top: number,
  { tiles, rows }: { tiles: number; rows: number },
  coefficients: readonly number[],
): RowSum {
  const last = coefficients.findLastIndex((c) => c !== 0);
  // The first tile's zeros in front are only left out where there is padding that they would have read.
  const first = Math.min(
    coefficients.findIndex((c) => c !== 0),
    top,
  );
  const read = coefficients.slice(first, last + 1);
  const dilation = read.every((c, index) => index % 2 === 0 || c === 0) ? 2 : 1;
  const after = Math.max(0, (tiles - 1) * rows + last - top - (height - 1));
  const taps = read.filter((_, index) => index % dilation === 0);
  return { taps, dilation, stride: rows, before: top - first, after };
}

/**
 * The convolution of x [C, N, H, W] with three rows of taps. `kernels` is [O/B, 3, I/B KW, B of I, B of O] with the
 * taps of one row contiguous, which makes it an image of three rows in blocks.
 */
function convolveTiles(e: Emitter, s: Extents, x: string, kernels: string, epilogue: Epilogue): string {
  const b = e.channelBlock;
  const tiling = tilingOf(s);
  const tiles = Math.ceil(s.oh / tiling.rows);
  const rows = s.n * tiles;
  const image = toBlocks(e, x, s.c, s.n, s.h, s.w);
  const along = {
    strides: [1, s.strides[1]],
    padding: [0, s.padding[1], 0, s.padding[3]],
    dilations: [1, s.dilations[1]],
    groups: s.groups,
  } as const;
  const product: Product = (position, done = {}) => {
    const sum = tileSum(s.h, s.padding[0], { tiles, rows: tiling.rows }, tiling.ofImage[position]);
    const part = sumRows(e, image, [(s.c / b) * s.n, s.h, s.w], sum);
    const taps = { taps: tiling.ofKernel[position], dilation: 1, stride: 1, before: 0, after: 0 };
    const kernel = sumRows(e, kernels, [s.o / b, 3, s.i * s.kw], taps);
    const operands = [e.reshape(part, [1, s.c, rows, s.w]), e.reshape(kernel, [s.o, s.i, 1, s.kw])];
    return blockedConv(e, operands[0], operands[1], [1, s.kw], along, done);
  };
  const result =
    tiling === TWO ? resultOfTwo(e, product, epilogue) : resultOfFour(e, s, rows, product, epilogue);
  const outer = (s.o / b) * s.n;
  const woven = e.concat(
    result.map((row) => e.reshape(row, [outer * tiles, s.ow * b])),
    1,
  );
  const made = e.reshape(woven, [outer, tiles * tiling.rows, s.ow * b]);
  const cut = tiles * tiling.rows === s.oh ? made : e.slice(made, [1], [0], [s.oh]);
  return fromBlocks(e, cut, s.o, s.n, s.oh, s.ow);
}

/** The product at a point of the tiling, [1, O, rows, OW] in blocks. */
type Product = (position: number, done?: Epilogue) => string;

/** A^T of F(4,3): the rows of all tiles. Every row has the result of point 1 in it, and with it the bias. */
function resultOfFour(
  e: Emitter,
  s: Extents,
  rows: number,
  product: Product,
  { bias, activation }: Epilogue,
): string[] {
  const times = (factor: number, x: string, done: Epilogue) =>
    multiplyBlocks(e, x, [s.o, rows, s.ow], factor, done);
  const whole = (name: string) => e.reshape(name, [1, s.o, rows, s.ow]);
  const [at1, atMinus1, at2, atMinus2] = [product(1, { bias }), product(2), product(3), product(4)];
  const even = e.emit('Add', [at1, atMinus1]);
  const odd = e.emit('Sub', [at1, atMinus1]);
  const even2 = e.emit('Add', [at2, atMinus2]);
  const odd2 = e.emit('Sub', [at2, atMinus2]);
  const cubes = whole(times(8, odd2, { plus: odd }));
  return [
    product(0, { plus: e.emit('Add', [even, even2]), activation }),
    times(2, odd2, { plus: odd, activation }),
    times(4, even2, { plus: even, activation }),
    product(5, { plus: cubes, activation }),
  ];
}

/** A^T of F(2,3). */
function resultOfTwo(e: Emitter, product: Product, { bias, activation }: Epilogue): string[] {
  const [at1, atMinus1] = [product(1, { bias }), product(2)];
  return [
    product(0, { plus: e.emit('Add', [at1, atMinus1]), activation }),
    product(3, { plus: e.emit('Sub', [at1, atMinus1]), activation }),
  ];
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
  const tiles = Math.ceil(s.oh / FOUR.rows);
  const tiling = { tiles, rows: FOUR.rows };
  const x = toBlocks(e, image, s.c, s.n, s.h, s.w);
  const dy = toBlocks(e, gradient, s.o, s.n, s.oh, s.ow);
  const [, left, , right] = s.padding;
  const columns = Math.max(s.w + Math.max(left, right), s.ow);
  const parts = FOUR.ofImage.map((ofImage, position) => {
    const ofRows = tileSum(s.h, s.padding[0], tiling, ofImage);
    const widened = { ...ofRows, left, right: columns - left - s.w };
    const part = sumRows(e, x, [(s.c / b) * s.n, s.h, s.w], widened);
    const ofResult = { ...tileSum(s.oh, 0, tiling, OF_RESULT[position]), right: columns - s.ow };
    const reached = sumRows(e, dy, [(s.o / b) * s.n, s.oh, s.ow], ofResult);
    const operands = [
      fromBlocks(e, part, s.c, s.n, tiles, columns),
      fromBlocks(e, reached, s.o, s.n, tiles, columns),
    ];
    return spacedWeightGradient(e, s, s.n * tiles * columns, operands[0], operands[1]);
  });
  const transposed = [0, 1, 2].flatMap((tap) => FOUR.ofKernel.map((coefficients) => coefficients[tap]));
  const ofKernel = e.constant(tensor('float32', [3, FOUR.ofKernel.length], Float32Array.from(transposed)));
  return e.reshape(e.emit('MatMul', [ofKernel, e.concat(parts, 1)]), [s.o, 3, s.kw, s.i]);
}
