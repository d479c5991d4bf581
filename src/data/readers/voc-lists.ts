/**
 * Reader of PASCAL VOC's image sets, for which classes an image shows:
 *
 *     ImageSets/Main/train.txt            000012
 *     ImageSets/Main/chair_train.txt      000012 -1
 *     JPEGImages/000012.jpg
 *     Annotations/000012.xml
 *
 * Where there is no train.txt, train is what trainval.txt has and val.txt has not.
 * In the lists of a class 1 is present, 0 difficult (every such object in the image is) and -1 absent. Where a folder
 * has no lists of classes, as people's own sets have none, the same is read off the annotations.
 * Reference: Everingham et al., "The PASCAL visual object classes challenge 2007 development kit", sections 3 and 4.
 */

import { invariant, UserError } from '../../util/errors.ts';
import { shown } from '../../util/refuse.ts';
import type { FileTree } from '../containers/file-tree.ts';
import { SPLITS, type SplitName } from '../contract.ts';
import { damagedList, readLines } from '../registry/lists.ts';
import { parseVocAnnotation } from './voc-xml.ts';

/** VOC's names of each part's list, of which the first that is there counts. */
const LISTS: Readonly<Record<SplitName, readonly string[]>> = {
  train: ['train', 'trainval'],
  validation: ['val'],
  test: ['test'],
};

interface VocImage {
  /** File name without its ending. */
  readonly id: string;
  readonly part: SplitName;
  /** For every class 1, 0 or -1 (difficult). */
  readonly labels: readonly number[];
}

export interface VocImageSets {
  /** Sorted by name. */
  readonly classes: readonly string[];
  /** Part by part, in the order of the lists. */
  readonly images: readonly VocImage[];
}

/**
 * @param tree the folder that holds ImageSets, for example VOC2007
 * @param ofClasses where the classes come from; default: from lists where there are any, else from annotations
 * @throws UserError VOC_NO_LISTS, OFFICIAL_LIST for a damaged list, and those of `parseVocAnnotation`
 */
export async function readVocImageSets(
  tree: FileTree,
  ofClasses: 'lists' | 'annotations' = hasClassLists(tree) ? 'lists' : 'annotations',
): Promise<VocImageSets> {
  const parts = vocPartsOf(tree);
  return ofClasses === 'lists' ? fromLists(tree, parts) : fromAnnotations(tree, parts);
}

const listPath = (name: string) => `ImageSets/Main/${name}.txt`;

/** The name of a part's list; undefined where it has none. */
const listOf = (tree: FileTree, part: SplitName): string | undefined =>
  LISTS[part].find((name) => tree.has(listPath(name)));

/** The classes that have a list of the training part. */
function listedClasses(tree: FileTree): string[] {
  const [start, end] = ['ImageSets/Main/', `_${listOf(tree, 'train')}.txt`];
  const paths = tree.paths.filter((path) => path.startsWith(start) && path.endsWith(end));
  return paths.map((path) => path.slice(start.length, -end.length)).sort();
}

const hasClassLists = (tree: FileTree): boolean => listedClasses(tree).length > 0;

/** The parts that have a list of images. Error: `VOC_NO_LISTS`. */
export function vocPartsOf(tree: FileTree): SplitName[] {
  const parts = SPLITS.filter((part) => listOf(tree, part) !== undefined);
  if (parts.length > 0) return parts;
  throw new UserError(
    'VOC_NO_LISTS',
    `${tree.root} has none of ImageSets/Main/train.txt, trainval.txt, val.txt and test.txt.`,
    'Give the folder of PASCAL VOC that holds ImageSets, JPEGImages and Annotations, for example VOCdevkit/VOC2007.',
  );
}

/** The ids of a part's images; a second column, as some tools write it, is not read. */
export async function readVocPart(tree: FileTree, part: SplitName): Promise<string[]> {
  const name = listOf(tree, part);
  invariant(name, `the part ${part} has no list`);
  const ids = await readIds(tree, name);
  if (name !== 'trainval' || !tree.has(listPath('val'))) return ids;
  const validation = new Set(await readIds(tree, 'val'));
  return ids.filter((id) => !validation.has(id));
}

async function readIds(tree: FileTree, name: string): Promise<string[]> {
  const path = listPath(name);
  const lines = await readLines(tree, path);
  return lines.map((line) => safeId(tree, path, line.replace(/\s+-?[01]$/, '')));
}

async function fromLists(tree: FileTree, parts: readonly SplitName[]): Promise<VocImageSets> {
  const classes = listedClasses(tree);
  const images: VocImage[] = [];
  for (const part of parts) {
    const ids = await readVocPart(tree, part);
    const columns = await Promise.all(
      classes.map((name) => classColumn(tree, listPath(`${name}_${listOf(tree, part)}`), ids)),
    );
    images.push(...ids.map((id, row) => ({ id, part, labels: columns.map((column) => column[row]) })));
  }
  return { classes, images };
}

const OF_LIST: Readonly<Record<string, number>> = { '1': 1, '-1': 0, '0': -1 };

/** A class's labels of the images of a part. */
async function classColumn(tree: FileTree, path: string, ids: readonly string[]): Promise<number[]> {
  const labels = new Map<string, number>();
  for (const line of await readLines(tree, path)) {
    const [, id, label] = /^(.+?)\s+(-?[01])$/.exec(line) ?? [];
    if (!id || !(label in OF_LIST))
      throw damagedList(tree, path, `${shown(line)} is no image with 1, 0 or -1`);
    labels.set(id, OF_LIST[label]);
  }
  return ids.map((id) => {
    const label = labels.get(id);
    if (label === undefined)
      throw damagedList(tree, path, `it lacks the image ${shown(id)} of the part's list`);
    return label;
  });
}

/** Present where an object of the class is not difficult, difficult where all of them are. */
async function fromAnnotations(tree: FileTree, parts: readonly SplitName[]): Promise<VocImageSets> {
  const found: { id: string; part: SplitName; present: Set<string>; difficult: Set<string> }[] = [];
  for (const part of parts) {
    for (const id of await readVocPart(tree, part)) {
      const path = `Annotations/${id}.xml`;
      const { objects } = parseVocAnnotation(await tree.read(path), `${tree.root}/${path}`);
      const names = (difficult: boolean) =>
        new Set(objects.filter((object) => object.difficult === difficult).map(({ name }) => name));
      found.push({ id, part, present: names(false), difficult: names(true) });
    }
  }
  const all = found.flatMap(({ present, difficult }) => [...present, ...difficult]);
  const classes = [...new Set(all)].sort();
  const labelOf = (name: string, { present, difficult }: (typeof found)[number]) =>
    present.has(name) ? 1 : difficult.has(name) ? -1 : 0;
  const images = found.map((image) => ({
    id: image.id,
    part: image.part,
    labels: classes.map((name) => labelOf(name, image)),
  }));
  return { classes, images };
}

/** An id becomes part of paths, so it may not lead out of the folder. */
function safeId(tree: FileTree, path: string, id: string): string {
  if (id.includes('/') || id.includes('\\') || id.startsWith('.') || id.includes('\0'))
    throw damagedList(tree, path, `${shown(id)} is no file name`);
  return id;
}

/** The first class that is present, or where none is the first difficult one, or 0. */
export function firstClass(labels: readonly number[]): number {
  const present = labels.indexOf(1);
  return present >= 0 ? present : Math.max(0, labels.indexOf(-1));
}
