/** A user's own detection set: the form is found by what lies in the folder or archive. */
import { stat } from 'node:fs/promises';
import type { ProgressListener } from '../../util/progress.ts';
import { isArchiveName, openFileTree } from '../containers/file-tree.ts';
import type { DetectionDataset } from '../detection.ts';
import { isCocoDetection, openCocoDetection } from './coco.ts';
import { isVocDetection, openVocDetection } from './voc-detection.ts';

export interface LocalDetectionOptions {
  /** Where archives are unpacked to, and where it is remembered which images decode. */
  readonly cacheFolder: string;
  readonly onProgress?: ProgressListener;
}

/**
 * Opens a folder or archive in COCO's or PASCAL VOC's form; null where it is something else.
 *
 * Errors: those of `openCocoDetection` and `openVocDetection`.
 */
export async function openLocalDetection(
  path: string,
  options: LocalDetectionOptions,
): Promise<DetectionDataset | null> {
  const status = await stat(path).catch(() => null);
  if (!status || (status.isFile() && !isArchiveName(path))) return null;
  const tree = await openFileTree(path, { cacheFolder: options.cacheFolder });
  if (isCocoDetection(tree)) return openCocoDetection(path, options);
  return isVocDetection(tree) ? openVocDetection(path, options) : null;
}
