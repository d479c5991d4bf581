/** A data set from a folder of class folders (see `readers/class-folders.ts`). */
import type { ImageDataset } from '../contract.ts';
import { readClassFolders } from '../readers/class-folders.ts';
import { type ListedDatasetOptions, openListing } from './listed.ts';

/**
 * Opens a folder with one sub-folder per class, with or without official parts.
 *
 * Errors: those of `readClassFolders` and `openListing`.
 */
export async function openFolderDataset(path: string, options: ListedDatasetOptions): Promise<ImageDataset> {
  return openListing(await readClassFolders(path), options);
}
