/**
 * The idx files of MNIST: 0, 0, type, number of axes; the axes as 32-bit integers, highest byte first; the numbers.
 * Only unsigned bytes (type 8), which all image sets in this form have. Format: LeCun, "The MNIST database".
 */
import type { ByteSource } from '../../util/byte-source.ts';
import { refusing } from '../../util/refuse.ts';

export interface IdxFile {
  /** For images: number, height, width. */
  readonly dims: readonly number[];
  /** All numbers. */
  readAll(): Promise<Uint8Array>;
  /** The numbers of entry `index` of the first axis. */
  read(index: number): Promise<Uint8Array>;
}

const UNSIGNED_BYTES = 8;

/**
 * @param file what errors call the file
 * @throws UserError IDX_DAMAGED when it is of another form or its size is not what it says
 */
export async function openIdx(source: ByteSource, file: string): Promise<IdxFile> {
  const refuse = refusing(file, 'idx');
  const start = await source.read(0, Math.min(4 + 4 * 255, source.size));
  const [zero, zeroToo, type, axes] = start;
  const header = 4 + 4 * axes;
  if (zero !== 0 || zeroToo !== 0 || type !== UNSIGNED_BYTES || !(axes > 0) || header > start.length)
    return refuse('IDX_DAMAGED', 'it does not begin as one with unsigned bytes does', 'Download it again');
  const view = new DataView(start.buffer);
  const dims = Array.from({ length: axes }, (_, axis) => view.getUint32(4 + 4 * axis));
  const size = dims.reduce((product, extent) => product * extent, 1);
  if (header + size !== source.size)
    return refuse(
      'IDX_DAMAGED',
      `it has ${source.size} bytes and announces ${header} and ${dims.join(' x ')}`,
      'Download it again',
    );
  const stride = dims[0] === 0 ? 0 : size / dims[0];
  return {
    dims,
    readAll: () => source.read(header, size),
    read: (index) => source.read(header + index * stride, stride),
  };
}
