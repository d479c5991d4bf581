/** Sources of bytes for archives: files that are opened for each read, and parts of other sources. */
import { type ByteSource, openFileSource } from '../../util/byte-source.ts';
import { UserError } from '../../util/errors.ts';

/**
 * A file that is opened anew for each read. A data set has no end of life at which files could be closed, and opening
 * takes a small part of the time of decoding an image.
 *
 * Errors: `FILE_MISSING`; when reading also `FILE_CHANGED`.
 */
export async function fileSource(path: string): Promise<ByteSource> {
  const size = await withFile(path, async (source) => source.size);
  return {
    size,
    read: (position, length) =>
      withFile(path, async (source) => {
        if (source.size !== size)
          throw new UserError(
            'FILE_CHANGED',
            `${path} has ${source.size} bytes and had ${size} when it was opened.`,
            'Start again when it is complete.',
          );
        return source.read(position, length);
      }),
    async close() {},
  };
}

/** What `work` makes of an open file, which is closed behind it. Error: `FILE_MISSING`. */
export async function withFile<T>(path: string, work: (source: ByteSource) => Promise<T>): Promise<T> {
  const source = await openFileSource(path);
  try {
    return await work(source);
  } finally {
    await source.close();
  }
}

/** `length` bytes of another source from `start`, as a source of their own. */
export function sliceOf(source: ByteSource, start: number, length: number): ByteSource {
  return {
    size: length,
    read: (position, count) => source.read(start + position, count),
    async close() {},
  };
}
