/**
 * Reader of Tiny ImageNet as it is distributed:
 *
 *     wnids.txt                                    the 200 classes
 *     train/n01443537/images/n01443537_0.JPEG
 *     val/images/val_0.JPEG, val/val_annotations.txt    name, class and a box in each line, with tabs
 *     test/images/test_0.JPEG                      without labels, hence not read
 *
 * What it calls validation has the only published labels beside train, so that results are reported on it: it is
 * the test part here.
 */
import { UserError } from '../../util/errors.ts';
import { type FileTree, withoutWrapper } from '../containers/file-tree.ts';
import { IMAGE_ENDING, type ImageListing, type ListedImage } from './listing.ts';

const CLASSES = 'wnids.txt';
const ANNOTATIONS = 'val/val_annotations.txt';

export const isTinyImagenet = (tree: FileTree): boolean => {
  const inner = withoutWrapper(tree);
  return inner.has(CLASSES) && inner.has(ANNOTATIONS);
};

/** Errors: `DATA_EMPTY`, `TINY_IMAGENET_LIST` for lists that do not agree with the files. */
export async function readTinyImagenet(tree: FileTree): Promise<ImageListing> {
  const inner = withoutWrapper(tree);
  if (!isTinyImagenet(tree))
    throw new UserError(
      'DATA_EMPTY',
      `${tree.root} does not hold Tiny ImageNet.`,
      `Expected ${CLASSES}, train/CLASS/images, val/images and ${ANNOTATIONS}.`,
    );
  const classes = (await linesOf(inner, CLASSES)).sort();
  const known = new Set(classes);
  const requireKnown = (className: string, where: string) => {
    if (known.has(className)) return className;
    throw damaged(inner, `${where} has the class ${JSON.stringify(className)}, which ${CLASSES} lacks`);
  };
  const train = inner.paths.flatMap((id): ListedImage[] => {
    const [, folder] = /^train\/([^/]+)\/images\/[^/]+$/.exec(id) ?? [];
    if (folder === undefined || !IMAGE_ENDING.test(id)) return [];
    return [{ id, className: requireKnown(folder, 'train'), part: 'train' }];
  });
  const test = (await linesOf(inner, ANNOTATIONS)).map((line): ListedImage => {
    const [name, className = ''] = line.split('\t');
    const id = `val/images/${name}`;
    if (!inner.has(id))
      throw damaged(inner, `${ANNOTATIONS} names ${JSON.stringify(name)}, which is not there`);
    return { id, className: requireKnown(className, ANNOTATIONS), part: 'test' };
  });
  return {
    root: inner.root,
    classes,
    images: [...train, ...test],
    officialParts: ['train', 'test'],
    problems: [],
    read: (id) => inner.read(id),
  };
}

async function linesOf(tree: FileTree, path: string): Promise<string[]> {
  const text = new TextDecoder().decode(await tree.read(path));
  return text.split('\n').flatMap((line) => line.trim() || []);
}

function damaged(tree: FileTree, found: string): UserError {
  return new UserError('TINY_IMAGENET_LIST', `In ${tree.root}, ${found}.`, 'Download the data set again.');
}
