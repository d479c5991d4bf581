/**
 * The data set over what a reader found. Opening it reads every image once: the content is hashed, and decoded unless
 * the cache folder remembers that it can be; what cannot is reported and skipped.
 */
import { basename } from 'node:path';
import { UserError } from '../../util/errors.ts';
import { contentHash } from '../../util/hash.ts';
import { type ProgressListener, silent } from '../../util/progress.ts';
import { hashOfContent, unchanged } from '../content.ts';
import {
  type DataProblem,
  type ImageDataset,
  type ImageRecord,
  type Metric,
  SPLITS,
  type SplitName,
} from '../contract.ts';
import { reasonOf, renderContent } from '../image/render.ts';
import type { ImageListing, ListedImage } from '../readers/listing.ts';
import { firstClass } from '../readers/voc-lists.ts';
import {
  DEFAULT_FRACTIONS,
  drawParts,
  groupByContent,
  requireFractions,
  type SplitFractions,
} from '../split.ts';
import { type DecodeVerdicts, inspected } from './decode-verdicts.ts';
import { findLabelConflicts, type PlacedRecord, separateParts } from './duplicates.ts';
import { byRarest, marksOf, requirePresent } from './several-labels.ts';

export interface ListedDatasetOptions {
  /** Seed of the parts that are drawn; without effect where train, validation and test are all given. */
  readonly seed: number;
  /** Shares of the drawn parts; default 0.6, 0.2, 0.2. */
  readonly fractions?: SplitFractions;
  /** Default: the root's own name. */
  readonly name?: string;
  /** Default: `top1`; of images with several labels always `meanAveragePrecision`. */
  readonly metric?: Metric;
  /** Where to remember which files decode; without it they are decoded at every opening. */
  readonly cacheFolder?: string;
  readonly onProgress?: ProgressListener;
}

/**
 * The data set of a listing. Parts that are missing are drawn from train, or from everything where there are none,
 * stratified by class; of images with several labels by the rarest of them.
 *
 * Errors: `DATA_CLASS_TOO_SMALL`, `DATA_EMPTY`, `DATA_FRACTIONS`, `CACHE_NOT_WRITABLE`.
 */
export async function openListing(
  listing: ImageListing,
  options: ListedDatasetOptions,
): Promise<ImageDataset> {
  const fractions = options.fractions ?? DEFAULT_FRACTIONS;
  requireFractions(fractions);
  const scan = await scanImages(listing, options);
  const { classes, officialParts, root } = listing;
  const { kept, problems: copies } = separateParts(scan.records);
  const drawn = SPLITS.filter((part) => part !== 'train' && !officialParts.includes(part));
  const isSeveral = listing.images.some(({ several }) => several !== undefined);
  const trained = kept.filter(({ part }) => part === 'train');
  const { strata, records } = isSeveral ? byRarest(trained, classes) : { strata: classes, records: trained };
  requireEnoughImages(listing, kept, drawn, scan.problems.length);

  const parts = drawParts(groupByContent(records), strata, drawn, fractions, options.seed);
  for (const record of kept) if (record.part !== 'train') parts[record.part].push(record);
  if (isSeveral) requirePresent(parts, drawn, classes, root);
  const splits = Object.fromEntries(SPLITS.map((split) => [split, finish(parts[split])])) as Record<
    SplitName,
    ImageRecord[]
  >;
  return Object.freeze({
    name: options.name ?? basename(root),
    task: isSeveral ? 'multi-label' : 'single-label',
    classes,
    metric: isSeveral ? 'meanAveragePrecision' : (options.metric ?? 'top1'),
    splits,
    problems: [
      ...listing.problems,
      ...scan.problems,
      ...copies,
      ...(isSeveral ? [] : findLabelConflicts(kept, classes)),
    ],
    fingerprint: contentHash({ classes, splits }),
    render: ({ id, contentHash: hash }, view) => {
      const place = `${root}/${id}`;
      return renderContent(unchanged(listing.read(id), hash, place), place, view);
    },
  } satisfies ImageDataset);
}

async function scanImages(listing: ImageListing, options: ListedDatasetOptions) {
  const onProgress = options.onProgress ?? silent;
  const labels = new Map(listing.classes.map((name, label) => [name, label]));
  const records: PlacedRecord[] = [];
  const problems: DataProblem[] = [];
  const { images } = listing;
  let done = 0;
  const progress = () => onProgress({ phase: 'check images', done, total: images.length });
  progress();
  const found = inspected(images, options.cacheFolder, (image, verdicts) =>
    inspect(listing, image, verdicts),
  );
  for await (const { id, className, several, part, hash, reason } of found) {
    const marks = several && marksOf(several, labels);
    const label = marks ? firstClass(marks) : labels.get(className)!;
    if (reason === null)
      records.push({ id, label, ...(marks && { labels: marks }), contentHash: hash, part: part ?? 'train' });
    else problems.push({ kind: 'unreadable', images: [id], message: `"${id}" was skipped: ${reason}.` });
    done++;
    progress();
  }
  return { records, problems };
}

async function inspect(listing: ImageListing, image: ListedImage, verdicts: DecodeVerdicts) {
  try {
    const stored = await listing.read(image.id);
    const hash = hashOfContent(stored);
    return { ...image, hash, reason: await verdicts.of(hash, stored) };
  } catch (error) {
    return { ...image, hash: '', reason: reasonOf(error) };
  }
}

/** Every class needs one distinct image in train and in every part that is drawn; given parts need one at all. */
function requireEnoughImages(
  { root, classes, officialParts }: ImageListing,
  kept: readonly PlacedRecord[],
  drawn: readonly SplitName[],
  skipped: number,
): void {
  const need = drawn.length + 1;
  const distinct = classes.map(() => 0);
  for (const { label, images } of groupByContent(kept.filter(({ part }) => part === 'train'))) {
    const [{ labels }] = images;
    if (!labels) distinct[label]++;
    else for (const [i, mark] of labels.entries()) distinct[i] += Number(mark === 1);
  }
  const small = classes.flatMap((name, label) =>
    distinct[label] < need ? [`${name} (${distinct[label]})`] : [],
  );
  const note = skipped > 0 ? ` (${skipped} unreadable files were skipped)` : '';
  const where = officialParts.length > 0 ? 'the train part of ' : '';
  if (small.length > 0)
    throw new UserError(
      'DATA_CLASS_TOO_SMALL',
      `These classes have too few distinct images in ${where}${root}: ${shorten(small)}${note}.`,
      `Every class needs at least ${need}, one for each of ${['train', ...drawn].join(', ')}; add images or remove the class.`,
    );
  for (const part of officialParts)
    if (!kept.some((record) => record.part === part))
      throw new UserError(
        'DATA_EMPTY',
        `The part "${part}" of ${root} has no readable image${note}.`,
        'Add images, or remove its folder to have the part drawn from train.',
      );
}

function shorten(names: readonly string[], most = 10): string {
  return names.length > most
    ? `${names.slice(0, most).join(', ')} and ${names.length - most} more`
    : names.join(', ');
}

/** Frozen records in the order of their ids, without the part that they came from. */
function finish(records: readonly PlacedRecord[]): ImageRecord[] {
  return records
    .map(({ id, label, labels, contentHash }) =>
      Object.freeze({
        id,
        label: labels ? firstClass(labels) : label,
        ...(labels && { labels }),
        contentHash,
      }),
    )
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}
