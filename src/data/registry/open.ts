/**
 * Opens a published data set from a folder or archive in its official form. Every image is read once: hashed, and
 * decoded unless the cache folder remembers that it can be. What deviates from what was published does not stop the
 * work; it is named among the data set's problems, as `datasets verify` names it.
 */
import { createHash } from 'node:crypto';
import { UserError } from '../../util/errors.ts';
import { contentHash } from '../../util/hash.ts';
import { type ProgressListener, silent } from '../../util/progress.ts';
import { openFileTree } from '../containers/file-tree.ts';
import { hashOfContent, unchanged } from '../content.ts';
import {
  type DataProblem,
  type DecodedImage,
  type ImageDataset,
  type ImageRecord,
  SPLITS,
  type SplitName,
} from '../contract.ts';
import { type DecodeVerdicts, inspected } from '../datasets/decode-verdicts.ts';
import { findLabelConflicts, type PlacedRecord, separateParts } from '../datasets/duplicates.ts';
import { reasonOf, renderContent } from '../image/render.ts';
import { drawParts, groupByContent } from '../split.ts';
import { type DatasetCheck, deviationOf, fileChecks, listingChecks } from './checks.ts';
import type { OfficialDataset, OfficialImage, OfficialListing } from './entry.ts';
import { hashChecks } from './hashes.ts';
import { findOfficial } from './registry.ts';

export interface OpenOfficialOptions {
  /** Seeds the validation part where it is held out of train, and parts that the protocol draws (Caltech-101). */
  readonly seed: number;
  readonly cacheFolder: string;
  readonly onProgress?: ProgressListener;
}

/** The share of train that becomes validation where the authors give none; the study does not state its own. */
export const HELD_OUT = 0.2;

/** Everything that was found out about a copy of a data set. */
export interface OfficialInspection {
  readonly entry: OfficialDataset;
  readonly listing: OfficialListing;
  readonly records: readonly PlacedRecord[];
  readonly problems: readonly DataProblem[];
  readonly checks: readonly DatasetCheck[];
}

/**
 * Reads lists and every image, and compares them with what was published.
 *
 * Errors: `UNKNOWN_DATASET`, `OFFICIAL_FORM`, `OFFICIAL_LIST`, `CACHE_NOT_WRITABLE`, and those of `openFileTree`.
 */
export async function inspectOfficial(
  name: string,
  path: string,
  options: OpenOfficialOptions,
): Promise<OfficialInspection> {
  const entry = findOfficial(name);
  const tree = await openFileTree(path, { cacheFolder: options.cacheFolder, mountArchives: true });
  const listing = await entry.read(tree, options.seed);
  const { records, problems, wrongContent } = await scan(listing, options);
  const checks = [...listingChecks(entry, listing), ...fileChecks(listing, records, problems, wrongContent)];
  return { entry, listing, records, problems, checks };
}

/** What `datasets verify` says of a copy of a data set. */
export interface OfficialVerification {
  readonly entry: OfficialDataset;
  /** How many there are. */
  readonly classes: number;
  readonly images: Readonly<Record<SplitName, number>>;
  readonly checks: readonly DatasetCheck[];
}

/**
 * Everything that can be checked: what `inspectOfficial` does, and the MD5 of files whose own is known, which may be
 * archives of many gigabytes. Errors: those of `inspectOfficial`.
 */
export async function verifyOfficial(
  name: string,
  path: string,
  options: OpenOfficialOptions,
): Promise<OfficialVerification> {
  const { entry, listing, checks } = await inspectOfficial(name, path, options);
  const count = (part: SplitName) => listing.images.filter((image) => image.part === part).length;
  const images = { train: count('train'), validation: count('validation'), test: count('test') };
  return {
    entry,
    classes: listing.classes.length,
    images,
    checks: [...checks, ...(await hashChecks(entry, path, options.onProgress))],
  };
}

/** Opens the data set for training. Errors: those of `inspectOfficial`, and `DATA_EMPTY` when a part has no image. */
export async function openOfficialDataset(
  name: string,
  path: string,
  options: OpenOfficialOptions,
): Promise<ImageDataset> {
  const { entry, listing, records, problems, checks } = await inspectOfficial(name, path, options);
  const { classes } = listing;
  const { kept, problems: copies } = separateParts(records);
  const splits = splitsOf(entry, classes, kept, options.seed);
  for (const part of SPLITS)
    if (splits[part].length === 0)
      throw new UserError(
        'DATA_EMPTY',
        `The part "${part}" of ${entry.title} at ${path} has no readable image.`,
        `\`transferlab datasets verify ${name} --data ${path}\` says what is missing.`,
      );
  const images = new Map(listing.images.map((image) => [image.id, image]));
  return Object.freeze({
    name,
    task: entry.task,
    classes,
    metric: entry.metric,
    splits,
    problems: [...deviations(entry, checks), ...problems, ...copies, ...conflicts(entry, kept, classes)],
    fingerprint: contentHash({ classes, splits }),
    render: ({ id, contentHash: hash }, view) => {
      const place = `${path}: ${id}`;
      return renderContent(unchanged(listing.content(images.get(id)!), hash, place), place, view);
    },
  } satisfies ImageDataset);
}

function deviations(entry: OfficialDataset, checks: readonly DatasetCheck[]): DataProblem[] {
  return checks.flatMap((check) => {
    const message = deviationOf(entry.title, check);
    return message === null ? [] : [{ kind: 'deviation' as const, images: check.examples, message }];
  });
}

/** Two labels of one image are no conflict where an image may have several. */
function conflicts(entry: OfficialDataset, records: readonly ImageRecord[], classes: readonly string[]) {
  return entry.task === 'single-label' ? findLabelConflicts(records, classes) : [];
}

function splitsOf(
  entry: OfficialDataset,
  classes: readonly string[],
  records: readonly PlacedRecord[],
  seed: number,
): Record<SplitName, ImageRecord[]> {
  const parts: Record<SplitName, PlacedRecord[]> = { train: [], validation: [], test: [] };
  for (const record of records) parts[record.part].push(record);
  if (entry.images.validation === 'held out') {
    const fractions = { train: 1 - HELD_OUT, validation: HELD_OUT, test: 0 };
    const drawn = drawParts(groupByContent(parts.train), classes, ['validation'], fractions, seed);
    parts.train = drawn.train;
    parts.validation = drawn.validation;
  }
  return {
    train: finish(parts.train),
    validation: finish(parts.validation),
    test: finish(parts.test),
  };
}

/** Frozen records in the order of their ids, without the part that they came from. */
function finish(records: readonly PlacedRecord[]): ImageRecord[] {
  return records
    .map(({ part: _, ...record }) => Object.freeze(record))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

async function scan(listing: OfficialListing, { cacheFolder, onProgress = silent }: OpenOfficialOptions) {
  const records: PlacedRecord[] = [];
  const problems: DataProblem[] = [];
  const wrongContent: string[] = [];
  const { images } = listing;
  const progress = (done: number) => onProgress({ phase: 'check images', done, total: images.length });
  progress(0);
  let done = 0;
  const found = inspected(images, cacheFolder, (image, verdicts) => inspectImage(listing, image, verdicts));
  for await (const { image, hash, reason, isAsPublished } of found) {
    const { md5: _, ...record } = image;
    if (reason === null) records.push({ ...record, contentHash: hash });
    else
      problems.push({
        kind: 'unreadable',
        images: [image.id],
        message: `"${image.id}" was skipped: ${reason}.`,
      });
    if (!isAsPublished) wrongContent.push(image.id);
    progress(++done);
  }
  return { records, problems, wrongContent };
}

async function inspectImage(listing: OfficialListing, image: OfficialImage, verdicts: DecodeVerdicts) {
  try {
    const content = await listing.content(image);
    const isAsPublished = image.md5 === undefined || md5(content) === image.md5.toLowerCase();
    const hash = hashOfContent(content);
    return { image, hash, reason: await verdicts.of(hash, content), isAsPublished };
  } catch (error) {
    return { image, hash: '', reason: reasonOf(error), isAsPublished: true };
  }
}

function md5(content: Uint8Array | DecodedImage): string {
  const bytes = content instanceof Uint8Array ? content : content.pixels;
  return createHash('md5').update(bytes).digest('hex');
}
