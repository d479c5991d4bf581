/**
 * The spectra of many images, each image decoded once and its spectrum remembered by its content, so that the next
 * audit decodes only what is new and an audit that was interrupted goes on where it stopped.
 *
 * The cache is a folder of files, one per process that had something new, each a row of records:
 *
 *     content hash (32 bytes) | spectrum (256 x int16, little-endian) | SHA-256 of what is before (8 bytes of it)
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { appendFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheSubfolder } from '../../util/cache-folder.ts';
import type { ProgressListener } from '../../util/progress.ts';
import { DECODERS, mapInOrder } from '../concurrency.ts';
import { isFileChanged } from '../content.ts';
import type { ImageDataset, ImageRecord } from '../contract.ts';
import { discard, onRenderThreads } from '../image/render-threads.ts';
import { COEFFICIENTS, SPECTRUM_VERSION, SPECTRUM_VIEW, spectrumOf } from './spectrum.ts';

const HASH_BYTES = 32;
const SPECTRUM_BYTES = 2 * COEFFICIENTS;
const CHECK_BYTES = 8;
const RECORD_BYTES = HASH_BYTES + SPECTRUM_BYTES + CHECK_BYTES;
/** Records per write, and so how many images an interrupted audit decodes again at most. */
const RECORDS_PER_WRITE = 256;

/** An image and the data set that can show it. */
export interface AuditedRecord {
  readonly dataset: ImageDataset;
  readonly record: ImageRecord;
}

/**
 * The spectra of `images`, whose content hashes must all differ, one after the other in one array; of how many images
 * the spectrum was not remembered; and the images that could not be decoded, whose spectra are 0.
 *
 * Errors: `CACHE_NOT_WRITABLE`, `FILE_CHANGED`.
 */
export async function openSpectra(
  images: readonly AuditedRecord[],
  cacheFolder: string | undefined,
  onProgress: ProgressListener,
): Promise<{ spectra: Int16Array; decoded: number; unreadable: ReadonlySet<number> }> {
  const spectra = new Int16Array(images.length * COEFFICIENTS);
  const folder = cacheFolder && (await cacheSubfolder(cacheFolder, `spectra-v${SPECTRUM_VERSION}`));
  const missing = new Map(images.map(({ record }, index) => [record.contentHash, index]));
  if (folder) await readRemembered(folder, spectra, missing);
  const indices = [...missing.values()];
  const unreadable = new Set<number>();
  const writer = new RecordWriter(folder ? join(folder, `${randomUUID()}.bin`) : undefined);
  const phase = 'look at images';
  let done = images.length - indices.length;
  onProgress({ phase, done, total: images.length });
  const looked = mapInOrder(indices, DECODERS, (index) => spectrumOfImage(images[index]));
  await onRenderThreads(indices.length, async () => {
    for await (const spectrum of looked) {
      const index = indices[done - (images.length - indices.length)];
      if (spectrum) {
        spectra.set(spectrum, index * COEFFICIENTS);
        await writer.add(images[index].record.contentHash, spectrum);
      } else unreadable.add(index);
      done++;
      onProgress({ phase, done, total: images.length });
    }
  });
  await writer.flush();
  return { spectra, decoded: indices.length - unreadable.size, unreadable };
}

async function spectrumOfImage({ dataset, record }: AuditedRecord): Promise<Int16Array | null> {
  try {
    const image = await dataset.render(record, SPECTRUM_VIEW);
    const spectrum = spectrumOf(image);
    discard(image);
    return spectrum;
  } catch (error) {
    if (isFileChanged(error)) throw error;
    // Data sets report what does not decode when they are opened; a file may also have gone since.
    return null;
  }
}

/** Fills in what is remembered and takes it out of `missing`. Records that were torn or damaged are passed over. */
async function readRemembered(
  folder: string,
  spectra: Int16Array,
  missing: Map<string, number>,
): Promise<void> {
  for (const name of (await readdir(folder)).sort()) {
    if (missing.size === 0) return;
    if (!name.endsWith('.bin')) continue;
    let rest = Buffer.alloc(0);
    for await (const chunk of createReadStream(join(folder, name), { highWaterMark: 1 << 20 })) {
      const bytes = Buffer.concat([rest, chunk as Buffer]);
      const whole = bytes.length - (bytes.length % RECORD_BYTES);
      for (let at = 0; at < whole; at += RECORD_BYTES)
        takeRecord(bytes.subarray(at, at + RECORD_BYTES), spectra, missing);
      rest = bytes.subarray(whole);
    }
  }
}

function takeRecord(record: Buffer, spectra: Int16Array, missing: Map<string, number>): void {
  const hash = record.toString('hex', 0, HASH_BYTES);
  const index = missing.get(hash);
  if (index === undefined) return;
  const content = record.subarray(0, HASH_BYTES + SPECTRUM_BYTES);
  if (!checkOf(content).equals(record.subarray(HASH_BYTES + SPECTRUM_BYTES))) return;
  for (let i = 0; i < COEFFICIENTS; i++)
    spectra[index * COEFFICIENTS + i] = record.readInt16LE(HASH_BYTES + 2 * i);
  missing.delete(hash);
}

function checkOf(content: Uint8Array): Buffer {
  return createHash('sha256').update(content).digest().subarray(0, CHECK_BYTES);
}

/** Appends records to a file of its own, many at a time. Without a file nothing is remembered. */
class RecordWriter {
  readonly #file: string | undefined;
  #records: Buffer[] = [];

  constructor(file: string | undefined) {
    this.#file = file;
  }

  async add(contentHash: string, spectrum: Int16Array): Promise<void> {
    // Hashes of another form could not be found again.
    if (this.#file === undefined || !/^[0-9a-f]{64}$/.test(contentHash)) return;
    const content = Buffer.alloc(HASH_BYTES + SPECTRUM_BYTES);
    content.write(contentHash, 'hex');
    for (let i = 0; i < COEFFICIENTS; i++) content.writeInt16LE(spectrum[i], HASH_BYTES + 2 * i);
    this.#records.push(content, checkOf(content));
    if (this.#records.length >= 2 * RECORDS_PER_WRITE) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#file !== undefined && this.#records.length > 0)
      await appendFile(this.#file, Buffer.concat(this.#records.splice(0)));
  }
}
