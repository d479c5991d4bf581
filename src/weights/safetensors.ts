/** Files of tensors in the safetensors format: reading as float32, and writing. */
import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { sizeOf, type Tensor, tensor } from '../tensor/tensor.ts';
import { invariant, UserError } from '../util/errors.ts';
import { parseHeader, type Refuse, refusing, type StoredTensor } from './safetensors-header.ts';

export interface SafetensorsFile {
  readonly tensors: Map<string, Tensor<'float32'>>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** As in the format's reference implementation. */
const LARGEST_HEADER = 100_000_000;
/** Node reads at most 2 GiB - 1 bytes in one call. */
const LARGEST_READ = 2 ** 30;

/**
 * Reads a file of weights. F16, BF16 and F64 become float32; `num_batches_tracked` counters are left out.
 * Memory stays within the file's own size plus what a wider type needs, whatever the file claims.
 * @throws UserError FILE_MISSING, or SAFETENSORS_... (see `parseHeader`; SAFETENSORS_LENGTH for a header that
 *   does not fit its file) naming the file, what was found and what is allowed
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  const refuse = refusing(path);
  const handle = await openForReading(path);
  try {
    const status = await handle.stat();
    if (!status.isFile()) refuse('SAFETENSORS_LENGTH', 'it is not a regular file', 'Name a file');
    const headerBytes = await readHeaderLength(handle, status.size, refuse);
    const dataBytes = status.size - 8 - headerBytes;
    const header = parseHeader(await readBytes(handle, 8, headerBytes, refuse), dataBytes, refuse);
    const data = (await readBytes(handle, 8 + headerBytes, dataBytes, refuse)).buffer;
    const kept = header.tensors.filter(({ name }) => !name.endsWith('num_batches_tracked'));
    const tensors = new Map(kept.map((stored) => [stored.name, toFloat32(stored, data, refuse)]));
    return { tensors, metadata: header.metadata };
  } finally {
    await handle.close();
  }
}

async function openForReading(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const given = code === 'ENOENT' ? `There is no file ${path}.` : `${path} cannot be read (${code}).`;
    throw new UserError('FILE_MISSING', given, 'Check the path and its permissions.', { cause: error });
  }
}

async function readHeaderLength(handle: FileHandle, fileBytes: number, refuse: Refuse): Promise<number> {
  if (fileBytes < 8) {
    refuse(
      'SAFETENSORS_LENGTH',
      `it has ${fileBytes} bytes`,
      'The first 8 bytes give the length of the header',
    );
  }
  const prefix = await readBytes(handle, 0, 8, refuse);
  const length = new DataView(prefix.buffer).getBigUint64(0, true);
  const most = Math.min(fileBytes - 8, LARGEST_HEADER);
  if (length > BigInt(most)) {
    refuse(
      'SAFETENSORS_LENGTH',
      `it claims a header of ${length} bytes`,
      `A header may have ${LARGEST_HEADER} bytes at most and must fit into the file, which leaves ${most} bytes here`,
    );
  }
  return Number(length);
}

async function readBytes(
  handle: FileHandle,
  position: number,
  length: number,
  refuse: Refuse,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const part = bytes.subarray(done, Math.min(length, done + LARGEST_READ));
    const { bytesRead } = await handle.read(part, 0, part.length, position + done);
    if (bytesRead === 0) {
      refuse(
        'SAFETENSORS_LENGTH',
        'it became shorter while it was read',
        'Read it again when it is complete',
      );
    }
    done += bytesRead;
  }
  return bytes;
}

/** A view of the file's bytes where type and alignment allow, else a converted copy. */
function toFloat32(stored: StoredTensor, data: ArrayBuffer, refuse: Refuse): Tensor<'float32'> {
  const { name, type, shape, begin, end } = stored;
  const bytes = () => data.slice(begin, end);
  const numbers = (): Float32Array => {
    switch (type) {
      case 'F32':
        return begin % 4 === 0 ? new Float32Array(data, begin, sizeOf(shape)) : new Float32Array(bytes());
      case 'F64':
        return Float32Array.from(new Float64Array(bytes()));
      case 'BF16':
        return fromBfloat16(new Uint16Array(bytes()));
      case 'F16':
        return Float32Array.from(new Uint16Array(bytes()), halfToNumber);
      default:
        return refuse(
          'SAFETENSORS_TYPE',
          `tensor ${JSON.stringify(name)} has the type ${type}`,
          'Weights are F32, F16, BF16 or F64; integers are only taken as num_batches_tracked, which is left out',
        );
    }
  };
  return tensor('float32', shape, numbers());
}

/** bfloat16 is the upper half of a float32. */
function fromBfloat16(halves: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(halves, (bits) => bits << 16).buffer);
}

/** IEEE 754 binary16: 1 sign bit, 5 exponent bits (bias 15), 10 fraction bits. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/**
 * Writes tensors and metadata, both sorted by name, so that equal content has equal bytes. The file appears
 * complete or not at all: it is written beside its place and renamed.
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor<'float32'>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { prefix, ordered } = layOut(tensors, metadata);
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const handle = await open(temporary, 'wx');
    try {
      await handle.appendFile(prefix);
      for (const { data } of ordered) {
        await handle.appendFile(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Length and header as bytes, padded with spaces so that the data begins at a multiple of 8. */
function layOut(tensors: ReadonlyMap<string, Tensor<'float32'>>, metadata: Readonly<Record<string, string>>) {
  invariant(!tensors.has('__metadata__'), 'a tensor cannot be called __metadata__');
  const byName = <T>(a: readonly [string, T], b: readonly [string, T]) => (a[0] < b[0] ? -1 : 1);
  const sorted = [...tensors].sort(byName);
  let position = 0;
  const entries = sorted.map(([name, { shape, data }]) => {
    const begin = position;
    position += data.byteLength;
    return [name, { dtype: 'F32', shape, data_offsets: [begin, position] }] as const;
  });
  const about = Object.fromEntries(Object.entries(metadata).sort(byName));
  const json = JSON.stringify({ __metadata__: about, ...Object.fromEntries(entries) });
  const bytes = Buffer.from(json);
  const length = Math.ceil(bytes.length / 8) * 8;
  const prefix = Buffer.alloc(8 + length, ' ');
  prefix.writeBigUInt64LE(BigInt(length), 0);
  bytes.copy(prefix, 8);
  return { prefix, ordered: sorted.map(([, value]) => value) };
}
