/**
 * Decoded views of images on disk: every image is decoded once, by whichever process comes first, whatever data sets,
 * parts and subsets it is in. Only where each image lies is kept in memory; pixels are read when they are needed, so
 * a million images take no more memory than a thousand.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheSubfolder } from '../util/cache-folder.ts';
import { crc32 } from '../util/checksum.ts';
import { invariant, messageOf, UserError } from '../util/errors.ts';
import { contentHash } from '../util/hash.ts';
import { type ProgressListener, silent } from '../util/progress.ts';
import { DECODERS, mapInOrder } from './concurrency.ts';
import type { DecodedImage, ImageDataset, ImageRecord, View } from './contract.ts';
import { discard, onRenderThreads } from './image/render-threads.ts';
import { forgetImage, PackIndex, PackWriter } from './pack.ts';

/** Raise when the form of packs or the way in which views are made changes. */
const FORMAT_VERSION = 3;

/**
 * Where the pixels of a list of images lie. The arrays are in shared memory, so posting them to a thread copies
 * nothing.
 */
export interface PixelStore {
  /** Paths of files of pixels. */
  readonly files: readonly string[];
  /** Which picture each image of the list is: images of the same content are one picture. */
  readonly pictures: Uint32Array;
  /** Per picture: its file, its place there, width and height (at 2p and 2p + 1), and the CRC-32 of its pixels. */
  readonly fileOf: Uint32Array;
  readonly places: Float64Array;
  readonly sizes: Uint32Array;
  readonly checks: Uint32Array;
  /** Per picture: 1 when some thread has found its pixels to be what was written. */
  readonly checked: Uint8Array;
}

export interface ViewCache extends PixelStore {
  readonly count: number;
  readonly view: View;
  /** How many images were decoded to open this cache: those that no earlier process had decoded for this view. */
  readonly decoded: number;
}

/** Width and height of image `index`. */
export function sizeAt({ pictures, sizes }: PixelStore, index: number): { width: number; height: number } {
  return { width: sizes[2 * pictures[index]], height: sizes[2 * pictures[index] + 1] };
}

/**
 * The views of `records` in their order. Those that the cache folder lacks are decoded and kept; when that is
 * interrupted, what was written until then is kept too. Several processes may do so at the same time.
 *
 * Errors: `IMAGE_UNREADABLE`, `FILE_CHANGED`, `CACHE_NOT_WRITABLE`.
 */
export async function openViewCache(
  dataset: ImageDataset,
  records: readonly ImageRecord[],
  view: View,
  cacheFolder: string,
  onProgress: ProgressListener = silent,
): Promise<ViewCache> {
  const views = await cacheSubfolder(cacheFolder, 'views');
  const folder = join(views, contentHash({ version: FORMAT_VERSION, view }).slice(0, 32));
  await mkdir(folder, { recursive: true });
  const found = await PackIndex.read(folder);
  const missing = missingOf(records, found);
  if (missing.length > 0) await decode(dataset, missing, view, folder, onProgress);
  const index = missing.length > 0 ? await PackIndex.read(folder) : found;
  return { count: records.length, view, decoded: missing.length, ...layOut(records, index) };
}

/** One record of each content that has no entry. */
function missingOf(records: readonly ImageRecord[], index: PackIndex): ImageRecord[] {
  const missing = new Map<string, ImageRecord>();
  for (const record of records)
    if (!missing.has(record.contentHash) && index.find(record.contentHash) < 0)
      missing.set(record.contentHash, record);
  return [...missing.values()];
}

async function decode(
  dataset: ImageDataset,
  records: readonly ImageRecord[],
  view: View,
  folder: string,
  onProgress: ProgressListener,
): Promise<void> {
  const phase = `decode images at ${view.size} px`;
  let done = 0;
  onProgress({ phase, done, total: records.length });
  const pack = await writing(PackWriter.create(folder));
  try {
    await onRenderThreads(records.length, async () => {
      for await (const image of mapInOrder(records, DECODERS, (record) => dataset.render(record, view))) {
        await writing(pack.add(records[done].contentHash, image));
        discard(image);
        done++;
        onProgress({ phase, done, total: records.length });
      }
    });
  } finally {
    await writing(pack.close());
  }
}

async function writing<T>(write: Promise<T>): Promise<T> {
  try {
    return await write;
  } catch (error) {
    throw new UserError(
      'CACHE_NOT_WRITABLE',
      `Decoded images cannot be written to the cache folder: ${messageOf(error)}.`,
      'Free some space, or give a cache folder that you may write to.',
      { cause: error },
    );
  }
}

function layOut(records: readonly ImageRecord[], index: PackIndex): PixelStore {
  const pictures = new Uint32Array(new SharedArrayBuffer(4 * records.length));
  /** Entry of each picture, and picture of each entry plus 1. */
  const entries: number[] = [];
  const pictureOf = new Uint32Array(index.count);
  for (const [i, { id, contentHash: content }] of records.entries()) {
    const entry = index.find(content);
    invariant(entry >= 0, `the view of ${id} cannot be found after it was written`);
    if (pictureOf[entry] === 0) pictureOf[entry] = entries.push(entry);
    pictures[i] = pictureOf[entry] - 1;
  }
  const count = entries.length;
  const store: PixelStore = {
    files: index.files,
    pictures,
    fileOf: new Uint32Array(new SharedArrayBuffer(4 * count)),
    places: new Float64Array(new SharedArrayBuffer(8 * count)),
    sizes: new Uint32Array(new SharedArrayBuffer(8 * count)),
    checks: new Uint32Array(new SharedArrayBuffer(4 * count)),
    checked: new Uint8Array(new SharedArrayBuffer(count)),
  };
  for (const [picture, entry] of entries.entries()) {
    const { file, place, width, height, check } = index.image(entry);
    store.fileOf[picture] = file;
    store.places[picture] = place;
    store.sizes.set([width, height], 2 * picture);
    store.checks[picture] = check;
  }
  return store;
}

/** Reads pixels for one thread, into memory of its own. */
export class PixelReader {
  readonly #store: PixelStore;
  readonly #descriptors = new Map<string, number>();
  #buffer = new Uint8Array();

  constructor(store: PixelStore) {
    this.#store = store;
  }

  /** Image `index`, valid until the next call; undefined when its pixels are gone or not what was written. */
  read(index: number): DecodedImage | undefined {
    const { pictures, fileOf, places, checks, checked, files } = this.#store;
    const { width, height } = sizeAt(this.#store, index);
    const picture = pictures[index];
    const bytes = 3 * width * height;
    if (this.#buffer.length < bytes) this.#buffer = new Uint8Array(bytes);
    const pixels = this.#buffer.subarray(0, bytes);
    const whole = this.#fill(files[fileOf[picture]], pixels, places[picture]);
    if (!whole || (checked[picture] === 0 && crc32(pixels) !== checks[picture])) return undefined;
    checked[picture] = 1;
    return { width, height, pixels };
  }

  #fill(file: string, target: Uint8Array, position: number): boolean {
    try {
      const descriptor = this.#descriptors.get(file) ?? openSync(file, 'r');
      this.#descriptors.set(file, descriptor);
      for (let done = 0; done < target.length; ) {
        const count = readSync(descriptor, target, done, target.length - done, position + done);
        if (count === 0) return false;
        done += count;
      }
      return true;
    } catch {
      return false;
    }
  }

  close(): void {
    for (const descriptor of this.#descriptors.values()) closeSync(descriptor);
    this.#descriptors.clear();
  }
}

/** Has the pixels of image `index` decoded anew at the next opening, and says so as an error to throw. */
export async function damaged(store: PixelStore, index: number): Promise<UserError> {
  const picture = store.pictures[index];
  const file = store.files[store.fileOf[picture]];
  await forgetImage(file, store.places[picture]).catch(() => {});
  return new UserError(
    'CACHE_DAMAGED',
    `The cache of decoded images ${file} was damaged or removed after it was written.`,
    'Run the command again: what is missing is decoded anew.',
  );
}
