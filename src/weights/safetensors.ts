/** Files of tensors in the safetensors format: reading as float32, and writing. */
import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import { type ByteSource, openFileSource } from '../util/byte-source.ts';
import { invariant } from '../util/errors.ts';
import { type Refuse, refusing, shown } from '../util/refuse.ts';
import { float32Of, type NumberType } from './numbers.ts';
import { parseHeader } from './safetensors-header.ts';
import { isCounter, readTensors, type TensorFile, using, type Weights } from './tensor-file.ts';

export interface SafetensorsFile {
  readonly tensors: Weights;
  readonly metadata: Readonly<Record<string, string>>;
}

/** As in the format's reference implementation. */
const LARGEST_HEADER = 100_000_000;

/** The types that weights have, by their name in the format. */
const NUMBER_TYPES: Readonly<Record<string, NumberType>> = {
  F64: 'F64',
  F32: 'F32',
  F16: 'F16',
  BF16: 'BF16',
};

/**
 * The tensors of a file of weights. F16, BF16 and F64 become float32; `num_batches_tracked` counters are left out.
 * Memory stays within the file's own size plus what a wider type needs, whatever the file claims.
 * @param file what errors call the file
 * @throws UserError SAFETENSORS_... (see `parseHeader`; SAFETENSORS_LENGTH for a header that does not fit its
 *   file) naming the file, what was found and what is allowed
 */
export async function openSafetensors(source: ByteSource, file: string): Promise<TensorFile> {
  const refuse = refusing(file, 'safetensors');
  const headerBytes = await readHeaderLength(source, refuse);
  const start = 8 + headerBytes;
  const header = parseHeader(await source.read(8, headerBytes), source.size - start, refuse);
  const kept = header.tensors.filter(({ name }) => !isCounter(name));
  const stored = new Map(kept.map((entry) => [entry.name, entry]));
  return {
    metadata: header.metadata,
    shapes: new Map(kept.map(({ name, shape }) => [name, shape])),
    async read(name) {
      const { type, shape, begin, end } = stored.get(name)!;
      const numberType = NUMBER_TYPES[type];
      if (!numberType) {
        refuse(
          'SAFETENSORS_TYPE',
          `tensor ${shown(name)} has the type ${type}`,
          'Weights are F32, F16, BF16 or F64; integers are only taken as num_batches_tracked, which is left out',
        );
      }
      return tensor('float32', shape, float32Of(numberType, await source.read(start + begin, end - begin)));
    },
  };
}

/** Everything in the file at `path`. See `openSafetensors`; also throws FILE_MISSING. */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  return using(await openFileSource(path), async (source) => {
    const file = await openSafetensors(source, path);
    return { tensors: await readTensors(file, file.shapes.keys()), metadata: file.metadata };
  });
}

async function readHeaderLength(source: ByteSource, refuse: Refuse): Promise<number> {
  if (source.size < 8) {
    refuse(
      'SAFETENSORS_LENGTH',
      `it has ${source.size} bytes`,
      'The first 8 bytes give the length of the header',
    );
  }
  const length = new DataView((await source.read(0, 8)).buffer).getBigUint64(0, true);
  const most = Math.min(source.size - 8, LARGEST_HEADER);
  if (length > BigInt(most)) {
    refuse(
      'SAFETENSORS_LENGTH',
      `it claims a header of ${length} bytes`,
      `A header may have ${LARGEST_HEADER} bytes at most and must fit into the file, which leaves ${most} bytes here`,
    );
  }
  return Number(length);
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

/** The bytes of the file that `writeSafetensors` writes. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, Tensor<'float32'>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const { prefix, ordered } = layOut(tensors, metadata);
  return Buffer.concat([
    prefix,
    ...ordered.map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  ]);
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
