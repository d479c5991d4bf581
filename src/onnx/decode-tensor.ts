/** Tensors of an ONNX file: raw, typed or external data to host tensors, with every size checked first. */
import { closeSync, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { isAbsolute, relative, resolve } from 'node:path';
import { bytesPerElement, type DType, sizeOf, type Tensor, type TypedArrayOf } from '../tensor/tensor.ts';
import { messageOf, UserError } from '../util/errors.ts';
import { DATA_TYPE, EXTERNAL, type Int64, type TensorProto } from './schema.ts';

const DTYPES: Readonly<Record<number, DType>> = {
  [DATA_TYPE.FLOAT]: 'float32',
  [DATA_TYPE.FLOAT16]: 'float32',
  [DATA_TYPE.DOUBLE]: 'float32',
  [DATA_TYPE.INT32]: 'int32',
  [DATA_TYPE.INT64]: 'int64',
  [DATA_TYPE.BOOL]: 'bool',
  [DATA_TYPE.UINT8]: 'uint8',
};

/** The dtype that holds a TensorProto.DataType here; half and double precision are held as float32. */
export function dtypeOf(dataType: number, title: string): DType {
  const dtype = DTYPES[dataType];
  if (dtype) return dtype;
  const name = Object.entries(DATA_TYPE).find(([, number]) => number === dataType)?.[0] ?? dataType;
  throw new UserError(
    'ONNX_UNSUPPORTED',
    `The ${title} has elements of type ${name}.`,
    'Supported are FLOAT, FLOAT16, DOUBLE, INT32, INT64, BOOL and UINT8.',
  );
}

function extentsOf(dims: readonly Int64[], title: string): number[] {
  const extents = dims.map(Number);
  if (!extents.every((extent) => Number.isSafeInteger(extent) && extent >= 0)) {
    throw inconsistent(title, `has the impossible extents ${extents.join('x')}`);
  }
  return extents;
}

/**
 * The tensor of a TensorProto; external data is read from `folder`.
 * @throws UserError ONNX_UNREADABLE when data and extents do not agree or external data is missing or outside
 */
export function decodeTensor(proto: TensorProto, title: string, folder: string | undefined): Tensor {
  const dtype = dtypeOf(proto.dataType, title);
  const shape = extentsOf(proto.dims, title);
  const count = sizeOf(shape);
  const external = proto.dataLocation === EXTERNAL;
  const stored = storedBytes(proto.dataType);
  if (external || proto.rawData.length > 0) {
    const raw = external ? readExternal(proto, title, folder, count * stored) : proto.rawData;
    requireCount(raw.length / stored, count, title);
    return { dtype, shape, data: fromRaw(proto.dataType, raw, count) };
  }
  const values = typedField(proto);
  requireCount(values.length, count, title);
  return { dtype, shape, data: fromTyped(proto.dataType, values) };
}

function inconsistent(title: string, problem: string): UserError {
  return new UserError(
    'ONNX_UNREADABLE',
    `The ${title} ${problem}.`,
    'The file is damaged or incomplete: export or download it again.',
  );
}

function requireCount(given: number, expected: number, title: string): void {
  if (given !== expected) {
    throw inconsistent(title, `should hold ${expected} numbers, but its data holds ${given}`);
  }
}

function storedBytes(dataType: number): number {
  if (dataType === DATA_TYPE.DOUBLE) return 8;
  return dataType === DATA_TYPE.FLOAT16 ? 2 : bytesPerElement(DTYPES[dataType]);
}

/** Little-endian bytes to an own, aligned array. */
function fromRaw(dataType: number, raw: Uint8Array, count: number): TypedArrayOf[DType] {
  const { buffer } = new Uint8Array(raw);
  switch (dataType) {
    case DATA_TYPE.FLOAT:
      return new Float32Array(buffer, 0, count);
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

/** The bytes of external data. `length` may be left out in the file: then the rest of the file is meant. */
function readExternal(
  proto: TensorProto,
  title: string,
  folder: string | undefined,
  expected: number,
): Uint8Array {
  const entries = new Map(proto.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get('location') ?? '';
  if (folder === undefined) {
    throw inconsistent(title, `keeps its data in the file "${location}", which was not given along`);
  }
  const handle = openInside(folder, location, title);
  try {
    const size = fstatSync(handle).size;
    const offset = Number(entries.get('offset') ?? 0);
    const length = Number(entries.get('length') ?? size - offset);
    const inside = [offset, length].every((number) => Number.isSafeInteger(number) && number >= 0);
    if (!inside || offset + length > size) {
      throw inconsistent(
        title,
        `needs bytes ${offset} to ${offset + length} of "${location}" (${size} bytes)`,
      );
    }
    if (length !== expected) {
      throw inconsistent(title, `needs ${expected} bytes, but names ${length} bytes of "${location}"`);
    }
    const bytes = new Uint8Array(length);
    if (readSync(handle, bytes, 0, length, offset) !== length) {
      throw inconsistent(title, `could not be read from "${location}" as a whole`);
    }
    return bytes;
  } finally {
    closeSync(handle);
  }
}

function openInside(folder: string, location: string, title: string): number {
  const refuse = (problem: string) => inconsistent(title, `keeps its data in "${location}", ${problem}`);
  const root = realpathSync(folder);
  let path: string;
  try {
    path = realpathSync(resolve(root, location));
  } catch (error) {
    throw refuse(`which cannot be opened (${messageOf(error)})`);
  }
  const within = relative(root, path);
  if (isAbsolute(location) || within === '' || within.startsWith('..') || isAbsolute(within)) {
    throw refuse("which lies outside the model's folder");
  }
  return openSync(path, 'r');
}
