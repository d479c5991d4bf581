/**
 * The leak guard: which images of one or several data sets are copies of each other, byte for byte or nearly (encoded
 * again, resized, mirrored, brighter or darker), and which copies lie in parts that must not share any.
 */
import { type ProgressListener, silent } from '../../util/progress.ts';
import type { ImageDataset, ImageRecord, SplitName } from '../contract.ts';
import { SPLITS } from '../contract.ts';
import { findNearPairs, type NearPair } from './near.ts';
import { openSpectra } from './spectra.ts';

export interface AuditedImage {
  readonly dataset: string;
  readonly split: SplitName;
  readonly id: string;
  /** Name of the class; null where an image has several labels. */
  readonly label: string | null;
}

export interface DuplicateGroup {
  /** `exact`: all have the same bytes. */
  readonly kind: 'exact' | 'near';
  /** At least two, in the order of data sets, parts and ids. */
  readonly images: readonly AuditedImage[];
  /** Whether some are mirror images of others. */
  readonly mirrored: boolean;
  /** The smallest correlation of a pair that connects the group; 1 where it is exact. */
  readonly correlation: number;
}

/** Images of one part that have a copy in another part. */
export interface Overlap {
  readonly dataset: string;
  readonly split: SplitName;
  readonly otherDataset: string;
  readonly otherSplit: SplitName;
  /** Images of `split` that have a copy in `otherSplit`, and how many of these have the same bytes. */
  readonly images: number;
  readonly exact: number;
}

export interface DuplicateAudit {
  readonly images: number;
  /** Images that could not be decoded and were compared by their bytes only. */
  readonly unreadable: number;
  readonly groups: readonly DuplicateGroup[];
  /** Between parts and data sets, as far as there is any. */
  readonly overlaps: readonly Overlap[];
  /** Superfluous copies within one part: one image of each group counts as the original. */
  readonly within: readonly { dataset: string; split: SplitName; images: number }[];
  /** Groups whose images, of one data set, have different labels. */
  readonly labelConflicts: number;
  /** Images that were decoded for this audit; the others were remembered. */
  readonly decoded: number;
  /** Whether some images have so many look-alikes that not all of them were compared. */
  readonly crowded: boolean;
}

export interface AuditOptions {
  /** Where to remember what images look like. */
  readonly cacheFolder?: string;
  readonly onProgress?: ProgressListener;
}

/**
 * Compares all images of `datasets` with each other, within and across parts and data sets. Data sets are told apart
 * by their names.
 *
 * Errors: `CACHE_NOT_WRITABLE`.
 */
export async function auditDuplicates(
  datasets: readonly ImageDataset[],
  { cacheFolder, onProgress = silent }: AuditOptions = {},
): Promise<DuplicateAudit> {
  const placed = datasets.flatMap((dataset) =>
    SPLITS.flatMap((split) => dataset.splits[split].map((record) => ({ dataset, split, record }))),
  );
  const copies = new Map<string, Placed[]>();
  for (const image of placed) {
    const same = copies.get(image.record.contentHash);
    if (same) same.push(image);
    else copies.set(image.record.contentHash, [image]);
  }
  const contents = [...copies.values()];
  const originals = contents.map(([first]) => first);
  const { spectra, decoded, unreadable } = await openSpectra(originals, cacheFolder, onProgress);
  const { pairs, crowded } = await findNearPairs(spectra, contents.length, onProgress);
  const groups = groupsOf(contents, pairs);
  return {
    images: placed.length,
    unreadable: unreadable.size,
    groups: groups.map(describe),
    overlaps: overlapsOf(groups),
    within: withinOf(groups),
    labelConflicts: groups.filter(({ images }) => disagree(images)).length,
    decoded,
    crowded: crowded > 0,
  };
}

interface Placed {
  readonly dataset: ImageDataset;
  readonly split: SplitName;
  readonly record: ImageRecord;
}

interface Group {
  readonly images: readonly Placed[];
  /** How many different contents. */
  readonly contents: number;
  readonly pairs: readonly NearPair[];
}

/** Contents that are connected by near pairs, with all images of each; groups of one image are left out. */
function groupsOf(contents: readonly (readonly Placed[])[], pairs: readonly NearPair[]): Group[] {
  const root = contents.map((_, index) => index);
  const rootOf = (index: number): number => {
    let at = index;
    while (root[at] !== at) {
      root[at] = root[root[at]];
      at = root[at];
    }
    return at;
  };
  for (const { a, b } of pairs) {
    const [first, second] = [rootOf(a), rootOf(b)].sort((x, y) => x - y);
    root[second] = first;
  }
  const groups = new Map<number, { images: Placed[]; contents: number; pairs: NearPair[] }>();
  for (const [index, images] of contents.entries()) {
    const group = groups.get(rootOf(index));
    if (group) {
      group.images.push(...images);
      group.contents++;
    } else groups.set(rootOf(index), { images: [...images], contents: 1, pairs: [] });
  }
  for (const pair of pairs) groups.get(rootOf(pair.a))?.pairs.push(pair);
  return [...groups.values()].filter(({ images }) => images.length > 1);
}

function describe({ images, contents, pairs }: Group): DuplicateGroup {
  return {
    kind: contents === 1 ? 'exact' : 'near',
    images: images.map(({ dataset, split, record }) => ({
      dataset: dataset.name,
      split,
      id: record.id,
      label: dataset.task === 'single-label' ? dataset.classes[record.label] : null,
    })),
    mirrored: pairs.some(({ mirrored }) => mirrored),
    correlation: pairs.reduce((least, { correlation }) => Math.min(least, correlation), 1),
  };
}

/** Test before validation before train: the later part is the one that the copy makes easier. */
function overlapsOf(groups: readonly Group[]): Overlap[] {
  const overlaps = new Map<string, { -readonly [Key in keyof Overlap]: Overlap[Key] }>();
  for (const { images } of groups)
    for (const image of images) {
      const others = new Map<string, { other: Placed; exact: boolean }>();
      for (const other of images) {
        if (!comesBefore(other, image)) continue;
        const exact = other.record.contentHash === image.record.contentHash;
        const place = placeOf(other);
        if (exact || !others.has(place)) others.set(place, { other, exact });
      }
      for (const [place, { other, exact }] of others) {
        const key = `${placeOf(image)}\n${place}`;
        const overlap = overlaps.get(key) ?? {
          dataset: image.dataset.name,
          split: image.split,
          otherDataset: other.dataset.name,
          otherSplit: other.split,
          images: 0,
          exact: 0,
        };
        overlap.images++;
        if (exact) overlap.exact++;
        overlaps.set(key, overlap);
      }
    }
  return [...overlaps.values()];
}

/** Whether `other` lies in a part that is used before that of `image`; of two data sets, the source is the other. */
function comesBefore(other: Placed, image: Placed): boolean {
  if (other.dataset !== image.dataset) return other.dataset.name < image.dataset.name;
  return SPLITS.indexOf(other.split) < SPLITS.indexOf(image.split);
}

const placeOf = ({ dataset, split }: Placed): string => JSON.stringify([dataset.name, split]);

function withinOf(groups: readonly Group[]): DuplicateAudit['within'] {
  const within = new Map<string, { dataset: string; split: SplitName; images: number }>();
  for (const { images } of groups) {
    const seen = new Set<string>();
    for (const image of images) {
      const place = placeOf(image);
      if (!seen.has(place)) {
        seen.add(place);
        continue;
      }
      const entry = within.get(place) ?? { dataset: image.dataset.name, split: image.split, images: 0 };
      entry.images++;
      within.set(place, entry);
    }
  }
  return [...within.values()];
}

function disagree(images: readonly Placed[]): boolean {
  const labels = new Map<ImageDataset, number>();
  return images.some(({ dataset, record }) => {
    if (dataset.task === 'multi-label') return false;
    const label = labels.get(dataset);
    labels.set(dataset, record.label);
    return label !== undefined && label !== record.label;
  });
}
