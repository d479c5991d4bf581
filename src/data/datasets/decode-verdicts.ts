/**
 * What was found out about the files of a data set, remembered by content: whether they decode. A text file,
 * one line per content hash, which several processes may append to at the same time.
 */
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheSubfolder } from '../../util/cache-folder.ts';
import { DECODERS, mapInOrder } from '../concurrency.ts';
import type { DecodedImage } from '../contract.ts';
import { DECODER_VERSION, findDecodeError } from '../image/render.ts';

/** Verdicts per write, and so how many images an interrupted opening decodes again at most. */
const VERDICTS_PER_WRITE = 256;

/**
 * Yields `inspect(image)` for each image in order, several under way. Verdicts are written as they come, so that an
 * opening that is interrupted goes on where it stopped. Error: `CACHE_NOT_WRITABLE`.
 */
export async function* inspected<T, R>(
  images: readonly T[],
  cacheFolder: string | undefined,
  inspect: (image: T, verdicts: DecodeVerdicts) => Promise<R>,
): AsyncGenerator<R> {
  const verdicts = await DecodeVerdicts.open(cacheFolder);
  try {
    for await (const result of mapInOrder(images, DECODERS, (image) => inspect(image, verdicts))) {
      await verdicts.save(VERDICTS_PER_WRITE);
      yield result;
    }
  } finally {
    await verdicts.save();
  }
}

export class DecodeVerdicts {
  /** Content hash to the reason why it does not decode; an empty reason when it does. */
  readonly #known = new Map<string, string>();
  readonly #fresh: string[] = [];
  readonly #file: string | null;

  private constructor(file: string | null) {
    this.#file = file;
  }

  /** Without a cache folder nothing is remembered. Error: `CACHE_NOT_WRITABLE`. */
  static async open(cacheFolder: string | undefined): Promise<DecodeVerdicts> {
    if (cacheFolder === undefined) return new DecodeVerdicts(null);
    const folder = await cacheSubfolder(cacheFolder, 'decode-verdicts');
    const verdicts = new DecodeVerdicts(join(folder, `sharp-${DECODER_VERSION}.txt`));
    await verdicts.#load();
    return verdicts;
  }

  async #load(): Promise<void> {
    const text = await readFile(this.#file as string, 'utf8').catch(() => '');
    // Lines of another form were torn by a killed process or come from an editor; their files are tried again.
    for (const [, hash, reason] of text.matchAll(/^([0-9a-f]{64}) (?:ok|unreadable: (.+))$/gm))
      this.#known.set(hash, reason ?? '');
  }

  /** Why the bytes do not decode, as half a sentence; null when they do, and for pixels. */
  async of(contentHash: string, bytes: Uint8Array | DecodedImage): Promise<string | null> {
    if (!(bytes instanceof Uint8Array)) return null;
    const known = this.#known.get(contentHash);
    if (known !== undefined) return known || null;
    const reason = await findDecodeError(bytes);
    this.#known.set(contentHash, reason ?? '');
    this.#fresh.push(`${contentHash} ${reason === null ? 'ok' : `unreadable: ${reason}`}\n`);
    return reason;
  }

  /** Writes `atLeast` or more new ones. Begins with a line break, in case the last writer was killed inside a line. */
  async save(atLeast = 1): Promise<void> {
    if (this.#file !== null && this.#fresh.length >= atLeast)
      await appendFile(this.#file, `\n${this.#fresh.splice(0).join('')}`);
  }
}
