/** Lists of images as data sets publish them: lines of text, matched with the files that are there. */
import { UserError } from '../../util/errors.ts';
import { shown } from '../../util/refuse.ts';
import { type FileTree, subtree, withoutWrapper } from '../containers/file-tree.ts';
import type { SplitName } from '../contract.ts';
import { IMAGE_ENDING, type ImageListing } from '../readers/listing.ts';
import type { OfficialImage, OfficialListing, Titled } from './entry.ts';

/** The longest published list, of ImageNet's training images, has 40 MB. */
const LARGEST_LIST = 2 ** 27;

/**
 * The lines of a text file without empty ones and spaces at their ends.
 * @throws UserError OFFICIAL_LIST when it is too large or no UTF-8
 */
export async function readLines(tree: FileTree, path: string): Promise<string[]> {
  const { size } = await tree.open(path);
  if (size > LARGEST_LIST) throw damagedList(tree, path, `it has ${size} bytes`);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await tree.read(path));
    return text.split('\n').flatMap((line) => line.trim() || []);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw damagedList(tree, path, 'it is no text in UTF-8');
  }
}

export function damagedList(tree: FileTree, path: string, found: string): UserError {
  return new UserError(
    'OFFICIAL_LIST',
    `The list ${path} of ${tree.root} cannot be read: ${found}.`,
    'Take the file as the authors distribute it.',
  );
}

/**
 * The tree in which `markers` lie: the folder itself, a folder of that name in it, or what a single wrapping folder holds.
 * @throws UserError OFFICIAL_FORM
 */
export function locate(
  tree: FileTree,
  markers: readonly string[],
  folders: readonly string[],
  titled: Titled,
): FileTree {
  const whole = withoutWrapper(tree);
  const candidates = [tree, ...folders.map((folder) => subtree(tree, folder)), whole];
  const found = candidates.find(({ has }) => markers.every((marker) => has(marker)));
  if (found) return found;
  throw formError(
    tree,
    markers.filter((marker) => !whole.has(marker)),
    titled,
  );
}

/** `locate` for a set with several forms: one of the markers is enough. Error: `OFFICIAL_FORM`. */
export function locateAny(
  tree: FileTree,
  markers: readonly string[],
  folders: readonly string[],
  titled: Titled,
): FileTree {
  const candidates = [tree, ...folders.map((folder) => subtree(tree, folder)), withoutWrapper(tree)];
  const found = candidates.find(({ has }) => markers.some((marker) => has(marker)));
  if (found) return found;
  throw formError(tree, markers, titled);
}

/** @param lacking paths that were looked for */
export function formError(tree: FileTree, lacking: readonly string[], { title, form }: Titled): UserError {
  return new UserError(
    'OFFICIAL_FORM',
    `${tree.root} does not hold ${title} in its official form: there is no ${lacking.slice(0, 3).join(', ')}.`,
    `Give a folder that holds ${form}.`,
  );
}

/** An entry of a list: the path of a file, and what it shows. */
export interface ListEntry {
  readonly path: string;
  readonly label: number;
  readonly labels?: readonly number[];
  readonly part: SplitName;
  readonly md5?: string;
}

/** The part that is used last keeps an image that several lists name. */
const RANK: Readonly<Record<SplitName, number>> = { train: 0, validation: 1, test: 2 };

/**
 * Matches the entries of lists with the files of a tree.
 * @param folder where the images lie, with `/` at its end; every image file in it should be in a list. null where
 *   unlisted images are part of the data set
 */
export function matchLists(
  tree: FileTree,
  classes: readonly string[],
  entries: readonly ListEntry[],
  folder: string | null,
): OfficialListing {
  const kept = new Map<string, OfficialImage>();
  const missing = new Set<string>();
  const repeated = new Set<string>();
  const shared = new Set<string>();
  for (const { path, ...image } of entries) {
    const before = kept.get(path);
    if (!tree.has(path)) missing.add(path);
    else if (!before) kept.set(path, { id: path, ...image });
    else if (before.part === image.part) repeated.add(path);
    else {
      shared.add(path);
      if (RANK[image.part] > RANK[before.part]) kept.set(path, { id: path, ...image });
    }
  }
  const isUnlisted = (path: string) =>
    folder !== null && path.startsWith(folder) && IMAGE_ENDING.test(path) && !kept.has(path);
  return {
    classes,
    images: [...kept.values()],
    missing: [...missing],
    unlisted: folder === null ? null : tree.paths.filter(isUnlisted),
    repeated: [...repeated],
    shared: [...shared],
    content: ({ id }) => tree.read(id),
  };
}

/** What a reader of a general form found: nothing can be missing, since there are no lists beside the images. */
export function fromReader({ classes, images, read }: ImageListing): OfficialListing {
  const labels = new Map(classes.map((name, label) => [name, label]));
  return {
    classes,
    images: images.map(({ id, className, part }) => ({
      id,
      label: labels.get(className)!,
      part: part ?? 'train',
    })),
    missing: [],
    unlisted: null,
    repeated: [],
    shared: [],
    content: ({ id }) => read(id),
  };
}

/** From the names of classes to their positions. Error of what it returns: `OFFICIAL_LIST` for a class that is not there. */
function labelling(tree: FileTree, classes: readonly string[]): (name: string, list: string) => number {
  const labels = new Map(classes.map((name, label) => [name, label]));
  return (name, list) => {
    const label = labels.get(name);
    if (label === undefined)
      throw damagedList(tree, list, `it names the class ${shown(name)}, which the list of classes lacks`);
    return label;
  };
}

/**
 * The entries of one list per part.
 * @param read a line's image and class; `list` is for errors
 * @throws UserError OFFICIAL_LIST, also for a class that is none of `classes`
 */
export async function listedImages(
  tree: FileTree,
  classes: readonly string[],
  lists: Partial<Readonly<Record<SplitName, string>>>,
  read: (line: string, list: string) => { readonly path: string; readonly className: string },
): Promise<ListEntry[]> {
  const labelOf = labelling(tree, classes);
  const entries: ListEntry[] = [];
  for (const [part, list] of Object.entries(lists) as [SplitName, string][])
    for (const line of await readLines(tree, list)) {
      const { path, className } = read(line, list);
      entries.push({ path, label: labelOf(className, list), part });
    }
  return entries;
}

/** The text before the last `/`, which in most lists is the class. */
export const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));
