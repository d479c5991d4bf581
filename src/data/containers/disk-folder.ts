/** What lies in a folder on disk, as trees of files and readers of class folders look at it. */
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../util/errors.ts';

export interface DiskFolder {
  /** Names, sorted; links count as what they lead to. */
  readonly folders: readonly string[];
  readonly files: readonly string[];
}

/** Made by file systems at their root, readable by the administrator alone, and never data. */
const LOST_AND_FOUND = 'lost+found';

/**
 * Pipes and devices are passed over: a read would wait for them endlessly. A broken link counts as a file, so that it
 * is reported where it is named like an image.
 * @throws UserError FOLDER_UNREADABLE, since passing over a folder would change the data set without a word
 */
export async function readDiskFolder(folder: string): Promise<DiskFolder> {
  const entries = await orRefuse(folder, readdir(folder, { withFileTypes: true }));
  const folders: string[] = [];
  const files: string[] = [];
  for (const entry of entries) {
    const kind = entry.isSymbolicLink() ? await stat(join(folder, entry.name)).catch(() => null) : entry;
    if (kind === null || kind.isFile()) files.push(entry.name);
    else if (kind.isDirectory() && entry.name !== LOST_AND_FOUND) folders.push(entry.name);
  }
  return { folders: folders.sort(), files: files.sort() };
}

/** What a folder is called once links are followed: a folder in itself makes a circle. Error: `FOLDER_UNREADABLE`. */
export const folderIdentity = (folder: string): Promise<string> => orRefuse(folder, realpath(folder));

async function orRefuse<T>(folder: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    throw new UserError(
      'FOLDER_UNREADABLE',
      `The folder ${folder} cannot be read (${(error as NodeJS.ErrnoException).code}).`,
      'Make it readable, or move it out of the data set.',
      { cause: error },
    );
  }
}
