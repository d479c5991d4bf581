/**
 * Reader of ImageNet (ILSVRC 2012) as it is distributed, from its archives or unpacked:
 *
 *     ILSVRC2012_img_train.tar        a tar of one tar per class    or  n01440764/n01440764_18.JPEG
 *     ILSVRC2012_img_val.tar          images without folders        or  ILSVRC2012_val_00000001.JPEG
 *     ILSVRC2012_devkit_t12.tar.gz    labels of the validation images: numbers of classes in the order of the images,
 *                                     and meta.mat, which says what they mean
 *
 * Training images may lie below `train`, validation images below `val`. The official test part has no labels, so that
 * results are reported on validation: it is the test part here. With class folders in val as well, which is how
 * PyTorch's scripts leave it, it is a folder of class folders like any other (`class-folders.ts`).
 */
import { basename } from 'node:path';
import { UserError } from '../../util/errors.ts';
import type { FileTree } from '../containers/file-tree.ts';
import { numbersOf, readMat, structsOf, textsOf } from '../containers/mat.ts';
import type { ImageListing, ListedImage } from './listing.ts';

const TRAIN_IMAGE = /(?:^|\/)(n\d{8})\/[^/]+\.jpe?g$/i;
const VALIDATION_IMAGE = /(?:^|\/)ILSVRC2012_val_(\d{8})\.jpe?g$/i;
const TRUTH = /(?:^|\/)ILSVRC2012_validation_ground_truth\.txt$/;
const META = /(?:^|\/)meta\.mat$/;

/** Whether a tree holds validation images and the development kit that says what they show. */
export const isImagenet = (tree: FileTree): boolean =>
  [VALIDATION_IMAGE, TRUTH, META].every((pattern) => tree.paths.some((path) => pattern.test(path)));

/**
 * @param tree the folder with its archives mounted (`openFileTree` with `mountArchives`), or unpacked
 *
 * Errors: `DATA_EMPTY`, `IMAGENET_LIST` for lists that do not agree with the files, `MAT_...`.
 */
export async function readImagenet(tree: FileTree): Promise<ImageListing> {
  const truthPath = tree.paths.find((path) => TRUTH.test(path));
  const metaPath = tree.paths.find((path) => META.test(path));
  if (!truthPath || !metaPath)
    throw new UserError(
      'DATA_EMPTY',
      `${tree.root} holds no development kit of ILSVRC 2012.`,
      'Expected ILSVRC2012_devkit_t12.tar.gz beside ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar.',
    );
  const wnids = await classNumbers(tree, metaPath);
  const truth = new TextDecoder().decode(await tree.read(truthPath)).split('\n');
  const classes = [...wnids.values()].sort();
  const known = new Set(classes);
  const images = tree.paths.flatMap((id): ListedImage[] => {
    const [, number] = VALIDATION_IMAGE.exec(id) ?? [];
    if (number !== undefined) return [{ id, className: shownIn(tree, number, truth, wnids), part: 'test' }];
    const [, className] = TRAIN_IMAGE.exec(id) ?? [];
    if (className === undefined) return [];
    if (!known.has(className))
      throw damaged(tree, `${basename(metaPath)} lacks the class ${className} of ${id}`);
    return [{ id, className, part: 'train' }];
  });
  const parts = (['train', 'test'] as const).filter((part) => images.some((image) => image.part === part));
  return {
    root: tree.root,
    classes,
    images,
    officialParts: parts,
    problems: [],
    read: (id) => tree.read(id),
  };
}

/** From the numbers of classes to their WordNet ids. Synsets above the classes have children. */
async function classNumbers(tree: FileTree, path: string): Promise<Map<number, string>> {
  const synsets = structsOf(readMat(await tree.read(path), path).get('synsets'), 'synsets', path);
  const numbers = new Map<number, string>();
  for (const synset of synsets) {
    const [number] = numbersOf(synset.get('ILSVRC2012_ID'), 'ILSVRC2012_ID', path);
    const [children] = numbersOf(synset.get('num_children'), 'num_children', path);
    const [wnid] = textsOf(synset.get('WNID'), 'WNID', path);
    if (children === 0) numbers.set(number, wnid);
  }
  return numbers;
}

/** The class of validation image `number`, which counts from 1. */
function shownIn(
  tree: FileTree,
  number: string,
  truth: readonly string[],
  wnids: ReadonlyMap<number, string>,
): string {
  const label = truth[Number(number) - 1]?.trim();
  const wnid = label ? wnids.get(Number(label)) : undefined;
  if (wnid === undefined) throw damaged(tree, `no class is given for validation image ${number}`);
  return wnid;
}

function damaged(tree: FileTree, found: string): UserError {
  return new UserError('IMAGENET_LIST', `In ${tree.root}, ${found}.`, 'Download the development kit again.');
}
