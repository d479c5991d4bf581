/**
 * The inner loops of resampling, in WebAssembly with 128-bit vectors: about three times as fast as the same loops in
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
  type WasmFunction,
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

/** How many taps kernels of their own have: other numbers are a loop, which takes about twice as long. */
const UNROLLED = [2, 3, 4] as const;
type Unrolled = (typeof UNROLLED)[number] | undefined;

const upTo = (count: number): number[] => Array.from({ length: count }, (_, k) => k);

/** `body` as often as the local `taps` says, counted in the local `left`, with the address of weights moved on. */
function forEachTap(taps: number, left: number, weights: number, body: readonly Code[]): Code {
  const next = [advance(weights, i32.const(4)), advance(left, i32.const(-1))];
  return [...set(left, get(taps)), ...repeatWhile([...body, ...next], get(left))];
}

/**
 * line[i] = sum over k < taps of weights[k] * rows[k * stride + i], for i < length, which is a multiple of eight:
 * 8-bit rows become one row of float32.
 */
function mixRows(unrolled: Unrolled): WasmFunction {
  const [rows, stride, taps, weights, length, line, from, weight, left] = upTo(9);
  const [low, high, eight, ...kept] = upTo(7).map((k) => 9 + k);
  const halves = [
    { sum: low, half: i32x4.extend_low_i16x8_u(get(eight)) },
    { sum: high, half: i32x4.extend_high_i16x8_u(get(eight)) },
  ];
  const add = (factor: Code): Code[] => [
    set(eight, v128.load8x8_u(get(from))),
    ...halves.map(({ sum, half }) =>
      set(sum, f32x4.add(get(sum), f32x4.mul(f32x4.convert_i32x4_s(half), factor))),
    ),
    advance(from, get(stride)),
  ];
  const sum = unrolled
    ? upTo(unrolled).flatMap((k) => add(get(kept[k])))
    : [set(weight, get(weights)), forEachTap(taps, left, weight, add(v128.load32_splat(get(weight))))];
  const eightPixels = [
    set(low, v128.zero()),
    set(high, v128.zero()),
    set(from, get(rows)),
    ...sum,
    v128.store(get(line), get(low)),
    v128.store(get(line), get(high), 16),
    advance(rows, i32.const(8)),
    advance(line, i32.const(32)),
    advance(length, i32.const(-8)),
  ];
  const keepWeights = upTo(unrolled ?? 0).flatMap((k) =>
    set(kept[k], v128.load32_splat(get(weights), 4 * k)),
  );
  const body = [...keepWeights, ...repeatWhile(eightPixels, get(length))];
  return { parameters: 6, integers: 3, vectors: 7, body };
}

/** The locals of both kernels that mix columns: their first parameters. */
const COLUMNS = { line: 0, starts: 1, taps: 2, weights: 3, count: 4, target: 5 };

/** Pixel after pixel of the output: sum = sum over k < taps of weights[k] * line[start + k], per channel. */
function mixColumns(
  unrolled: Unrolled,
  { from, left, sum }: { from: number; left: number; sum: number },
  store: readonly Code[],
): Code {
  const { line, starts, taps, weights, count } = COLUMNS;
  // Three channels of a pixel and one of its neighbour; the fourth lane is never used.
  const add = (k: number): Code => {
    const term = f32x4.mul(v128.load(get(from), 12 * k), v128.load32_splat(get(weights), 4 * k));
    return set(sum, f32x4.add(get(sum), term));
  };
  const sums = unrolled
    ? [...upTo(unrolled).map(add), advance(weights, i32.const(4 * unrolled))]
    : [forEachTap(taps, left, weights, [add(0), advance(from, i32.const(12))])];
  return repeatWhile(
    [
      set(sum, v128.zero()),
      set(from, i32.add(get(line), i32.load(get(starts)))),
      ...sums,
      ...store,
      advance(starts, i32.const(4)),
      advance(count, i32.const(-1)),
    ],
    get(count),
  );
}

/** Into three planes of float32, each `plane` bytes behind the one before, times scale plus shift per channel. */
function mixColumnsToPlanes(unrolled: Unrolled): WasmFunction {
  const { target } = COLUMNS;
  const [plane, step, scales, from, left, second, sum] = upTo(7).map((k) => 6 + k);
  const scaled = f32x4.add(f32x4.mul(get(sum), v128.load(get(scales))), v128.load(get(scales), 16));
  const body = mixColumns(unrolled, { from, left, sum }, [
    set(sum, scaled),
    set(second, i32.add(get(target), get(plane))),
    v128.store32_lane(get(target), get(sum), 0),
    v128.store32_lane(get(second), get(sum), 1),
    v128.store32_lane(i32.add(get(second), get(plane)), get(sum), 2),
    advance(target, get(step)),
  ]);
  return { parameters: 9, integers: 3, vectors: 1, body };
}

/** Into interleaved bytes, rounded to the nearest (halves to even) and clamped to 0..255. */
function mixColumnsToBytes(unrolled: Unrolled): WasmFunction {
  const { target } = COLUMNS;
  const [from, left, sum] = [6, 7, 8];
  const integers = i32x4.trunc_sat_f32x4_s(f32x4.nearest(get(sum)));
  const words = i16x8.narrow_i32x4_s(integers, integers);
  // The fourth byte is written over by the next pixel.
  const body = mixColumns(unrolled, { from, left, sum }, [
    v128.store32_lane(get(target), i8x16.narrow_i16x8_u(words, words), 0),
    advance(target, i32.const(3)),
  ]);
  return { parameters: 6, integers: 2, vectors: 1, body };
}

/**
 * Interleaved bytes into three planes of float32, each `plane` bytes behind the one before, times scale plus shift per
 * channel. `count` pixels, a multiple of four.
 */
function bytesToPlanes(): WasmFunction {
  const [source, count, target, plane, scales, to, four] = upTo(7);
  // Every fourth byte of the result is one of the channel's, those between are 0: four integers.
  const lanes = (c: number) => upTo(16).map((k) => (k % 4 === 0 ? c + (3 * k) / 4 : 0xff));
  const channel = (c: number): Code => {
    const values = f32x4.convert_i32x4_s(i8x16.swizzle(get(four), v128.const(lanes(c))));
    const scaled = f32x4.mul(values, v128.load32_splat(get(scales), 4 * c));
    return v128.store(get(to), f32x4.add(scaled, v128.load32_splat(get(scales), 16 + 4 * c)));
  };
  const fourPixels = [
    set(four, v128.load(get(source))),
    set(to, get(target)),
    channel(0),
    advance(to, get(plane)),
    channel(1),
    advance(to, get(plane)),
    channel(2),
    advance(source, i32.const(12)),
    advance(target, i32.const(16)),
    advance(count, i32.const(-4)),
  ];
  return { parameters: 5, integers: 1, vectors: 1, body: repeatWhile(fourPixels, get(count)) };
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
  bytesToPlanes(source: number, count: number, target: number, plane: number, scales: number): void;
}

/** A new instance with a memory of its own; one per thread is enough. */
export function instantiateMixKernels(): MixKernels {
  const functions: Record<string, WasmFunction> = { bytesToPlanes: bytesToPlanes() };
  for (const unrolled of [undefined, ...UNROLLED]) {
    functions[`mixRows${unrolled ?? ''}`] = mixRows(unrolled);
    functions[`mixColumnsToPlanes${unrolled ?? ''}`] = mixColumnsToPlanes(unrolled);
    functions[`mixColumnsToBytes${unrolled ?? ''}`] = mixColumnsToBytes(unrolled);
  }
  const module = new WebAssembly.Module(assemble(functions));
  const exported = new WebAssembly.Instance(module).exports as MixKernels & Record<string, never>;
  /** The kernel for so many taps: their number is the third parameter of all. */
  const byTaps = <Name extends Exclude<keyof MixKernels, 'memory' | 'bytesToPlanes'>>(
    name: Name,
  ): MixKernels[Name] => {
    const general: (...parameters: number[]) => void = exported[name];
    const special: (typeof general | undefined)[] = [];
    for (const taps of UNROLLED) special[taps] = exported[`${name}${taps}`];
    return (...parameters: number[]) => (special[parameters[2]] ?? general)(...parameters);
  };
  return {
    memory: exported.memory,
    bytesToPlanes: exported.bytesToPlanes,
    mixRows: byTaps('mixRows'),
    mixColumnsToPlanes: byTaps('mixColumnsToPlanes'),
    mixColumnsToBytes: byTaps('mixColumnsToBytes'),
  };
}
