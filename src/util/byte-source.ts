/** Bytes that are read piece by piece from known positions: a file on disk, or bytes in memory. */
import { type FileHandle, open } from 'node:fs/promises';
import { invariant, UserError } from './errors.ts';

export interface ByteSource {
  /** Bytes in all. */
  readonly size: number;
  /** A copy of `length` bytes from `position`, which must lie inside: callers check what a file claims first. */
  read(position: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/** Node reads at most 2 GiB - 1 bytes in one call. */
const LARGEST_READ = 2 ** 30;

class FileSource implements ByteSource {
  constructor(
    private readonly path: string,
    private readonly handle: FileHandle,
    readonly size: number,
  ) {}

  async read(position: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    requireInside(this, position, length);
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const part = bytes.subarray(done, Math.min(length, done + LARGEST_READ));
      const { bytesRead } = await this.handle.read(part, 0, part.length, position + done);
      if (bytesRead === 0) {
        throw new UserError(
          'FILE_CHANGED',
          `${this.path} became shorter while it was read.`,
          'Read it again when it is complete.',
        );
      }
      done += bytesRead;
    }
    return bytes;
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}

function requireInside({ size }: ByteSource, position: number, length: number): void {
  invariant(position >= 0 && length >= 0 && position + length <= size, `${length} bytes from ${position}`);
}

/** @throws UserError FILE_MISSING when there is no such file or it cannot be read */
export async function openFileSource(path: string): Promise<ByteSource> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const given = code === 'ENOENT' ? `There is no file ${path}.` : `${path} cannot be read (${code}).`;
    throw new UserError('FILE_MISSING', given, 'Check the path and its permissions.', { cause: error });
  }
  const status = await handle.stat();
  if (status.isFile()) return new FileSource(path, handle, status.size);
  await handle.close();
  throw new UserError('FILE_MISSING', `${path} is not a regular file.`, 'Name a file.');
}

export function memorySource(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    async read(position, length) {
      requireInside(this, position, length);
      return Uint8Array.from(bytes.subarray(position, position + length));
    },
    async close() {},
  };
}
