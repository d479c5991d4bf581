/**
 * A data set from a folder of class folders. Opening it reads every file once: the content is hashed, and
 * decoded unless the cache folder remembers that it can be; what cannot is reported and skipped.
 */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { messageOf, UserError } from '../../util/errors.ts';
import { contentHash, sha256 } from '../../util/hash.ts';
import { type ProgressListener, silent } from '../../util/progress.ts';
import { DECODERS, mapInOrder } from '../concurrency.ts';
import {
  type DataProblem,
  type ImageDataset,
  type ImageRecord,
  type Metric,
  SPLITS,
  type SplitName,
} from '../contract.ts';
import { renderFile } from '../image/render.ts';
import { type ClassFolders, type ListedImage, readClassFolders } from '../readers/class-folders.ts';
import {
  DEFAULT_FRACTIONS,
  drawParts,
  groupByContent,
  requireFractions,
  type SplitFractions,
} from '../split.ts';
import { DecodeVerdicts } from './decode-verdicts.ts';
import { findLabelConflicts, type PlacedRecord, separateParts } from './duplicates.ts';

export interface FolderDatasetOptions {
  /** Seed of the parts that are drawn; without effect where train, validation and test are all given. */
  readonly seed: number;
  /** Shares of the drawn parts; default 0.6, 0.2, 0.2. */
  readonly fractions?: SplitFractions;
  /** Default: the folder's own name. */
  readonly name?: string;
  /** Default: `top1`. */
  readonly metric?: Metric;
  /** Where to remember which files decode; without it they are decoded at every opening. */
  readonly cacheFolder?: string;
  readonly onProgress?: ProgressListener;
}

/**
 * Opens a folder with one sub-folder per class, with or without official parts (see `readers/class-folders.ts`).
 * Parts that are missing are drawn from train, or from everything where there are none, stratified by class.
 *
 * Errors: those of `readClassFolders`, `DATA_CLASS_TOO_SMALL`, `DATA_FRACTIONS`, `CACHE_NOT_WRITABLE`.
 */
export async function openFolderDataset(path: string, options: FolderDatasetOptions): Promise<ImageDataset> {
  const fractions = options.fractions ?? DEFAULT_FRACTIONS;
  requireFractions(fractions);
  const folders = await readClassFolders(path);
  const scan = await scanImages(folders, options);
  const { classes, officialParts } = folders;
  const { kept, problems: copies } = separateParts(scan.records);
  const drawn = SPLITS.filter((part) => part !== 'train' && !officialParts.includes(part));
  requireEnoughImages(folders, kept, drawn, scan.problems.length);

  const groups = groupByContent(kept.filter(({ part }) => part === 'train'));
  const parts = drawParts(groups, classes, drawn, fractions, options.seed);
  for (const record of kept) if (record.part !== 'train') parts[record.part].push(record);
  const splits = Object.fromEntries(SPLITS.map((split) => [split, finish(parts[split])])) as Record<
    SplitName,
    ImageRecord[]
  >;
  return Object.freeze({
    name: options.name ?? basename(folders.root),
    task: 'single-label',
    classes,
    metric: options.metric ?? 'top1',
    splits,
    problems: [...scan.problems, ...copies, ...findLabelConflicts(kept, classes)],
    fingerprint: contentHash({ classes, splits }),
    render: (record, view) => renderFile(join(folders.root, record.id), view),
  } satisfies ImageDataset);
}

async function scanImages(folders: ClassFolders, options: FolderDatasetOptions) {
  const onProgress = options.onProgress ?? silent;
  const labels = new Map(folders.classes.map((name, label) => [name, label]));
  const verdicts = await DecodeVerdicts.open(options.cacheFolder);
  const records: PlacedRecord[] = [];
  const problems: DataProblem[] = [];
  const { images } = folders;
  let done = 0;
  const progress = () => onProgress({ phase: 'check images', done, total: images.length });
  progress();
  const inspected = mapInOrder(images, DECODERS, (image) => inspect(folders.root, image, verdicts));
  for await (const { id, className, part, hash, reason } of inspected) {
    if (reason === null)
      records.push({ id, label: labels.get(className)!, contentHash: hash, part: part ?? 'train' });
    else problems.push({ kind: 'unreadable', images: [id], message: `"${id}" was skipped: ${reason}.` });
    done++;
    progress();
  }
  await verdicts.save();
  return { records, problems };
}

async function inspect(root: string, image: ListedImage, verdicts: DecodeVerdicts) {
  try {
    const bytes = await readFile(join(root, image.id));
    const hash = sha256(bytes);
    return { ...image, hash, reason: await verdicts.of(hash, bytes) };
  } catch (error) {
    return { ...image, hash: '', reason: messageOf(error) };
  }
}

/** Every class needs one distinct image in train and in every part that is drawn; given parts need one at all. */
function requireEnoughImages(
  folders: ClassFolders,
  kept: readonly PlacedRecord[],
  drawn: readonly SplitName[],
  skipped: number,
): void {
  const need = drawn.length + 1;
  const distinct = folders.classes.map(() => 0);
  for (const { label } of groupByContent(kept.filter(({ part }) => part === 'train'))) distinct[label]++;
  const small = folders.classes.flatMap((name, label) =>
    distinct[label] < need ? [`${name} (${distinct[label]})`] : [],
  );
  const note = skipped > 0 ? ` (${skipped} unreadable files were skipped)` : '';
  const where = folders.officialParts.length > 0 ? 'the train part of ' : '';
  if (small.length > 0)
    throw new UserError(
      'DATA_CLASS_TOO_SMALL',
      `These classes have too few distinct images in ${where}${folders.root}: ${shorten(small)}${note}.`,
      `Every class needs at least ${need}, one for each of ${['train', ...drawn].join(', ')}; add images or remove the class folder.`,
    );
  for (const part of folders.officialParts)
    if (!kept.some((record) => record.part === part))
      throw new UserError(
        'DATA_EMPTY',
        `The part "${part}" of ${folders.root} has no readable image${note}.`,
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
    .map(({ id, label, contentHash }) => Object.freeze({ id, label, contentHash }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}
