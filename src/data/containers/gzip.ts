/**
 * Files compressed by gzip. They cannot be read from the middle, so that they are decompressed once into the cache
 * folder, as a file that is named by path, size and time of change, and read from there.
 */
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createGunzip, gunzipSync } from 'node:zlib';
import { type ByteSource, memorySource } from '../../util/byte-source.ts';
import { cacheSubfolder } from '../../util/cache-folder.ts';
import { messageOf, UserError } from '../../util/errors.ts';
import { contentHash } from '../../util/hash.ts';
import { refusing } from '../../util/refuse.ts';
import { withFile } from './byte-sources.ts';

/** Images and pixels hardly compress, tables up to tenfold; what grows more was made to fill a disk. */
const GROWTH = 50;
const ALWAYS_ALLOWED = 64 * 2 ** 20;
const LARGEST_IN_MEMORY = 2 ** 29;

/** First bytes of compressed files that Node cannot read, with the program that unpacks them. */
const OTHER_COMPRESSIONS: readonly (readonly [hex: string, program: string])[] = [
  ['fd377a585a00', 'xz -d'],
  ['425a68', 'bunzip2'],
  ['28b52ffd', 'zstd -d'],
  ['377abcaf271c', '7z x'],
  ['526172211a07', 'unrar x'],
];

/**
 * The path of the file's content: the file itself unless it is compressed by gzip.
 *
 * Errors: `FILE_MISSING`, `FILE_COMPRESSION` for other compressions, `GZIP_DAMAGED`, `GZIP_SIZE`,
 * `CACHE_NOT_WRITABLE`.
 */
export async function decompressedPath(path: string, cacheFolder: string): Promise<string> {
  const start = await withFile(path, (source) => source.read(0, Math.min(6, source.size)));
  const hex = Buffer.from(start).toString('hex');
  const other = OTHER_COMPRESSIONS.find(([magic]) => hex.startsWith(magic));
  if (other)
    throw new UserError(
      'FILE_COMPRESSION',
      `${path} is compressed in a way that is not read here.`,
      `Unpack it (${other[1]}) or use tar, tar.gz or zip.`,
    );
  if (!hex.startsWith('1f8b')) return path;
  const { size, mtimeMs } = await stat(path);
  const folder = await cacheSubfolder(cacheFolder, 'decompressed');
  const target = join(folder, contentHash({ path: resolve(path), size, mtimeMs }));
  const isThere = await stat(target).catch(() => null);
  if (!isThere) await decompress(path, target, ALWAYS_ALLOWED + GROWTH * size);
  return target;
}

async function decompress(path: string, target: string, most: number): Promise<void> {
  const refuse = refusing(path, 'gzip');
  const temporary = `${target}.${randomUUID()}.tmp`;
  const handle = await open(temporary, 'wx');
  let written = 0;
  try {
    const content = createReadStream(path).pipe(createGunzip({ chunkSize: 2 ** 18 }));
    for await (const chunk of content as AsyncIterable<Buffer>) {
      written += chunk.length;
      if (written > most)
        refuse(
          'GZIP_SIZE',
          `it grows beyond ${most} bytes`,
          `It may grow ${GROWTH} times; do not trust this file`,
        );
      await handle.write(chunk);
    }
    await handle.sync();
    await handle.close();
    await rename(temporary, target);
  } catch (error) {
    await handle.close();
    await rm(temporary, { force: true });
    const { code } = error as NodeJS.ErrnoException;
    if (code?.startsWith('Z_'))
      refuse('GZIP_DAMAGED', `it cannot be decompressed (${messageOf(error)})`, 'Download it again');
    throw error;
  }
}

/**
 * The content of a small file inside a folder or archive, in memory: itself unless it is compressed by gzip.
 * @param file what errors call the file
 *
 * Errors: `GZIP_DAMAGED`, `GZIP_SIZE`.
 */
export async function uncompressed(source: ByteSource, file: string): Promise<ByteSource> {
  const start = await source.read(0, Math.min(2, source.size));
  if (start[0] !== 0x1f || start[1] !== 0x8b) return source;
  const refuse = refusing(file, 'gzip');
  const most = Math.min(ALWAYS_ALLOWED + GROWTH * source.size, LARGEST_IN_MEMORY);
  if (source.size > most) refuse('GZIP_SIZE', `it has ${source.size} bytes`, 'Unpack it (gunzip)');
  try {
    return memorySource(gunzipSync(await source.read(0, source.size), { maxOutputLength: most }));
  } catch (error) {
    const isLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    if (isLarge)
      return refuse('GZIP_SIZE', `it grows beyond ${most} bytes`, 'Unpack it (gunzip) if you trust it');
    return refuse('GZIP_DAMAGED', `it cannot be decompressed (${messageOf(error)})`, 'Download it again');
  }
}
