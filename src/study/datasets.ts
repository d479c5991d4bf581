/** Data sets by what a user types: a folder, or a set of the procedural suite, and what a design leaves of it. */
import { existsSync } from 'node:fs';
import {
  applyDesign,
  type ImageDataset,
  openLocalDataset,
  openOfficialDataset,
  openProceduralDataset,
  PROCEDURAL_DATASETS,
  readDesign,
} from '../data/index.ts';
import type { ProgressListener } from '../util/progress.ts';

export interface OpenDatasetOptions {
  /** Seeds the split of a folder without official parts. */
  readonly splitSeed: number;
  readonly cacheFolder: string;
  readonly onProgress?: ProgressListener;
}

/**
 * `procedural/shapes` and its like, unless there is a folder of that name; `pets=FOLDER` for a published data set in its
 * official form; everything else is the path of a folder, an archive or a table of images. Behind a
 * `#` may stand a design, as a file or in words: `photos#per-class=10,seed=1`.
 */
export async function openDataset(spec: string, options: OpenDatasetOptions): Promise<ImageDataset> {
  const { whole, design } = splitDatasetSpec(spec);
  return designed(await openWhole(whole, options), design);
}

/** The two sides of the first `#`; the path of something that is there has none. */
export function splitDatasetSpec(spec: string): { readonly whole: string; readonly design?: string } {
  const mark = existsSync(spec) ? -1 : spec.indexOf('#');
  return mark < 0 ? { whole: spec } : { whole: spec.slice(0, mark), design: spec.slice(mark + 1) };
}

/** What a design, given as a file or in words, leaves of a data set. */
export async function designed(dataset: ImageDataset, design: string | undefined): Promise<ImageDataset> {
  return design === undefined ? dataset : applyDesign(dataset, await readDesign(design));
}

function openWhole(spec: string, options: OpenDatasetOptions): Promise<ImageDataset> {
  const procedural = Object.hasOwn(PROCEDURAL_DATASETS, spec) || spec.startsWith('procedural/');
  if (procedural && !existsSync(spec)) return Promise.resolve(openProceduralDataset(spec));
  const { splitSeed, cacheFolder, onProgress } = options;
  const official = officialSpec(spec);
  if (official !== null)
    return openOfficialDataset(official.name, official.path, { seed: splitSeed, cacheFolder, onProgress });
  return openLocalDataset(spec, { seed: splitSeed, cacheFolder, onProgress });
}

/** The two sides of `pets=FOLDER`; null for what is something else, or the path of something that is there. */
export function officialSpec(spec: string): { readonly name: string; readonly path: string } | null {
  const [, name, path] = /^([\w-]+)=(.+)$/s.exec(spec) ?? [];
  return name === undefined || existsSync(spec) ? null : { name, path };
}
