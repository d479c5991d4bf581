/**
 * Decoded views on disk and in shared memory: every image is decoded once, by whichever process comes first.
 *
 * One file per list of images and view, named by what determines its content:
 *
 *     magic (8 bytes) | pixels of all images | width, height (2 x uint32 per image) | SHA-256 of what is before
 *
 * The sizes come last because they are only known when the images are decoded. Little-endian.
 */
import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheSubfolder } from '../util/cache-folder.ts';
import { invariant } from '../util/errors.ts';
import { contentHash } from '../util/hash.ts';
import { type ProgressListener, silent } from '../util/progress.ts';
import { DECODERS, mapInOrder } from './concurrency.ts';
import type { DecodedImage, ImageDataset, ImageRecord, View } from './contract.ts';

/** Raise when the file's form or the way in which views are made changes. */
const FORMAT_VERSION = 2;
const MAGIC = Buffer.from('TLVIEWS1', 'latin1');
const DIGEST_BYTES = 32;
/** Bytes per write call: images wait for one another, since calls and decoders share the threads of libuv. */
const WRITE_BYTES = 1 << 22;
/** Bytes per read call, and how many calls are under way while what was read is hashed. */
const READ_BYTES = 1 << 22;
const READERS = 4;

/** The pixels of many images. All three arrays lie in shared memory, so posting them to a thread copies nothing. */
export interface PixelStore {
  /** Width and height of image i at 2i and 2i + 1. */
  readonly sizes: Uint32Array;
  /** Where image i begins in `pixels`; one more entry for the end. */
  readonly offsets: Float64Array;
  /** 8-bit RGB, interleaved, image after image. */
  readonly pixels: Uint8Array;
}

export interface ViewCache extends PixelStore {
  readonly count: number;
  readonly view: View;
  /** How many images were decoded to open this cache: all, or none when the file was there. */
  readonly decoded: number;
}

/** Image `index` as a window on the store, not a copy. */
export function imageAt(store: PixelStore, index: number): DecodedImage {
  const { sizes, offsets, pixels } = store;
  return {
    width: sizes[2 * index],
    height: sizes[2 * index + 1],
    pixels: pixels.subarray(offsets[index], offsets[index + 1]),
  };
}

/**
 * The views of `records` in their order, from the cache file or, when that is missing or damaged, decoded anew.
 * Several processes may do so at the same time; a reader never sees half a file.
 *
 * Errors: `IMAGE_UNREADABLE`, `CACHE_NOT_WRITABLE`.
 */
export async function openViewCache(
  dataset: ImageDataset,
  records: readonly ImageRecord[],
  view: View,
  cacheFolder: string,
  onProgress: ProgressListener = silent,
): Promise<ViewCache> {
  const folder = await cacheSubfolder(cacheFolder, 'views');
  const hashes = records.map((record) => record.contentHash);
  const file = join(folder, `${contentHash({ version: FORMAT_VERSION, view, hashes })}.bin`);
  const common = { count: records.length, view };
  const found = await readViews(file, records.length);
  if (found) return { ...common, ...found, decoded: 0 };
  await buildFile(file, dataset, records, view, onProgress);
  const built = await readViews(file, records.length, 'unchecked');
  invariant(built, `the view cache ${file} cannot be read back after it was written`);
  return { ...common, ...built, decoded: records.length };
}

async function buildFile(
  file: string,
  dataset: ImageDataset,
  records: readonly ImageRecord[],
  view: View,
  onProgress: ProgressListener,
): Promise<void> {
  const temporary = `${file}.${randomUUID()}.tmp`;
  const handle = await open(temporary, 'wx');
  try {
    await writeViews(handle, dataset, records, view, onProgress);
    await handle.close();
    await rename(temporary, file);
  } catch (error) {
    await handle.close();
    await rm(temporary, { force: true });
    throw error;
  }
}

async function writeViews(
  handle: FileHandle,
  dataset: ImageDataset,
  records: readonly ImageRecord[],
  view: View,
  onProgress: ProgressListener,
): Promise<void> {
  const output = new DigestedWriter(handle);
  const phase = `decode images at ${view.size} px`;
  const sizes = Buffer.alloc(8 * records.length);
  let done = 0;
  onProgress({ phase, done, total: records.length });
  await output.write(MAGIC);
  for await (const image of mapInOrder(records, DECODERS, (record) => dataset.render(record, view))) {
    sizes.writeUInt32LE(image.width, 8 * done);
    sizes.writeUInt32LE(image.height, 8 * done + 4);
    await output.write(image.pixels);
    done++;
    onProgress({ phase, done, total: records.length });
  }
  await output.write(sizes);
  await output.end();
}

/** Gathers bytes into large writes, of which one is under way while the next is gathered, and ends with their digest. */
class DigestedWriter {
  readonly #handle: FileHandle;
  readonly #hash = createHash('sha256');
  #gathered: Uint8Array[] = [];
  #bytes = 0;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** The bytes must stay as they are. A failed write is thrown by a later call. */
  async write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    this.#gathered.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes >= WRITE_BYTES) await this.#flush();
  }

  async end(): Promise<void> {
    this.#gathered.push(this.#hash.digest());
    await this.#flush();
    await this.#writing;
  }

  async #flush(): Promise<void> {
    await this.#writing;
    this.#writing = this.#handle.writeFile(Buffer.concat(this.#gathered));
    // Thrown where it is awaited.
    this.#writing.catch(() => {});
    this.#gathered = [];
    this.#bytes = 0;
  }
}

/**
 * Null when the file is missing, too short or not what was written. What this process has just written itself need not
 * be checked.
 */
async function readViews(
  file: string,
  count: number,
  check: 'checked' | 'unchecked' = 'checked',
): Promise<PixelStore | null> {
  const handle = await open(file, 'r').catch(() => null);
  if (!handle) return null;
  try {
    const tailBytes = 8 * count + DIGEST_BYTES;
    const pixelBytes = (await handle.stat()).size - MAGIC.length - tailBytes;
    if (pixelBytes < 0) return null;
    const magic = new Uint8Array(MAGIC.length);
    const pixels = new Uint8Array(new SharedArrayBuffer(pixelBytes));
    const tail = Buffer.alloc(tailBytes);
    const hash = check === 'checked' ? createHash('sha256') : undefined;
    hash?.update(await readInto(handle, magic, 0));
    await readInto(handle, pixels, MAGIC.length, (chunk) => hash?.update(chunk));
    await readInto(handle, tail, MAGIC.length + pixelBytes);
    hash?.update(tail.subarray(0, 8 * count));
    const intact = !hash || (MAGIC.equals(magic) && hash.digest().equals(tail.subarray(8 * count)));
    return intact ? { pixels, ...layOut(tail, count) } : null;
  } finally {
    await handle.close();
  }
}

async function readInto(
  handle: FileHandle,
  target: Uint8Array,
  position: number,
  onChunk: (chunk: Uint8Array) => void = () => {},
): Promise<Uint8Array> {
  const starts = Array.from({ length: Math.ceil(target.length / READ_BYTES) }, (_, i) => i * READ_BYTES);
  const chunks = mapInOrder(starts, READERS, async (start) => {
    const chunk = target.subarray(start, start + READ_BYTES);
    for (let done = 0; done < chunk.length; ) {
      const left = chunk.length - done;
      const { bytesRead } = await handle.read(chunk, done, left, position + start + done);
      // The file became shorter meanwhile; the digest will not fit.
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return chunk;
  });
  for await (const chunk of chunks) onChunk(chunk);
  return target;
}

function layOut(tail: Buffer, count: number): Pick<PixelStore, 'sizes' | 'offsets'> {
  const sizes = new Uint32Array(new SharedArrayBuffer(8 * count));
  const offsets = new Float64Array(new SharedArrayBuffer(8 * (count + 1)));
  for (let i = 0; i < 2 * count; i++) sizes[i] = tail.readUInt32LE(4 * i);
  for (let i = 0; i < count; i++) offsets[i + 1] = offsets[i] + sizes[2 * i] * sizes[2 * i + 1] * 3;
  return { sizes, offsets };
}
