/** The cache folder: derived files that can be deleted at any time and are made again when needed. */
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { messageOf, UserError } from './errors.ts';

/** The operating system's place for such files. */
export function defaultCacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'transferlab');
}

/** Makes a sub-folder of the cache folder if it is missing and returns its path. Error: `CACHE_NOT_WRITABLE`. */
export async function cacheSubfolder(cacheFolder: string, name: string): Promise<string> {
  const folder = join(cacheFolder, name);
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw new UserError(
      'CACHE_NOT_WRITABLE',
      `The cache folder ${folder} cannot be made: ${messageOf(error)}.`,
      'Give a cache folder that you may write to.',
      { cause: error },
    );
  }
  return folder;
}
