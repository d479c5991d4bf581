/** Damaged files of weights of every kind, thrown at their readers. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';
import { decodeModel } from '../../src/onnx/decode.ts';
import { Random } from '../../src/tensor/random.ts';
import { type ByteSource, memorySource } from '../../src/util/byte-source.ts';
import { UserError } from '../../src/util/errors.ts';
import { readPickle } from '../../src/util/pickle.ts';
import { refusing } from '../../src/util/refuse.ts';
import { readEntry, readZipDirectory } from '../../src/util/zip.ts';
import { openSafetensors } from '../../src/weights/safetensors.ts';
import { readTensors, type TensorFile } from '../../src/weights/tensor-file.ts';
import { torchHost } from '../../src/weights/torch/objects.ts';
import { openTorch } from '../../src/weights/torch/torch-file.ts';
import { mutated } from '../mutated.ts';
import { type Entry, zip } from './archives.ts';

const fixtures = resolve(import.meta.dirname, '../fixtures');
const all = (folder: string, ending: string) =>
  readdirSync(join(fixtures, folder))
    .filter((name) => name.endsWith(ending))
    .map((name) => readFileSync(join(fixtures, folder, name)));

const torchFiles = all('torch', '.pth');

const refuse = refusing('fuzz', 'PyTorch');
const isZip = (file: Uint8Array) => file[0] === 0x50;

/** Files in zip form taken apart, so that the pickle can be damaged alone: damage elsewhere mostly ends at the archive. */
const TAKEN_APART = await Promise.all(torchFiles.filter(isZip).map(takenApart));

async function takenApart(file: Uint8Array): Promise<{ pickle: Uint8Array; others: Entry[] }> {
  const source = memorySource(file);
  const entries: Entry[] = [];
  for (const entry of (await readZipDirectory(source, refuse)).values()) {
    entries.push({ name: entry.name, content: await readEntry(source, entry, refuse) });
  }
  const isPickle = ({ name }: Entry) => name.endsWith('/data.pkl');
  return { pickle: entries.find(isPickle)!.content, others: entries.filter((entry) => !isPickle(entry)) };
}

const PICKLES = TAKEN_APART.map(({ pickle }) => pickle);

/** A pickle in the archive that number `index` came from. */
function inArchive(pickle: Uint8Array, index: number): Uint8Array {
  const { others } = TAKEN_APART[index % TAKEN_APART.length];
  const prefix = others[0].name.split('/')[0];
  return zip([{ name: `${prefix}/data.pkl`, content: pickle }, ...others]);
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
  readonly read: (file: Uint8Array, index: number) => Promise<void>;
}

const tensorKind = (
  name: string,
  files: readonly Uint8Array[],
  open: (source: ByteSource, file: string) => Promise<TensorFile>,
  around: (file: Uint8Array, index: number) => Uint8Array = (file) => file,
): Kind => ({
  name,
  files,
  read: async (file, index) => {
    const whole = around(file, index);
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
  tensorKind('zip', torchFiles.filter(isZip), openTorch),
  tensorKind(
    'legacy',
    torchFiles.filter((file) => !isZip(file)),
    openTorch,
  ),
  tensorKind('pickle in an archive', PICKLES, openTorch, inArchive),
  {
    name: 'pickle alone',
    files: PICKLES,
    read: async (file) => {
      readPickle(file, 0, torchHost(file.length, refuse), refuse);
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
        await read(file, index);
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
