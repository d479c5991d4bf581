/**
 * Numbers that lie in files beside a model. The model says where, and it may come from anywhere: paths may not
 * leave its folder, positions are checked against the file's size, and all tensors together may not ask for
 * more bytes than a small multiple of what the files hold.
 */
import { closeSync, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { messageOf } from '../util/errors.ts';
import { inconsistent } from './inconsistent.ts';
import type { TensorProto } from './schema.ts';

/** Files may share ranges between tensors, but not without end: their bytes are read at most so often. */
const MOST_READINGS = 4;
/** One call of the operating system reads at most 2 GB. */
const CHUNK = 2 ** 30;

export class ExternalData {
  #read = 0;
  readonly #sizes = new Map<string, number>();
  readonly #locations = new Set<string>();

  /** @param folder folder of the model's file; without one, external data is refused */
  constructor(private readonly folder: string | undefined) {}

  /** The files that were read, as the model calls them. */
  get locations(): readonly string[] {
    return [...this.#locations].sort();
  }

  /** The `expected` bytes of a tensor. `length` may be left out in the file: then the rest of the file is meant. */
  read({ externalData }: TensorProto, title: string, expected: number): Uint8Array {
    const entries = new Map(externalData.map(({ key, value }) => [key, value]));
    const location = entries.get('location') ?? '';
    if (this.folder === undefined) {
      throw inconsistent(title, `keeps its data in the file "${location}", which was not given along`);
    }
    const path = pathInside(this.folder, location, title);
    this.#locations.add(location);
    const handle = openSync(path, 'r');
    try {
      const size = fstatSync(handle).size;
      this.#sizes.set(path, size);
      const offset = numberOf(entries.get('offset'), 0);
      const length = numberOf(entries.get('length'), size - offset);
      const inside = [offset, length].every((number) => Number.isSafeInteger(number) && number >= 0);
      if (!inside || offset + length > size) {
        const range = `bytes ${offset} to ${offset + length}`;
        throw inconsistent(title, `needs ${range} of "${location}" (${size} bytes)`);
      }
      if (length !== expected) {
        throw inconsistent(title, `needs ${expected} bytes, but names ${length} bytes of "${location}"`);
      }
      this.#count(length, title);
      return readBytes(handle, offset, length, () =>
        inconsistent(title, `could not be read from "${location}" as a whole`),
      );
    } finally {
      closeSync(handle);
    }
  }

  #count(length: number, title: string): void {
    this.#read += length;
    const held = [...this.#sizes.values()].reduce((sum, size) => sum + size, 0);
    if (this.#read > MOST_READINGS * held) {
      throw inconsistent(title, `is one of many that share the same ${held} bytes of external data`);
    }
  }
}

const numberOf = (text: string | undefined, otherwise: number): number =>
  text === undefined ? otherwise : /^\d+$/.test(text) ? Number(text) : Number.NaN;

function readBytes(handle: number, offset: number, length: number, incomplete: () => Error): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const count = readSync(handle, bytes, done, Math.min(CHUNK, length - done), offset + done);
    if (count === 0) throw incomplete();
    done += count;
  }
  return bytes;
}

/** The real path of `location`, which lies in `folder` by its text and also behind any symbolic links. */
function pathInside(folder: string, location: string, title: string): string {
  const refuse = (problem: string) => inconsistent(title, `keeps its data in "${location}", ${problem}`);
  const leaves = location.split(/[\\/]/).includes('..') || isAbsolute(location) || location.includes('\0');
  if (leaves) throw refuse("which lies outside the model's folder");
  const root = realpathSync(folder);
  let path: string;
  try {
    path = realpathSync(resolve(root, location));
  } catch (error) {
    throw refuse(`which cannot be opened (${messageOf(error)})`);
  }
  const within = relative(root, path);
  if (within === '' || within === '..' || within.startsWith(`..${sep}`) || isAbsolute(within)) {
    throw refuse("which lies outside the model's folder");
  }
  return path;
}
