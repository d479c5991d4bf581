/** Stored numbers as float32. All formats here are little-endian, as is every processor that Node runs on in practice. */

export type NumberType = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64';

/** The numbers in `bytes`, which must begin at the start of their buffer; of float32 a view, else a converted copy. */
export function float32Of(type: NumberType, { buffer, length }: Uint8Array<ArrayBuffer>): Float32Array {
  switch (type) {
    case 'F32':
      return new Float32Array(buffer, 0, length / 4);
    case 'F64':
      return Float32Array.from(new Float64Array(buffer, 0, length / 8));
    case 'F16':
      return Float32Array.from(new Uint16Array(buffer, 0, length / 2), halfToNumber);
    case 'BF16':
      return fromBfloat16(new Uint16Array(buffer, 0, length / 2));
    case 'I64':
      return fromInt64(new BigInt64Array(buffer, 0, length / 8));
  }
}

/** bfloat16 is the upper half of a float32. */
function fromBfloat16(halves: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(halves, (bits) => bits << 16).buffer);
}

function fromInt64(integers: BigInt64Array): Float32Array {
  const numbers = new Float32Array(integers.length);
  integers.forEach((integer, index) => {
    numbers[index] = Number(integer);
  });
  return numbers;
}

/** IEEE 754 binary16: 1 sign bit, 5 exponent bits (bias 15), 10 fraction bits. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}
