/** Damaged files of weights of every kind, thrown at their readers. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';
import { decodeModel } from '../../src/onnx/decode.ts';
import { Random } from '../../src/tensor/random.ts';
import { UserError } from '../../src/util/errors.ts';
import { type ByteSource, memorySource } from '../../src/util/byte-source.ts';
import { refusing } from '../../src/util/refuse.ts';
import { openSafetensors } from '../../src/weights/safetensors.ts';
import { readTensors, type TensorFile } from '../../src/weights/tensor-file.ts';
import { torchHost } from '../../src/weights/torch/objects.ts';
import { readPickle } from '../../src/util/pickle.ts';
import { openTorch } from '../../src/weights/torch/torch-file.ts';
import { mutated } from '../mutated.ts';
import { pickleOf, tensorOf, torchZip } from './archives.ts';

const fixtures = resolve(import.meta.dirname, '../fixtures');
const all = (folder: string, ending: string) =>
  readdirSync(join(fixtures, folder))
    .filter((name) => name.endsWith(ending))
    .map((name) => readFileSync(join(fixtures, folder, name)));

const torchFiles = all('torch', '.pth');

/** The pickle of a file in zip form, to be damaged alone: damage elsewhere mostly ends at the archive. */
const PICKLES = [
  pickleOf(['a.weight', tensorOf()], ['a.bias', tensorOf({ type: 'HalfStorage' })]),
  ...torchFiles.flatMap(pickleInside),
];

function pickleInside(file: Buffer): Buffer[] {
  // PROTO 2 or 4 behind the padding of the first entry, up to STOP and the next entry's header.
  const start =
    file.indexOf(Buffer.of(0x80, 2)) >= 0
      ? file.indexOf(Buffer.of(0x80, 2))
      : file.indexOf(Buffer.of(0x80, 4));
  const end = file.indexOf(Buffer.from('.PK'), start);
  return start >= 0 && end > start ? [file.subarray(start, end + 1)] : [];
}

const SAFETENSORS = [
  safetensors(
    '{"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"F16","shape":[4],"data_offsets":[24,32]}}',
    32,
  ),
  safetensors(
    '{"__metadata__":{"x":"y"},"s":{"dtype":"BF16","shape":[],"data_offsets":[0,2]},"e":{"dtype":"F64","shape":[0,9],"data_offsets":[2,2]}}  ',
    2,
  ),
];

function safetensors(header: string, data: number): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, Buffer.from(header), Buffer.alloc(data, 0x3c)]);
}

interface Kind {
  readonly name: string;
  readonly files: readonly Uint8Array[];
  /** Reads all of a file. */
  readonly read: (file: Uint8Array) => Promise<void>;
}

const tensorKind = (
  name: string,
  files: readonly Uint8Array[],
  open: (source: ByteSource, file: string) => Promise<TensorFile>,
  around: (file: Uint8Array) => Uint8Array = (file) => file,
): Kind => ({
  name,
  files,
  read: async (file) => {
    const whole = around(file);
    const source = watched(whole);
    const opened = await open(source, name);
    const tensors = await readTensors(opened, opened.shapes.keys());
    const bytes = [...tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
    // Tensors may share storages four times, halves double, and deflated entries grow 16 times.
    expect(bytes).toBeLessThanOrEqual(4 * 2 * 17 * whole.length);
  },
});

/** Bytes in memory; no piece of them may be read that is larger than the whole. */
function watched(file: Uint8Array): ByteSource {
  const source = memorySource(file);
  return {
    ...source,
    read(position, length) {
      expect(length).toBeLessThanOrEqual(file.length);
      return source.read(position, length);
    },
  };
}

const KINDS: readonly Kind[] = [
  tensorKind(
    'zip',
    torchFiles.filter((file) => file[0] === 0x50),
    openTorch,
  ),
  tensorKind(
    'legacy',
    torchFiles.filter((file) => file[0] === 0x80),
    openTorch,
  ),
  tensorKind('pickle in an archive', PICKLES, openTorch, (pickle) => torchZip(pickle)),
  {
    name: 'pickle alone',
    files: PICKLES,
    read: async (file) => {
      const refuse = refusing('pickle', 'PyTorch');
      readPickle(file, 0, torchHost(refuse), refuse);
    },
  },
  tensorKind('safetensors', SAFETENSORS, openSafetensors),
  {
    name: 'ONNX',
    files: all('onnx', '.onnx').filter((file) => file.length < 20_000),
    read: async (file) => void decodeModel(file),
  },
];

export interface FuzzCount {
  readonly accepted: number;
  readonly refused: number;
  /** The longest that one file took, in milliseconds. */
  readonly longest: number;
}

/**
 * Reads `count` damaged files of each kind. Every one is accepted, or refused by a UserError; anything else is thrown on
 * with the kind and the number of the file, by which it can be made again.
 */
export async function fuzzWeights(count: number, seed: number): Promise<Map<string, FuzzCount>> {
  const counts = new Map<string, FuzzCount>();
  for (const { name, files, read } of KINDS) {
    expect(files.length).toBeGreaterThan(0);
    const random = new Random(seed, name);
    const found = { accepted: 0, refused: 0, longest: 0 };
    for (let index = 0; index < count; index++) {
      const file = mutated(files[index % files.length], random);
      const start = performance.now();
      try {
        await read(file);
        found.accepted++;
      } catch (error) {
        if (!(error instanceof UserError))
          throw new Error(`${name}, file ${index} of seed ${seed}`, { cause: error });
        found.refused++;
      }
      found.longest = Math.max(found.longest, performance.now() - start);
    }
    counts.set(name, found);
  }
  return counts;
}
