/**
 * The leak guard: which images of one or several data sets are copies of each other, byte for byte or nearly (encoded
 * again, resized, mirrored, brighter or darker), and which copies lie in parts that must not share any.
 */
import { type ProgressListener, silent } from '../../util/progress.ts';
import type { ImageDataset, ImageRecord, SplitName } from '../contract.ts';
import { SPLITS } from '../contract.ts';
import { findNearPairs, type NearPair } from './near.ts';
import { confirmPairs, type FeatureExtractor } from './second-opinion.ts';
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

/**
 * Images of one part that have a copy in another one, which is used before it: train before validation before test,
 * and of two data sets the one that was named first.
 */
interface Overlap {
  readonly dataset: string;
  readonly split: SplitName;
  readonly otherDataset: string;
  readonly otherSplit: SplitName;
  /** Ids of the images of `split` that have a copy in `otherSplit`. */
  readonly images: readonly string[];
  /** How many of them have a copy with the same bytes. */
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
  /** A network that decides where the pixels do not, so that parts cut out of pictures are found too. */
  readonly network?: FeatureExtractor;
  /** Where to remember what images look like. */
  readonly cacheFolder?: string;
  readonly onProgress?: ProgressListener;
}

/**
 * Compares all images of `datasets` with each other, within and across parts and data sets: sources first, then what is
 * transferred to. Data sets should have different names.
 *
 * Errors: `CACHE_NOT_WRITABLE`.
 */
export async function auditDuplicates(
  datasets: readonly ImageDataset[],
  { cacheFolder, network, onProgress = silent }: AuditOptions = {},
): Promise<DuplicateAudit> {
  const placed = datasets.flatMap((dataset, order) =>
    SPLITS.flatMap((split, part) =>
      dataset.splits[split].map((record) => ({ dataset, split, record, place: 3 * order + part })),
    ),
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
  const { pairs, doubtful, crowded } = await findNearPairs(spectra, contents.length, onProgress);
  const confirmed = network ? await confirmPairs(originals, doubtful, network, onProgress) : [];
  const groups = groupsOf(contents, [...pairs, ...confirmed]);
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
  /** Number of the part among those of all data sets, in the order of their use. */
  readonly place: number;
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

function overlapsOf(groups: readonly Group[]): Overlap[] {
  const overlaps = new Map<string, { image: Placed; other: Placed; images: string[]; exact: number }>();
  for (const { images } of groups) {
    const others = new Map(images.map((image) => [image.place, image]));
    const present = new Set(images.map(({ place, record }) => `${place} ${record.contentHash}`));
    for (const image of images)
      for (const [place, other] of others) {
        if (place >= image.place) continue;
        const key = `${image.place} ${place}`;
        const overlap = overlaps.get(key) ?? { image, other, images: [], exact: 0 };
        overlaps.set(key, overlap);
        overlap.images.push(image.record.id);
        if (present.has(`${place} ${image.record.contentHash}`)) overlap.exact++;
      }
  }
  return [...overlaps.values()].map(({ image, other, images, exact }) => ({
    dataset: image.dataset.name,
    split: image.split,
    otherDataset: other.dataset.name,
    otherSplit: other.split,
    images,
    exact,
  }));
}

function withinOf(groups: readonly Group[]): DuplicateAudit['within'] {
  const within = new Map<number, { dataset: string; split: SplitName; images: number }>();
  for (const { images } of groups) {
    const seen = new Set<number>();
    for (const { dataset, split, place } of images) {
      const entry = within.get(place) ?? { dataset: dataset.name, split, images: 0 };
      if (seen.has(place)) within.set(place, { ...entry, images: entry.images + 1 });
      seen.add(place);
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
