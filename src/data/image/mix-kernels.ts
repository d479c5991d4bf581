/**
 * The inner loops of resampling, in WebAssembly with 128-bit vectors: about five times as fast as the same loops in
 * JavaScript, and the same numbers on every machine. All addresses are bytes of the module's own memory.
 */
import {
  assemble,
  type Code,
  f32x4,
  i8x16,
  i16x8,
  i32,
  i32x4,
  local,
  repeatWhile,
  v128,
} from './assembler.ts';

/** Bytes that kernels may read or write behind what they are asked for. */
export const SLACK = 16;

/** What is used of it; neither Node's types nor TypeScript's without a browser declare it. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

const { get, set } = local;

/** local += value */
const advance = (index: number, value: Code): Code => set(index, i32.add(get(index), value));

/** Sum of `taps` products; `term` moves its own addresses on. Locals: the counter, and the weights' address. */
function weightedSum(taps: number, left: number, weights: number, terms: readonly Code[]): Code {
  return [
    ...set(left, get(taps)),
    ...repeatWhile([...terms, advance(weights, i32.const(4)), advance(left, i32.const(-1))], get(left)),
  ];
}

/**
 * line[i] = sum over k < taps of weights[k] * rows[k * stride + i], for i < length rounded up to eight: 8-bit rows
 * become one row of float32.
 */
function mixRows(): Code {
  const [rows, stride, taps, weights, length, line, from, weight, left] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  const [low, high, eight] = [9, 10, 11];
  const addTo = (sum: number, half: Code): Code =>
    set(sum, f32x4.add(get(sum), f32x4.mul(f32x4.convert_i32x4_s(half), v128.load32_splat(get(weight)))));
  const eightPixels = [
    set(low, v128.zero()),
    set(high, v128.zero()),
    set(from, get(rows)),
    set(weight, get(weights)),
    weightedSum(taps, left, weight, [
      set(eight, v128.load8x8_u(get(from))),
      addTo(low, i32x4.extend_low_i16x8_u(get(eight))),
      addTo(high, i32x4.extend_high_i16x8_u(get(eight))),
      advance(from, get(stride)),
    ]),
    v128.store(get(line), get(low)),
    v128.store(get(line), get(high), 16),
    advance(rows, i32.const(8)),
    advance(line, i32.const(32)),
    advance(length, i32.const(-8)),
  ];
  // Length is a multiple of eight, so it ends at 0.
  return repeatWhile(eightPixels, get(length));
}

/** Pixel after pixel of the output: sum = sum over k < taps of weights[k] * line[start + k], per channel. */
function mixColumns(
  { line, starts, taps, weights, count }: Readonly<Record<string, number>>,
  { from, left, sum }: Readonly<Record<string, number>>,
  store: readonly Code[],
): Code {
  // Three channels of a pixel and one of its neighbour; the fourth lane is never used.
  const term = f32x4.mul(v128.load(get(from)), v128.load32_splat(get(weights)));
  return repeatWhile(
    [
      set(sum, v128.zero()),
      set(from, i32.add(get(line), i32.load(get(starts)))),
      weightedSum(taps, left, weights, [set(sum, f32x4.add(get(sum), term)), advance(from, i32.const(12))]),
      ...store,
      advance(starts, i32.const(4)),
      advance(count, i32.const(-1)),
    ],
    get(count),
  );
}

const COLUMN_INPUT = { line: 0, starts: 1, taps: 2, weights: 3, count: 4 };

/** Into three planes of float32, each `plane` bytes behind the one before, times scale plus shift per channel. */
function mixColumnsToPlanes(): Code {
  const [target, plane, step, scales, from, left, sum, second] = [5, 6, 7, 8, 9, 10, 12, 11];
  const scaled = f32x4.add(f32x4.mul(get(sum), v128.load(get(scales))), v128.load(get(scales), 16));
  return mixColumns(COLUMN_INPUT, { from, left, sum }, [
    set(sum, scaled),
    set(second, i32.add(get(target), get(plane))),
    v128.store32_lane(get(target), get(sum), 0),
    v128.store32_lane(get(second), get(sum), 1),
    v128.store32_lane(i32.add(get(second), get(plane)), get(sum), 2),
    advance(target, get(step)),
  ]);
}

/** Into interleaved bytes, rounded to the nearest (halves to even) and clamped to 0..255. */
function mixColumnsToBytes(): Code {
  const [target, from, left, sum] = [5, 6, 7, 8];
  const integers = i32x4.trunc_sat_f32x4_s(f32x4.nearest(get(sum)));
  const words = i16x8.narrow_i32x4_s(integers, integers);
  // The fourth byte is written over by the next pixel.
  return mixColumns(COLUMN_INPUT, { from, left, sum }, [
    v128.store32_lane(get(target), i8x16.narrow_i16x8_u(words, words), 0),
    advance(target, i32.const(3)),
  ]);
}

/** Addresses, counts and distances are those of the functions above. */
export interface MixKernels {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  mixRows(rows: number, stride: number, taps: number, weights: number, length: number, line: number): void;
  /** `starts`: int32 distances from `line` in bytes. `step`: from pixel to pixel in a plane, in bytes. */
  mixColumnsToPlanes(
    line: number,
    starts: number,
    taps: number,
    weights: number,
    count: number,
    target: number,
    plane: number,
    step: number,
    /** Four scales and four shifts, float32. */
    scales: number,
  ): void;
  mixColumnsToBytes(
    line: number,
    starts: number,
    taps: number,
    weights: number,
    count: number,
    target: number,
  ): void;
}

/** A new instance with a memory of its own; one per thread is enough. */
export function instantiateMixKernels(): MixKernels {
  const bytes = assemble({
    mixRows: { parameters: 6, integers: 3, vectors: 3, body: mixRows() },
    mixColumnsToPlanes: { parameters: 9, integers: 3, vectors: 1, body: mixColumnsToPlanes() },
    mixColumnsToBytes: { parameters: 6, integers: 2, vectors: 1, body: mixColumnsToBytes() },
  });
  return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as MixKernels;
}
