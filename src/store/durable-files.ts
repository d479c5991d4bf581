/** Files that are whole or absent, whatever happens to the process or the machine meanwhile. */
import { closeSync, fsyncSync, openSync, readdirSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Flushes that wait for the disk together share its journal's writes. */
const FLUSHED_AT_ONCE = 64;

/**
 * Creates or replaces the file at `path` in one step: `write` fills a temporary file in the same file
 * system, which is flushed and then renamed.
 * @param temporary a path that nobody else uses; a leftover there after a crash is of no value
 */
export async function writeWhole(
  path: string,
  temporary: string,
  write: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const file = await open(temporary, 'w');
  try {
    await write(file);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  flush(dirname(path));
}

/** Creates a folder and its parents; the new names are on disk afterwards. */
export async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (!first) return;
  for (let folder = path; folder.length >= first.length; folder = dirname(folder)) flush(dirname(folder));
}

/** Flushes every file and folder of a tree, the folder itself included. */
export async function flushTree(folder: string): Promise<void> {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  const paths = [folder, ...entries.map((entry) => join(entry.parentPath ?? entry.path, entry.name))];
  for (let start = 0; start < paths.length; start += FLUSHED_AT_ONCE) {
    await Promise.all(paths.slice(start, start + FLUSHED_AT_ONCE).map(flushAside));
  }
}

async function flushAside(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Flushes a file's content or a folder's names to disk. Windows cannot open folders and needs no flush of them. */
export function flush(path: string): void {
  if (process.platform === 'win32') return;
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
