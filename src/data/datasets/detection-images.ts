/** Images of detection sets: read once for their content and size, and decoded as they are stored. */
import { sha256 } from '../../util/hash.ts';
import { type ProgressListener, silent } from '../../util/progress.ts';
import type { FileTree } from '../containers/file-tree.ts';
import { unchanged } from '../content.ts';
import type { DataProblem, DecodedImage } from '../contract.ts';
import type { DetectionImage } from '../detection.ts';
import { decodeContent, reasonOf, storedSize } from '../image/render.ts';
import { type DecodeVerdicts, inspected } from './decode-verdicts.ts';

/** What a reader says of an image; the size is null where it says none. */
export interface StatedImage extends Omit<DetectionImage, 'contentHash' | 'width' | 'height'> {
  readonly size: { readonly width: number; readonly height: number } | null;
}

/**
 * Reads every image. Those that are missing, damaged or of another size than stated are left out and named, since boxes
 * of another size lie elsewhere. The cache folder remembers which files decode. Error: `CACHE_NOT_WRITABLE`.
 */
export async function checkedImages(
  tree: FileTree,
  stated: readonly StatedImage[],
  options: { readonly cacheFolder: string; readonly onProgress?: ProgressListener },
): Promise<{ images: DetectionImage[]; problems: DataProblem[] }> {
  const images: DetectionImage[] = [];
  const problems: DataProblem[] = [];
  const { cacheFolder, onProgress = silent } = options;
  let done = 0;
  const found = inspected(stated, cacheFolder, (image, verdicts) => inspect(tree, image, verdicts));
  for await (const { image, reason } of found) {
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
  verdicts: DecodeVerdicts,
): Promise<{ image: StatedImage; reason: string | DetectionImage }> {
  const { id, size, instances } = image;
  if (!tree.has(id)) return { image, reason: 'there is no such file' };
  try {
    const bytes = await tree.read(id);
    const contentHash = sha256(bytes);
    const damage = await verdicts.of(contentHash, bytes);
    if (damage !== null) return { image, reason: damage };
    const { width, height } = await storedSize(bytes);
    if (size && (size.width !== width || size.height !== height)) {
      const reason = `it has ${width} x ${height} pixels, and its annotation ${size.width} x ${size.height}`;
      return { image, reason };
    }
    return { image, reason: Object.freeze({ id, width, height, contentHash, instances }) };
  } catch (error) {
    return { image, reason: reasonOf(error) };
  }
}

/** The pixels as they are stored, since that is what boxes were drawn on. Errors: `IMAGE_UNREADABLE`, `FILE_CHANGED`. */
export function decodeStored(tree: FileTree, { id, contentHash }: DetectionImage): Promise<DecodedImage> {
  const place = `${tree.root}/${id}`;
  return decodeContent(unchanged(tree.read(id), contentHash, place), place);
}
