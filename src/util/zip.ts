/**
 * The directory of a zip archive, with 64-bit sizes, and its entries' bytes. Whatever the archive claims is checked
 * against the bytes that are there: entries lie inside the file, before the directory, and do not overlap; a
 * compressed entry may not grow beyond `GROWTH` times its size. Checksums are not compared, because PyTorch lets
 * writers leave them out. Format: PKWARE's APPNOTE.TXT.
 */
import { inflateRawSync } from 'node:zlib';
import type { ByteSource } from './byte-source.ts';
import { decodeZipName } from './entry-name.ts';
import { messageOf } from './errors.ts';
import { type Refuse, shown } from './refuse.ts';

export interface ZipEntry {
  readonly name: string;
  readonly compressed: boolean;
  /** Bytes in the archive. */
  readonly storedSize: number;
  /** Bytes of the content. */
  readonly size: number;
  /** Where its local header begins. */
  readonly position: number;
}

/** Weights hardly compress; what grows more than this was made to fill memory. */
const GROWTH = 16;

const END = 0x06054b50;
const END_SIZE = 22;
const LONGEST_COMMENT = 0xffff;
const END_64 = 0x06064b50;
const END_64_SIZE = 56;
const LOCATOR_64 = 0x07064b50;
const LOCATOR_64_SIZE = 20;
const DIRECTORY_ENTRY = 0x02014b50;
const DIRECTORY_ENTRY_SIZE = 46;
const LOCAL_HEADER = 0x04034b50;
const LOCAL_HEADER_SIZE = 30;
/** What a 32-bit field holds when the value is in the 64-bit extra field. */
const IN_EXTRA = 0xffffffff;

/** The flag that an entry's name is UTF-8. */
const NAME_IS_UTF8 = 1 << 11;

interface Directory {
  readonly entries: number;
  readonly position: number;
  readonly size: number;
}

/**
 * The entries of an archive by name.
 * @param growth how many times its stored size an entry may grow; who allows more bounds what is inflated at once
 * @throws UserError ZIP_DIRECTORY, ZIP_ENTRY or ZIP_DUPLICATE
 */
export async function readZipDirectory(
  source: ByteSource,
  refuse: Refuse,
  growth = GROWTH,
): Promise<Map<string, ZipEntry>> {
  const directory = await findDirectory(source, refuse);
  const bytes = await source.read(directory.position, directory.size);
  const entries = parseDirectory(bytes, directory, growth, refuse);
  checkPlaces([...entries.values()], directory.position, refuse);
  return entries;
}

async function findDirectory(source: ByteSource, refuse: Refuse): Promise<Directory> {
  const tailSize = Math.min(source.size, END_SIZE + LONGEST_COMMENT + LOCATOR_64_SIZE);
  const tailStart = source.size - tailSize;
  const tail = viewOf(await source.read(tailStart, tailSize));
  let at = tailSize - END_SIZE;
  while (at >= 0 && !(tail.getUint32(at, true) === END && endsHere(tail, at))) at--;
  if (at < 0) {
    return refuse(
      'ZIP_DIRECTORY',
      'it has no directory at its end',
      'A zip archive ends with one; a shorter file is an incomplete download',
    );
  }
  const small: Directory = {
    entries: tail.getUint16(at + 10, true),
    size: tail.getUint32(at + 12, true),
    position: tail.getUint32(at + 16, true),
  };
  const locator = at - LOCATOR_64_SIZE;
  const has64 = locator >= 0 && tail.getUint32(locator, true) === LOCATOR_64;
  const directory = has64
    ? await readEnd64(source, safeUint64(tail, locator + 8), tailStart + locator, refuse)
    : small;
  const { entries, size, position } = directory;
  if (!(position + size <= tailStart + at) || !(entries * DIRECTORY_ENTRY_SIZE <= size)) {
    refuse(
      'ZIP_DIRECTORY',
      `its directory claims ${entries} entries in ${size} bytes from byte ${position} of ${source.size}`,
      'The directory must lie inside the file',
    );
  }
  return directory;
}

/** Whether the comment behind the record at `at` reaches to the end. */
function endsHere(tail: DataView, at: number): boolean {
  return at + END_SIZE + tail.getUint16(at + 20, true) === tail.byteLength;
}

async function readEnd64(
  source: ByteSource,
  position: number,
  limit: number,
  refuse: Refuse,
): Promise<Directory> {
  if (position + END_64_SIZE <= limit) {
    const record = viewOf(await source.read(position, END_64_SIZE));
    if (record.getUint32(0, true) === END_64) {
      const at = (offset: number) => safeUint64(record, offset);
      return { entries: at(32), size: at(40), position: at(48) };
    }
  }
  return refuse(
    'ZIP_DIRECTORY',
    'its 64-bit end record is not where the locator says',
    'Write the file again',
  );
}

function parseDirectory(
  bytes: Uint8Array,
  { entries: count }: Directory,
  growth: number,
  refuse: Refuse,
): Map<string, ZipEntry> {
  const view = viewOf(bytes);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let index = 0; index < count; index++) {
    const fits = at + DIRECTORY_ENTRY_SIZE <= bytes.length && view.getUint32(at, true) === DIRECTORY_ENTRY;
    const [name, extra, comment] = fits
      ? [28, 30, 32].map((offset) => view.getUint16(at + offset, true))
      : [];
    const end = at + DIRECTORY_ENTRY_SIZE + name + extra + comment;
    if (!(end <= bytes.length)) {
      refuse('ZIP_DIRECTORY', `entry ${index} of its directory is damaged`, 'Write the file again');
    }
    const entry = parseEntry(bytes.subarray(at, end), name, extra, refuse);
    if (entry.size > growth * entry.storedSize + 1024) {
      refuse(
        'ZIP_ENTRY',
        `entry ${shown(entry.name)} would grow from ${entry.storedSize} to ${entry.size} bytes`,
        `Compressed entries may grow ${growth} times at most`,
      );
    }
    if (entries.has(entry.name)) {
      refuse('ZIP_DUPLICATE', `it has the entry ${shown(entry.name)} twice`, 'Every name may occur once');
    }
    entries.set(entry.name, entry);
    at = end;
  }
  return entries;
}

function parseEntry(bytes: Uint8Array, nameSize: number, extraSize: number, refuse: Refuse): ZipEntry {
  const view = viewOf(bytes);
  const nameEnd = DIRECTORY_ENTRY_SIZE + nameSize;
  const [flags, method] = [view.getUint16(8, true), view.getUint16(10, true)];
  const name = decodeZipName(bytes.subarray(DIRECTORY_ENTRY_SIZE, nameEnd), (flags & NAME_IS_UTF8) !== 0);
  const extra = wideValues(bytes.subarray(nameEnd, nameEnd + extraSize));
  // The extra field holds, in this order, only the values whose 32 bits are all ones.
  const value = (offset: number): number => {
    const narrow = view.getUint32(offset, true);
    return narrow === IN_EXTRA ? (extra.shift() ?? Number.POSITIVE_INFINITY) : narrow;
  };
  const size = value(24);
  const storedSize = value(20);
  const entry = { name, compressed: method === 8, storedSize, size, position: value(42) };
  const legal =
    (flags & 1) === 0 && (method === 8 || (method === 0 && size === storedSize)) && Number.isFinite(size);
  if (!legal) {
    refuse(
      'ZIP_ENTRY',
      `entry ${shown(name)} is encrypted, or compressed by method ${method}, or its sizes disagree`,
      'Entries are stored or deflated',
    );
  }
  return entry;
}

/** The 64-bit numbers of the zip64 extra field; Infinity for what no file can have. */
function wideValues(extra: Uint8Array): number[] {
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.length; ) {
    const [id, size] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
    const end = Math.min(at + 4 + size, extra.length);
    if (id === 1) {
      const numbers: number[] = [];
      for (let from = at + 4; from + 8 <= end; from += 8) numbers.push(safeUint64(view, from));
      return numbers;
    }
    at += 4 + size;
  }
  return [];
}

/** Entries must lie before the directory and apart from each other, or few bytes could pass for many. */
function checkPlaces(entries: readonly ZipEntry[], limit: number, refuse: Refuse): void {
  const ordered = [...entries].sort((a, b) => a.position - b.position);
  ordered.forEach(({ name, position, storedSize }, index) => {
    const next = ordered[index + 1]?.position ?? limit;
    if (!(position + LOCAL_HEADER_SIZE + storedSize <= next)) {
      refuse(
        'ZIP_ENTRY',
        `entry ${shown(name)} reaches into what follows it`,
        'Entries must lie inside the file without overlap',
      );
    }
  });
}

/** Where an entry's stored bytes begin: behind its local header, whose length only it knows. */
export async function dataPosition(source: ByteSource, entry: ZipEntry, refuse: Refuse): Promise<number> {
  const header = viewOf(await source.read(entry.position, LOCAL_HEADER_SIZE));
  const start = entry.position + LOCAL_HEADER_SIZE + header.getUint16(26, true) + header.getUint16(28, true);
  if (header.getUint32(0, true) !== LOCAL_HEADER || start + entry.storedSize > source.size) {
    refuse(
      'ZIP_ENTRY',
      `entry ${shown(entry.name)} does not begin where the directory says`,
      'Write the file again',
    );
  }
  return start;
}

/** The content of an entry. Its size is bounded by the file's: see `GROWTH`. */
export async function readEntry(
  source: ByteSource,
  entry: ZipEntry,
  refuse: Refuse,
): Promise<Uint8Array<ArrayBuffer>> {
  const stored = await source.read(await dataPosition(source, entry, refuse), entry.storedSize);
  if (!entry.compressed) return stored;
  const found = inflate(stored, entry.size);
  if (typeof found !== 'string' && found.length === entry.size) return found;
  const problem = typeof found === 'string' ? found : `${found.length} bytes instead of ${entry.size}`;
  return refuse(
    'ZIP_ENTRY',
    `entry ${shown(entry.name)} cannot be inflated (${problem})`,
    'Write the file again',
  );
}

/** At most `size` bytes, or why not. */
function inflate(stored: Uint8Array, size: number): Uint8Array<ArrayBuffer> | string {
  try {
    return new Uint8Array(inflateRawSync(stored, { maxOutputLength: Math.max(size, 1) }));
  } catch (error) {
    return messageOf(error);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function safeUint64(view: DataView, offset: number): number {
  const value = view.getBigUint64(offset, true);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : Number.POSITIVE_INFINITY;
}
