/**
 * The index of a tar archive: where every file's bytes lie, found by jumping from header to header, so that files can
 * be read in any order without unpacking. Forms: ustar, GNU (long names, large sizes) and PAX. A tar inside is a
 * folder of its name without the ending: ImageNet's training images are a tar of one tar per class. Of files with one
 * path the last counts, as when unpacking. Directories, devices and symbolic links are passed over: nothing is
 * written to disk, so a link can lead nowhere.
 */
import type { ByteSource } from '../../util/byte-source.ts';
import { decodeName } from '../../util/entry-name.ts';
import { type Refuse, shown } from '../../util/refuse.ts';
import { sliceOf } from './byte-sources.ts';
import { safePath } from './paths.ts';

export interface TarEntry {
  readonly path: string;
  /** First byte in the archive, and number of bytes. */
  readonly position: number;
  readonly size: number;
}

const BLOCK = 512;
/** Headers that lie this near to each other are read together. */
const WINDOW = 64 * BLOCK;
/** An index of so many entries takes about 4 GB of memory. */
const MOST_ENTRIES = 20_000_000;
/** Long names and PAX records; real ones have some hundred bytes. */
const LARGEST_EXTENSION = 2 ** 20;

/** What extension headers say about the entry behind them. */
interface Extension {
  path?: string;
  link?: string;
  size?: number;
}

/**
 * The files of a tar archive in the order in which they lie in it.
 * @throws UserError TAR_DAMAGED, TAR_ENTRY, ARCHIVE_PATH
 */
export async function readTarIndex(source: ByteSource, refuse: Refuse): Promise<TarEntry[]> {
  const found = new Map<string, TarEntry>();
  await new Scan(source, 0, '', found, refuse).run();
  return [...found.values()];
}

class Scan {
  #window: Uint8Array = new Uint8Array(0);
  #windowStart = 0;
  #extension: Extension = {};

  constructor(
    private readonly source: ByteSource,
    /** Where this archive begins in the outermost one. */
    private readonly base: number,
    private readonly prefix: string,
    private readonly found: Map<string, TarEntry>,
    private readonly refuse: Refuse,
  ) {}

  async run(): Promise<void> {
    let position = 0;
    while (position + BLOCK <= this.source.size) {
      const header = await this.#bytes(position, BLOCK);
      position += BLOCK;
      // Archives that were joined with `cat` have the empty blocks of an end in their middle.
      if (header.every((byte) => byte === 0)) continue;
      this.#requireChecksum(header, position - BLOCK);
      const type = String.fromCharCode(header[156]);
      const size = this.#extension.size ?? numberOf(header.subarray(124, 136));
      if (!(position + size <= this.source.size))
        this.#damaged(`its entry at byte ${position - BLOCK} has ${size} bytes, more than the file`);
      await this.#take(type, header, position, size);
      // Links have no content, whatever their size says.
      position += type === '1' || type === '2' ? 0 : Math.ceil(size / BLOCK) * BLOCK;
    }
  }

  async #take(type: string, header: Uint8Array, position: number, size: number): Promise<void> {
    if (type === 'L' || type === 'K' || type === 'x') {
      await this.#extend(type, position, size);
      return;
    }
    const { path = ustarName(header), link = textOf(header.subarray(157, 257)) } = this.#extension;
    this.#extension = {};
    if (type === 'S')
      this.refuse(
        'TAR_ENTRY',
        `its entry ${shown(path)} is sparse`,
        'Write the archive again without --sparse',
      );
    if (type === '1') this.#link(path, link);
    else if (type === '0' || type === '\0' || type === '7') await this.#file(path, position, size);
  }

  async #file(name: string, position: number, size: number): Promise<void> {
    const inside = safePath(name, this.refuse);
    // Before POSIX, a directory was a file whose name ends in a slash.
    if (inside === null || name.endsWith('/')) return;
    if (inside.endsWith('.tar') && this.prefix === '') {
      const part = sliceOf(this.source, position, size);
      const prefix = `${inside.slice(0, -'.tar'.length)}/`;
      await new Scan(part, this.base + position, prefix, this.found, this.refuse).run();
    } else this.#add({ path: this.prefix + inside, position: this.base + position, size });
  }

  /** A hard link is one more path to a file that came before. */
  #link(name: string, link: string): void {
    const path = safePath(name, this.refuse);
    const target = this.found.get(`${this.prefix}${safePath(link, this.refuse)}`);
    if (path === null || !target)
      this.refuse(
        'TAR_ENTRY',
        `its entry ${shown(name)} is a link to ${shown(link)}, which does not come before it`,
        'Write the archive again with --hard-dereference',
      );
    this.#add({ ...target, path: this.prefix + path });
  }

  #add(entry: TarEntry): void {
    this.found.set(entry.path, entry);
    if (this.found.size > MOST_ENTRIES)
      this.refuse('TAR_ENTRY', `it has more than ${MOST_ENTRIES} files`, 'Divide it into several archives');
  }

  async #extend(type: string, position: number, size: number): Promise<void> {
    if (size > LARGEST_EXTENSION)
      this.refuse(
        'TAR_ENTRY',
        `it has a name or record of ${size} bytes`,
        `${LARGEST_EXTENSION} are allowed`,
      );
    const bytes = await this.#bytes(position, size);
    if (type === 'L') this.#extension.path = textOf(bytes);
    else if (type === 'K') this.#extension.link = textOf(bytes);
    else Object.assign(this.#extension, this.#paxRecords(bytes));
  }

  /** Records `LENGTH KEY=VALUE\n`, where LENGTH counts all of the record. */
  #paxRecords(bytes: Uint8Array): Extension {
    const extension: Extension = {};
    for (let at = 0; at < bytes.length; ) {
      const space = bytes.indexOf(0x20, at);
      const length = Number(decodeName(bytes.subarray(at, Math.max(space, at))));
      const equals = bytes.indexOf(0x3d, space);
      const end = at + length;
      if (space < 0 || equals < 0 || !(Number.isInteger(length) && equals < end && end <= bytes.length))
        return this.#damaged('it has an extended header that is no list of records');
      const key = decodeName(bytes.subarray(space + 1, equals));
      const value = decodeName(bytes.subarray(equals + 1, end - 1));
      if (key === 'path') extension.path = value;
      else if (key === 'linkpath') extension.link = value;
      else if (key === 'size') extension.size = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
      else if (key.startsWith('GNU.sparse.'))
        this.refuse('TAR_ENTRY', 'it has a sparse entry', 'Write the archive again without --sparse');
      at = end;
    }
    return extension;
  }

  /** The sum of all bytes with the field of the sum itself as spaces; some old writers added signed bytes. */
  #requireChecksum(header: Uint8Array, position: number): void {
    const claimed = numberOf(header.subarray(148, 156));
    let [unsigned, signed] = [0, 0];
    for (const [i, byte] of header.entries()) {
      const counted = i >= 148 && i < 156 ? 0x20 : byte;
      unsigned += counted;
      signed += counted > 127 ? counted - 256 : counted;
    }
    if (claimed !== unsigned && claimed !== signed)
      this.#damaged(`the header at byte ${this.base + position} does not match its checksum`);
  }

  async #bytes(position: number, length: number): Promise<Uint8Array> {
    const end = this.#windowStart + this.#window.length;
    if (position < this.#windowStart || position + length > end) {
      const size = Math.min(Math.max(WINDOW, length), this.source.size - position);
      this.#window = await this.source.read(position, size);
      this.#windowStart = position;
    }
    return this.#window.subarray(position - this.#windowStart, position - this.#windowStart + length);
  }

  #damaged(found: string): never {
    return this.refuse(
      'TAR_DAMAGED',
      found,
      'Download or write it again: it is incomplete, or no tar archive',
    );
  }
}

/** A NUL ends a name unless it fills its field. */
function textOf(field: Uint8Array): string {
  const end = field.indexOf(0);
  return decodeName(end < 0 ? field : field.subarray(0, end));
}

function ustarName(header: Uint8Array): string {
  const name = textOf(header.subarray(0, 100));
  const isPosix = textOf(header.subarray(257, 263)) === 'ustar';
  const prefix = isPosix ? textOf(header.subarray(345, 500)) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** Octal digits, or (GNU, above 8 GB) binary with the first bit set. NaN for anything else. */
function numberOf(field: Uint8Array): number {
  if (field[0] === 0x80) {
    const value = field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
    return Number.isSafeInteger(value) ? value : Number.NaN;
  }
  const text = Buffer.from(field)
    .toString('latin1')
    .replace(/[\0 ]+$/, '')
    .trimStart();
  return /^[0-7]*$/.test(text) ? Number.parseInt(text || '0', 8) : Number.NaN;
}
