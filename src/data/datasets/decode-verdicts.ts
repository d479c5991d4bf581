/**
 * What was found out about the files of a data set, remembered by content: whether they decode. A text file,
 * one line per content hash, which several processes may append to at the same time.
 */
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheSubfolder } from '../../util/cache-folder.ts';
import { DECODER_VERSION, findDecodeError } from '../image/render.ts';

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

  /** Why the bytes do not decode, as half a sentence; null when they do. */
  async of(contentHash: string, bytes: Uint8Array): Promise<string | null> {
    const known = this.#known.get(contentHash);
    if (known !== undefined) return known || null;
    const reason = await findDecodeError(bytes);
    this.#known.set(contentHash, reason ?? '');
    this.#fresh.push(`${contentHash} ${reason === null ? 'ok' : `unreadable: ${reason}`}\n`);
    return reason;
  }

  /** Writes what is new. Begins with a line break, in case the last writer was killed inside a line. */
  async save(): Promise<void> {
    if (this.#file !== null && this.#fresh.length > 0)
      await appendFile(this.#file, `\n${this.#fresh.splice(0).join('')}`);
  }
}
