/**
 * Packs: decoded images of one view, found by the content that they were decoded from. A pack is two files:
 *
 *     NAME.pixels   8-bit RGB, interleaved, image after image
 *     NAME.index    per image 64 bytes, appended when its pixels were written:
 *                   content hash (32) | width, height (2 x uint32) | place in NAME.pixels (float64)
 *                   | CRC-32 of the pixels | 8 bytes of zeros | CRC-32 of the entry's 60 bytes
 *
 * Little-endian. A process writes packs of its own and reads those of all, so several may fill a folder at the same
 * time, and whatever was written before a process was killed is found by the next one.
 */
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from '../util/checksum.ts';
import { sha256 } from '../util/hash.ts';
import type { DecodedImage } from './contract.ts';

const ENTRY_BYTES = 64;
const CHECKED_BYTES = 60;
const KEY_BYTES = 32;
const FIELD = { width: 32, height: 36, place: 40, check: 48, entryCheck: 60 } as const;
/** Bytes per write call: images wait for one another, since calls and decoders share the threads of libuv. */
const WRITE_BYTES = 1 << 22;

/** One image of a pack. */
interface PackedImage {
  readonly width: number;
  readonly height: number;
  /** Position of the first byte in the file of pixels. */
  readonly place: number;
  /** CRC-32 of the pixels. */
  readonly check: number;
}

/** Appends images to a new pack. */
export class PackWriter {
  readonly #path: string;
  readonly #pixels: FileHandle;
  readonly #index: FileHandle;
  /** Pixels to be written next, of which the first `#bytes` bytes are filled; the other half is being written. */
  #gathered = new Uint8Array(WRITE_BYTES);
  #spare = new Uint8Array(WRITE_BYTES);
  #bytes = 0;
  #entries: Buffer[] = [];
  #place = 0;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, pixels: FileHandle, index: FileHandle) {
    this.#path = path;
    this.#pixels = pixels;
    this.#index = index;
  }

  static async create(folder: string): Promise<PackWriter> {
    const path = join(folder, randomUUID());
    const pixels = await open(`${path}.pixels`, 'wx');
    return new PackWriter(path, pixels, await open(`${path}.index`, 'wx'));
  }

  /** Copies the pixels. A failed write is thrown by a later call. */
  async add(contentHash: string, { width, height, pixels }: DecodedImage): Promise<void> {
    const entry = Buffer.alloc(ENTRY_BYTES);
    entry.set(keyOf(contentHash));
    entry.writeUInt32LE(width, FIELD.width);
    entry.writeUInt32LE(height, FIELD.height);
    entry.writeDoubleLE(this.#place, FIELD.place);
    entry.writeUInt32LE(crc32(pixels), FIELD.check);
    entry.writeUInt32LE(crc32(entry.subarray(0, CHECKED_BYTES)), FIELD.entryCheck);
    if (this.#bytes + pixels.length > this.#gathered.length) await this.#flush();
    if (pixels.length > this.#gathered.length) this.#gathered = new Uint8Array(pixels.length);
    this.#gathered.set(pixels, this.#bytes);
    this.#entries.push(entry);
    this.#place += pixels.length;
    this.#bytes += pixels.length;
  }

  /** Writes what is left. A pack without images leaves no files. */
  async close(): Promise<void> {
    try {
      await this.#flush();
      await this.#writing;
    } finally {
      await this.#pixels.close();
      await this.#index.close();
      if (this.#place === 0)
        await Promise.all(['pixels', 'index'].map((ending) => rm(`${this.#path}.${ending}`)));
    }
  }

  /** One write is under way while the next is gathered; entries follow their pixels. */
  async #flush(): Promise<void> {
    await this.#writing;
    const [pixels, entries] = [this.#gathered.subarray(0, this.#bytes), Buffer.concat(this.#entries)];
    [this.#gathered, this.#spare] = [this.#spare, this.#gathered];
    [this.#entries, this.#bytes] = [[], 0];
    this.#writing = this.#write(pixels, entries);
    // Thrown where it is awaited.
    this.#writing.catch(() => {});
  }

  async #write(pixels: Uint8Array, entries: Uint8Array): Promise<void> {
    await this.#pixels.writeFile(pixels);
    await this.#index.writeFile(entries);
  }
}

/** The intact entries of all packs of a folder, to be found by content hash. */
export class PackIndex {
  /** Paths of the files of pixels. */
  readonly files: readonly string[];
  readonly #entries: Buffer;
  /** File of each entry. */
  readonly #fileOf: Uint32Array;
  /** Open addressing by the first bytes of the hash: an entry's number plus 1, or 0. Half of it is free. */
  readonly #table: Uint32Array;

  private constructor(files: readonly string[], entries: Buffer, fileOf: Uint32Array) {
    this.files = files;
    this.#entries = entries;
    this.#fileOf = fileOf;
    this.#table = new Uint32Array(2 ** Math.ceil(Math.log2(2 * fileOf.length + 2)));
    for (let entry = 0; entry < fileOf.length; entry++) {
      const key = entries.subarray(entry * ENTRY_BYTES, entry * ENTRY_BYTES + KEY_BYTES);
      this.#table[this.#slotOf(key)] ||= entry + 1;
    }
  }

  static async read(folder: string): Promise<PackIndex> {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.index')).sort();
    const [files, kept, fileOf]: [string[], Buffer[], number[]] = [[], [], []];
    for (const name of names) {
      const path = join(folder, name.replace(/index$/, 'pixels'));
      const entries = await readFile(join(folder, name)).catch(() => Buffer.alloc(0));
      const { size } = await stat(path).catch(() => ({ size: 0 }));
      const intact = intactEntries(entries, size);
      if (intact.length === 0) continue;
      kept.push(intact);
      fileOf.push(intact.length / ENTRY_BYTES);
      files.push(path);
    }
    const all = kept.length === 1 ? kept[0] : Buffer.concat(kept);
    const numbers = new Uint32Array(all.length / ENTRY_BYTES);
    let next = 0;
    for (const [file, count] of fileOf.entries()) numbers.fill(file, next, (next += count));
    return new PackIndex(files, all, numbers);
  }

  /** How many entries there are. */
  get count(): number {
    return this.#fileOf.length;
  }

  /** The number of the entry of this content, or -1. */
  find(contentHash: string): number {
    return this.#table[this.#slotOf(keyOf(contentHash))] - 1;
  }

  image(entry: number): PackedImage & { readonly file: number } {
    const at = entry * ENTRY_BYTES;
    return {
      file: this.#fileOf[entry],
      width: this.#entries.readUInt32LE(at + FIELD.width),
      height: this.#entries.readUInt32LE(at + FIELD.height),
      place: this.#entries.readDoubleLE(at + FIELD.place),
      check: this.#entries.readUInt32LE(at + FIELD.check),
    };
  }

  /** Where an entry with this key is in the table, or would be. */
  #slotOf(key: Buffer): number {
    const mask = this.#table.length - 1;
    let slot = key.readUInt32LE(0) & mask;
    for (; this.#table[slot] !== 0; slot = (slot + 1) & mask) {
      const at = (this.#table[slot] - 1) * ENTRY_BYTES;
      if (key.equals(this.#entries.subarray(at, at + KEY_BYTES))) break;
    }
    return slot;
  }
}

/** The key of the moment: a buffer for each of a million images would be much to clear away. */
const key = Buffer.alloc(KEY_BYTES);

/**
 * A SHA-256 as it is; what a data set of another program may give in its place is hashed. Valid until the next call.
 */
function keyOf(contentHash: string): Buffer {
  key.write(/^[0-9a-f]{64}$/.test(contentHash) ? contentHash : sha256(contentHash), 'hex');
  return key;
}

/** Without entries that were torn or changed, or whose pixels are not all there. */
function intactEntries(entries: Buffer, pixelBytes: number): Buffer {
  const intact = (entry: Buffer): boolean => {
    if (crc32(entry.subarray(0, CHECKED_BYTES)) !== entry.readUInt32LE(FIELD.entryCheck)) return false;
    const bytes = 3 * entry.readUInt32LE(FIELD.width) * entry.readUInt32LE(FIELD.height);
    return entry.readDoubleLE(FIELD.place) + bytes <= pixelBytes;
  };
  let kept = 0;
  for (let at = 0; at + ENTRY_BYTES <= entries.length; at += ENTRY_BYTES)
    if (intact(entries.subarray(at, at + ENTRY_BYTES))) {
      if (kept < at) entries.copy(entries, kept, at, at + ENTRY_BYTES);
      kept += ENTRY_BYTES;
    }
  return entries.subarray(0, kept);
}

/** Makes the image at `place` of a file of pixels be decoded anew by whoever opens the folder next. */
export async function forgetImage(file: string, place: number): Promise<void> {
  const index = file.replace(/pixels$/, 'index');
  const entries = await readFile(index);
  const handle = await open(index, 'r+');
  try {
    for (let at = 0; at + ENTRY_BYTES <= entries.length; at += ENTRY_BYTES)
      if (entries.readDoubleLE(at + FIELD.place) === place)
        await handle.write(Buffer.alloc(ENTRY_BYTES), 0, ENTRY_BYTES, at);
  } finally {
    await handle.close();
  }
}
