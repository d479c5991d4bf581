/** Tensors of an ONNX file: raw, typed or external data to host tensors, with every size checked first. */
import { bytesPerElement, type DType, sizeOf, type Tensor, type TypedArrayOf } from '../tensor/tensor.ts';
import { UserError } from '../util/errors.ts';
import type { ExternalData } from './external-data.ts';
import { inconsistent } from './inconsistent.ts';
import { DATA_TYPE, EXTERNAL, type Int64, type TensorProto } from './schema.ts';

const DTYPES: Readonly<Record<number, DType>> = {
  [DATA_TYPE.FLOAT]: 'float32',
  [DATA_TYPE.FLOAT16]: 'float32',
  [DATA_TYPE.BFLOAT16]: 'float32',
  [DATA_TYPE.DOUBLE]: 'float32',
  [DATA_TYPE.INT32]: 'int32',
  [DATA_TYPE.INT64]: 'int64',
  [DATA_TYPE.BOOL]: 'bool',
  [DATA_TYPE.UINT8]: 'uint8',
};

/** The dtype that holds a TensorProto.DataType here; other precisions are held as float32. */
export function dtypeOf(dataType: number, title: string): DType {
  const dtype = DTYPES[dataType];
  if (dtype) return dtype;
  throw new UserError(
    'ONNX_UNSUPPORTED',
    `The ${title} has elements of type ${typeName(dataType)}.`,
    'Supported are FLOAT, FLOAT16, BFLOAT16, DOUBLE, INT32, INT64, BOOL and UINT8.',
  );
}

const typeName = (dataType: number): string =>
  Object.entries(DATA_TYPE).find(([, number]) => number === dataType)?.[0] ?? `type ${dataType}`;

/** The name of the element type when there is no dtype for it, as for quantised weights. */
export const undecodable = ({ dataType }: TensorProto): string | undefined =>
  DTYPES[dataType] ? undefined : typeName(dataType);

function extentsOf(dims: readonly Int64[], title: string): number[] {
  const extents = dims.map(Number);
  if (!extents.every((extent) => Number.isSafeInteger(extent) && extent >= 0)) {
    throw inconsistent(title, `has the impossible extents ${extents.join('x')}`);
  }
  return extents;
}

/**
 * The tensor of a TensorProto, whose type must be decodable.
 * @throws UserError ONNX_UNREADABLE when data and extents do not agree or external data is missing or outside
 */
export function decodeTensor(proto: TensorProto, title: string, external: ExternalData): Tensor {
  const dtype = dtypeOf(proto.dataType, title);
  const shape = extentsOf(proto.dims, title);
  const count = sizeOf(shape);
  const outside = proto.dataLocation === EXTERNAL;
  const stored = storedBytes(proto.dataType);
  if (outside || proto.rawData.length > 0) {
    const raw = outside ? external.read(proto, title, count * stored) : proto.rawData;
    requireCount(raw.length / stored, count, title);
    return { dtype, shape, data: fromRaw(proto.dataType, raw, count) };
  }
  const values = typedField(proto);
  requireCount(values.length, count, title);
  return { dtype, shape, data: fromTyped(proto.dataType, values) };
}

function requireCount(given: number, expected: number, title: string): void {
  if (given !== expected) {
    throw inconsistent(title, `should hold ${expected} numbers, but its data holds ${given}`);
  }
}

function storedBytes(dataType: number): number {
  if (dataType === DATA_TYPE.DOUBLE) return 8;
  return dataType === DATA_TYPE.FLOAT16 || dataType === DATA_TYPE.BFLOAT16
    ? 2
    : bytesPerElement(DTYPES[dataType]);
}

/** Little-endian bytes to an own, aligned array: a copy, unless the bytes have their memory to themselves. */
function fromRaw(dataType: number, raw: Uint8Array, count: number): TypedArrayOf[DType] {
  const { buffer } = raw.byteLength === raw.buffer.byteLength ? raw : new Uint8Array(raw);
  switch (dataType) {
    case DATA_TYPE.FLOAT:
      return new Float32Array(buffer, 0, count);
    case DATA_TYPE.BFLOAT16:
      return Float32Array.from(new Uint16Array(buffer, 0, count), fromBrain);
    case DATA_TYPE.DOUBLE:
      return Float32Array.from(new Float64Array(buffer, 0, count));
    case DATA_TYPE.FLOAT16:
      return Float32Array.from(new Uint16Array(buffer, 0, count), fromHalf);
    case DATA_TYPE.INT32:
      return new Int32Array(buffer, 0, count);
    case DATA_TYPE.INT64:
      return new BigInt64Array(buffer, 0, count);
    default:
      return new Uint8Array(buffer, 0, count);
  }
}

function typedField(proto: TensorProto): readonly Int64[] {
  switch (proto.dataType) {
    case DATA_TYPE.FLOAT:
      return proto.floatData;
    case DATA_TYPE.DOUBLE:
      return proto.doubleData;
    case DATA_TYPE.INT64:
      return proto.int64Data;
    default:
      return proto.int32Data;
  }
}

function fromTyped(dataType: number, values: readonly Int64[]): TypedArrayOf[DType] {
  switch (dataType) {
    case DATA_TYPE.FLOAT:
    case DATA_TYPE.DOUBLE:
      return Float32Array.from(values as number[]);
    case DATA_TYPE.FLOAT16:
      return Float32Array.from(values as number[], fromHalf);
    case DATA_TYPE.BFLOAT16:
      return Float32Array.from(values as number[], fromBrain);
    case DATA_TYPE.INT32:
      return Int32Array.from(values as number[]);
    case DATA_TYPE.INT64:
      return BigInt64Array.from(values, (value) => BigInt(value.toString()));
    default:
      return Uint8Array.from(values as number[]);
  }
}

/** IEEE 754 binary16: sign, 5 bits of exponent (bias 15), 10 bits of fraction. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const bits = new Uint32Array(1);
const number = new Float32Array(bits.buffer);

/** bfloat16 is the upper half of a float32. */
function fromBrain(upper: number): number {
  bits[0] = upper << 16;
  return number[0];
}
