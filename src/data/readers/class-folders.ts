/**
 * Reader of class folders: one sub-folder per class, images anywhere below it. Above the classes there may be
 * official parts:
 *
 *     flowers/daisy/1.jpg              flowers/train/daisy/1.jpg
 *     flowers/rose/old/7.png           flowers/val/rose/2.jpg      (validation, val or valid)
 *                                      flowers/test/rose/9.jpg
 *
 * Only lists files; whether they decode is found out by the data set that uses the reader.
 */
import type { Dirent, Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { UserError } from '../../util/errors.ts';
import type { SplitName } from '../contract.ts';

/**
 * Endings of image files, lower case. Those from `bmp` on cannot be decoded; they are listed so that they are
 * reported as unreadable rather than silently passed over.
 */
const IMAGE_ENDING =
  /\.(jpg|jpeg|jpe|jfif|png|webp|gif|tif|tiff|avif|bmp|heic|heif|jp2|jxl|pbm|pgm|ppm|tga)$/i;

const PART_NAMES: Readonly<Record<string, SplitName>> = {
  train: 'train',
  validation: 'validation',
  val: 'validation',
  valid: 'validation',
  test: 'test',
};

export interface ListedImage {
  /** Path relative to the folder, with `/`. */
  readonly id: string;
  readonly className: string;
  /** The official part that the file lies in; null where there are no official parts. */
  readonly part: SplitName | null;
}

export interface ClassFolders {
  /** Absolute path. */
  readonly root: string;
  /** Sorted by name; with official parts, the classes of train. */
  readonly classes: readonly string[];
  /** Sorted by id. */
  readonly images: readonly ListedImage[];
  /** Empty where there are no official parts; otherwise `train` and possibly others. */
  readonly officialParts: readonly SplitName[];
}

/**
 * Lists the images of a folder of class folders. Hidden files and files that are not images are passed over.
 *
 * Errors: `DATA_FOLDER_MISSING`, `DATA_NOT_A_FOLDER`, `DATA_EMPTY`, `DATA_NO_CLASS_FOLDERS`,
 * `DATA_MIXED_LAYOUT`, `DATA_ONE_CLASS`, `DATA_CLASS_NOT_IN_TRAIN`.
 */
export async function readClassFolders(path: string): Promise<ClassFolders> {
  const root = resolve(path);
  await requireFolder(root);
  const parts = await findParts(root);
  const listed = parts
    ? await Promise.all(parts.map(({ part, folder }) => listClasses(root, [folder], part)))
    : [await listClasses(root, [], null)];
  const trainIndex = parts ? parts.findIndex(({ part }) => part === 'train') : 0;
  const { classes } = listed[trainIndex];
  if (classes.length === 1) throw oneClass(root, classes[0]);
  if (parts) requireKnownClasses(listed, parts, classes);
  const images = listed.flatMap((part) => part.images).sort((a, b) => (a.id < b.id ? -1 : 1));
  if (images.length === 0) throw emptyFolder(root);
  return { root, classes, images, officialParts: parts ? parts.map(({ part }) => part) : [] };
}

async function requireFolder(root: string): Promise<void> {
  let stats: Stats;
  try {
    stats = await stat(root);
  } catch (error) {
    throw new UserError(
      'DATA_FOLDER_MISSING',
      `The data folder ${root} does not exist.`,
      'Give the path of a folder that has one sub-folder per class.',
      { cause: error },
    );
  }
  if (!stats.isDirectory())
    throw new UserError(
      'DATA_NOT_A_FOLDER',
      `${root} is a file, not a folder.`,
      'Give the path of a folder that has one sub-folder per class; unpack an archive first.',
    );
}

/**
 * The official parts, or null when the sub-folders of `root` are the classes themselves. A data set may well
 * have a class named "train" (beside "bus" and "plane"): what counts is that nothing but parts lies beside it.
 */
async function findParts(root: string): Promise<{ part: SplitName; folder: string }[] | null> {
  const folders = await subfolders(root);
  const parts = folders.flatMap((folder) => {
    const part = PART_NAMES[folder.toLowerCase()];
    return part ? [{ part, folder }] : [];
  });
  const train = parts.find(({ part }) => part === 'train');
  if (!train) return null;
  const onlyParts = parts.length === folders.length;
  if (!onlyParts && (await subfolders(join(root, train.folder))).length === 0) return null;
  const repeated = new Set(parts.map(({ part }) => part)).size < parts.length;
  if (!onlyParts || repeated)
    throw new UserError(
      'DATA_MIXED_LAYOUT',
      `${root} holds ${list(folders)}, so it is unclear which folders are parts and which are classes.`,
      'Use either one folder per class, or train, validation and test (each at most once) and nothing else.',
    );
  return parts;
}

async function listClasses(root: string, below: string[], part: SplitName | null) {
  const folder = join(root, ...below);
  const classes = await subfolders(folder);
  if (classes.length === 0) throw await noClassFolders(folder);
  const images: ListedImage[] = [];
  const above = [await realpath(root), await realpath(folder)];
  for (const className of classes)
    for (const id of await listImages(root, [...below, className], above))
      images.push({ id, className, part });
  return { classes, images };
}

/** Ids of the image files below a folder; links are followed, but never in a circle. */
async function listImages(root: string, below: string[], above: string[]): Promise<string[]> {
  const folder = join(root, ...below);
  const real = await realpath(folder);
  if (above.includes(real)) return [];
  const ids: string[] = [];
  for (const entry of await visibleEntries(folder)) {
    const path = [...below, entry.name];
    if (await isFolder(folder, entry)) ids.push(...(await listImages(root, path, [...above, real])));
    else if (IMAGE_ENDING.test(entry.name)) ids.push(path.join('/'));
  }
  return ids;
}

async function subfolders(folder: string): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await visibleEntries(folder)) if (await isFolder(folder, entry)) names.push(entry.name);
  return names.sort();
}

/** Leaves out hidden entries and the folder of resource forks that macOS puts into archives. */
async function visibleEntries(folder: string): Promise<Dirent[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((entry) => !entry.name.startsWith('.') && entry.name !== '__MACOSX');
}

async function isFolder(parent: string, entry: Dirent): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  // A broken link counts as a file; if it is named like an image it is reported as unreadable.
  const target = await stat(join(parent, entry.name)).catch(() => null);
  return target?.isDirectory() ?? false;
}

async function noClassFolders(folder: string): Promise<UserError> {
  const images = (await visibleEntries(folder)).filter((entry) => IMAGE_ENDING.test(entry.name));
  if (images.length === 0) return emptyFolder(folder);
  return new UserError(
    'DATA_NO_CLASS_FOLDERS',
    `${folder} holds ${images.length} images directly, without class folders.`,
    'Sort the images into one sub-folder per class.',
  );
}

function emptyFolder(folder: string): UserError {
  return new UserError(
    'DATA_EMPTY',
    `There are no images below ${folder}.`,
    'Expected sub-folders, one per class, with JPEG, PNG, WebP, GIF, TIFF or AVIF files.',
  );
}

function oneClass(root: string, name: string): UserError {
  return new UserError(
    'DATA_ONE_CLASS',
    `${root} has one class only, "${name}".`,
    'Classification needs at least two class folders.',
  );
}

function requireKnownClasses(
  listed: readonly { readonly classes: readonly string[] }[],
  parts: readonly { readonly folder: string }[],
  trained: readonly string[],
): void {
  for (const [i, { classes }] of listed.entries()) {
    const unknown = classes.filter((name) => !trained.includes(name));
    if (unknown.length > 0)
      throw new UserError(
        'DATA_CLASS_NOT_IN_TRAIN',
        `The part "${parts[i].folder}" has classes that train lacks: ${list(unknown)}.`,
        'Add training images of these classes, or remove their folders.',
      );
  }
}

/** `"a", "b" and 3 more`. */
function list(names: readonly string[], most = 8): string {
  const shown = names.slice(0, most).map((name) => `"${name}"`);
  return names.length > most ? `${shown.join(', ')} and ${names.length - most} more` : shown.join(', ');
}
