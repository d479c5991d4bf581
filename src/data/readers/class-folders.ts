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
import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { UserError } from '../../util/errors.ts';
import { type FileTree, withoutWrapper } from '../containers/file-tree.ts';
import type { SplitName } from '../contract.ts';
import { type FolderView, viewOfDisk, viewOfTree } from './folder-view.ts';
import { IMAGE_ENDING, type ImageListing, type ListedImage, partNamed } from './listing.ts';

/**
 * Lists the images of a folder of class folders. Hidden files and files that are not images are passed over.
 *
 * Errors: `DATA_FOLDER_MISSING`, `DATA_NOT_A_FOLDER`, `FOLDER_UNREADABLE`, `DATA_EMPTY`, `DATA_NO_CLASS_FOLDERS`,
 * `DATA_MIXED_LAYOUT`, `DATA_ONE_CLASS`, `DATA_CLASS_NOT_IN_TRAIN`.
 */
export async function readClassFolders(path: string): Promise<ImageListing> {
  const root = resolve(path);
  await requireFolder(root);
  return listClassFolders(viewOfDisk(root));
}

/**
 * The same of an archive, whose class folders may lie in a wrapping folder. Errors: those of `readClassFolders` but for
 * the first two.
 */
export function readArchivedClassFolders(tree: FileTree): Promise<ImageListing> {
  return listClassFolders(viewOfTree(withoutWrapper(tree)));
}

async function listClassFolders(view: FolderView): Promise<ImageListing> {
  const { root } = view;
  const parts = await findParts(view);
  const listed = parts
    ? await Promise.all(parts.map(({ part, folder }) => listClasses(view, [folder], part)))
    : [await listClasses(view, [], null)];
  const trainIndex = parts ? parts.findIndex(({ part }) => part === 'train') : 0;
  const { classes } = listed[trainIndex];
  if (classes.length === 1) throw oneClass(root, classes[0]);
  if (parts) requireKnownClasses(listed, parts, classes);
  const images = listed.flatMap((part) => part.images).sort((a, b) => (a.id < b.id ? -1 : 1));
  if (images.length === 0) throw emptyFolder(root);
  const officialParts = parts ? parts.map(({ part }) => part) : [];
  return { root, classes, images, officialParts, problems: [], read: view.read };
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
      'Give a folder that has one sub-folder per class, an archive of it (tar, tar.gz, zip), a table of images (csv, json) or a parquet file.',
    );
}

/**
 * The official parts, or null when the sub-folders of `root` are the classes themselves. A data set may well
 * have a class named "train" (beside "bus" and "plane"): what counts is that nothing but parts lies beside it.
 */
async function findParts(view: FolderView): Promise<{ part: SplitName; folder: string }[] | null> {
  const { folders } = await view.list([]);
  const parts = folders.flatMap((folder) => {
    const part = partNamed(folder);
    return part ? [{ part, folder }] : [];
  });
  const train = parts.find(({ part }) => part === 'train');
  if (!train) return null;
  const onlyParts = parts.length === folders.length;
  if (!onlyParts && (await view.list([train.folder])).folders.length === 0) return null;
  const repeated = new Set(parts.map(({ part }) => part)).size < parts.length;
  if (!onlyParts || repeated)
    throw new UserError(
      'DATA_MIXED_LAYOUT',
      `${view.root} holds ${list(folders)}, so it is unclear which folders are parts and which are classes.`,
      'Use either one folder per class, or train, validation and test (each at most once) and nothing else.',
    );
  return parts;
}

async function listClasses(view: FolderView, below: string[], part: SplitName | null) {
  const { folders: classes, files } = await view.list(below);
  if (classes.length === 0) throw noClassFolders(join(view.root, ...below), files);
  const images: ListedImage[] = [];
  const above = [await view.identity([]), await view.identity(below)];
  for (const className of classes)
    for (const id of await listImages(view, [...below, className], above))
      images.push({ id, className, part });
  return { classes, images };
}

/** Ids of the image files below a folder; links are followed, but never in a circle. */
async function listImages(view: FolderView, below: string[], above: string[]): Promise<string[]> {
  const identity = await view.identity(below);
  if (above.includes(identity)) return [];
  const { folders, files } = await view.list(below);
  const ids = files.filter((name) => IMAGE_ENDING.test(name)).map((name) => [...below, name].join('/'));
  for (const folder of folders)
    ids.push(...(await listImages(view, [...below, folder], [...above, identity])));
  return ids;
}

function noClassFolders(folder: string, files: readonly string[]): UserError {
  const images = files.filter((name) => IMAGE_ENDING.test(name));
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
