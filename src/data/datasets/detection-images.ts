/** Images of detection sets: read once for their content and size, and decoded as they are stored. */
import sharp from 'sharp';
import { messageOf } from '../../util/errors.ts';
import { sha256 } from '../../util/hash.ts';
import { type ProgressListener, silent } from '../../util/progress.ts';
import { DECODERS, mapInOrder } from '../concurrency.ts';
import type { FileTree } from '../containers/file-tree.ts';
import type { DataProblem, DecodedImage } from '../contract.ts';
import type { DetectionImage } from '../detection.ts';
import { MAX_PIXELS } from '../image/render.ts';

/** What a reader says of an image; the size is null where it says none. */
export interface StatedImage extends Omit<DetectionImage, 'contentHash' | 'width' | 'height'> {
  readonly size: { readonly width: number; readonly height: number } | null;
}

/**
 * Reads every image. Those that are missing, damaged or of another size than stated are left out and named, since boxes
 * of another size lie elsewhere.
 */
export async function checkedImages(
  tree: FileTree,
  stated: readonly StatedImage[],
  onProgress: ProgressListener = silent,
): Promise<{ images: DetectionImage[]; problems: DataProblem[] }> {
  const images: DetectionImage[] = [];
  const problems: DataProblem[] = [];
  let done = 0;
  const inspected = mapInOrder(stated, DECODERS, (image) => inspect(tree, image));
  for await (const { image, reason } of inspected) {
    if (typeof reason === 'string')
      problems.push({
        kind: 'unreadable',
        images: [image.id],
        message: `"${image.id}" was skipped: ${reason}.`,
      });
    else images.push(reason);
    onProgress({ phase: 'check images', done: ++done, total: stated.length });
  }
  return { images, problems };
}

async function inspect(
  tree: FileTree,
  image: StatedImage,
): Promise<{ image: StatedImage; reason: string | DetectionImage }> {
  const { id, size, instances } = image;
  if (!tree.has(id)) return { image, reason: 'there is no such file' };
  try {
    const bytes = await tree.read(id);
    const { width, height } = await opened(bytes).metadata();
    if (size && (size.width !== width || size.height !== height)) {
      const reason = `it has ${width} x ${height} pixels, and its annotation ${size.width} x ${size.height}`;
      return { image, reason };
    }
    return { image, reason: Object.freeze({ id, width, height, contentHash: sha256(bytes), instances }) };
  } catch (error) {
    return { image, reason: messageOf(error) };
  }
}

/** The pixels as they are stored, since that is what boxes were drawn on: an EXIF orientation turns nothing. */
export async function decodeStored(tree: FileTree, { id }: DetectionImage): Promise<DecodedImage> {
  const { data, info } = await opened(await tree.read(id))
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, pixels: data };
}

const opened = (bytes: Uint8Array) => sharp(bytes, { limitInputPixels: MAX_PIXELS });
