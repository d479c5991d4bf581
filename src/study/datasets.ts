/** Data sets by what a user types: a folder, or a set of the procedural suite. */
import { existsSync } from 'node:fs';
import {
  type ImageDataset,
  openFolderDataset,
  openProceduralDataset,
  PROCEDURAL_DATASETS,
} from '../data/index.ts';
import type { ProgressListener } from '../util/progress.ts';

export interface OpenDatasetOptions {
  /** Seeds the split of a folder without official parts. */
  readonly splitSeed: number;
  readonly cacheFolder: string;
  readonly onProgress?: ProgressListener;
}

/** `procedural/shapes` and its like, unless there is a folder of that name; everything else is a folder's path. */
export function openDataset(spec: string, options: OpenDatasetOptions): Promise<ImageDataset> {
  const procedural = Object.hasOwn(PROCEDURAL_DATASETS, spec) || spec.startsWith('procedural/');
  if (procedural && !existsSync(spec)) return Promise.resolve(openProceduralDataset(spec));
  const { splitSeed, cacheFolder, onProgress } = options;
  return openFolderDataset(spec, { seed: splitSeed, cacheFolder, onProgress });
}
