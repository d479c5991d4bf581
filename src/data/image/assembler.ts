/**
 * Writes a WebAssembly module as bytes from instructions with their standard names: as much of the format
 * (WebAssembly core specification 2.0, chapter 5) as `mix-kernels.ts` needs. Code is a list of bytes; operands stand
 * before the instruction that takes them, so an expression is a function of expressions.
 */

export type Code = readonly number[];

/** A function of the module: all parameters are i32 and the first locals; nothing is returned. */
export interface WasmFunction {
  readonly parameters: number;
  /** Locals after the parameters: first those of type i32, then those of type v128. */
  readonly integers: number;
  readonly vectors: number;
  readonly body: Code;
}

const I32 = 0x7f;
const V128 = 0x7b;
const VECTOR = 0xfd;
const NO_RESULT = 0x40;

/** LEB128 without sign. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** LEB128 with sign. */
function signed(value: number): number[] {
  const low = value & 0x7f;
  const rest = value >> 7;
  const last = (rest === 0 && low < 0x40) || (rest === -1 && low >= 0x40);
  return last ? [low] : [low | 0x80, ...signed(rest)];
}

/** A vector instruction that reads or writes memory at an address, without a promise of alignment. */
const memory =
  (opcode: number) =>
  (address: Code, offset = 0): Code => [...address, VECTOR, ...unsigned(opcode), 0, ...unsigned(offset)];

const unary =
  (opcode: number) =>
  (operand: Code): Code => [...operand, VECTOR, ...unsigned(opcode)];

const binary =
  (opcode: number) =>
  (left: Code, right: Code): Code => [...left, ...right, VECTOR, ...unsigned(opcode)];

export const local = {
  get: (index: number): Code => [0x20, ...unsigned(index)],
  set: (index: number, value: Code): Code => [...value, 0x21, ...unsigned(index)],
};

export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value)],
  load: (address: Code): Code => [...address, 0x28, 2, 0],
  add: (left: Code, right: Code): Code => [...left, ...right, 0x6a],
};

export const v128 = {
  load: memory(0x00),
  load8x8_u: memory(0x02),
  load32_splat: memory(0x09),
  store: (address: Code, value: Code, offset = 0): Code => [
    ...address,
    ...value,
    VECTOR,
    0x0b,
    0,
    ...unsigned(offset),
  ],
  store32_lane: (address: Code, value: Code, lane: number): Code => [
    ...address,
    ...value,
    VECTOR,
    0x5a,
    0,
    0,
    lane,
  ],
  const: (bytes: readonly number[]): Code => [VECTOR, 0x0c, ...bytes],
  zero: (): Code => v128.const(new Array<number>(16).fill(0)),
};

export const i8x16 = { swizzle: binary(0x0e), narrow_i16x8_u: binary(0x66) };
export const i16x8 = { narrow_i32x4_s: binary(0x85) };
export const i32x4 = {
  extend_low_i16x8_u: unary(0xa9),
  extend_high_i16x8_u: unary(0xaa),
  trunc_sat_f32x4_s: unary(0xf8),
};
export const f32x4 = {
  nearest: unary(0x6a),
  add: binary(0xe4),
  mul: binary(0xe6),
  convert_i32x4_s: unary(0xfa),
};

/** The instructions once, and again as long as the condition after them is not 0. */
export function repeatWhile(instructions: readonly Code[], condition: Code): Code {
  return [0x03, NO_RESULT, ...instructions.flat(), ...condition, 0x0d, 0, 0x0b];
}

const counted = (items: readonly Code[]): number[] => [...unsigned(items.length), ...items.flat()];
const sized = (code: Code): number[] => [...unsigned(code.length), ...code];
const section = (id: number, items: readonly Code[]): number[] => [id, ...sized(counted(items))];
const name = (text: string): number[] => sized([...Buffer.from(text)]);

/** The module: its functions are exported under their names, beside a `memory` that begins with no pages. */
export function assemble(functions: Readonly<Record<string, WasmFunction>>): Uint8Array<ArrayBuffer> {
  const list = Object.values(functions);
  const types = list.map(({ parameters }) => [
    0x60,
    ...counted(new Array<Code>(parameters).fill([I32])),
    ...counted([]),
  ]);
  const exports = Object.keys(functions).map((key, index) => [...name(key), 0x00, ...unsigned(index)]);
  const bodies = list.map(({ integers, vectors, body }) => {
    const locals = counted([
      [...unsigned(integers), I32],
      [...unsigned(vectors), V128],
    ]);
    return sized([...locals, ...body, 0x0b]);
  });
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types),
    ...section(
      3,
      list.map((_, index) => unsigned(index)),
    ),
    ...section(5, [[0x00, 0]]),
    ...section(7, [...exports, [...name('memory'), 0x02, 0]]),
    ...section(10, bodies),
  ]);
}
