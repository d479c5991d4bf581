/**
 * Caltech-101: class folders without official parts. The protocol of its literature draws 30 images per class for
 * training, without replacement, and tests on the rest; a split that someone gives, as lists or folders, is taken as it
 * is and checked.
 */
import { Random } from '../../tensor/random.ts';
import type { FileTree } from '../containers/file-tree.ts';
import { IMAGE_ENDING } from '../readers/listing.ts';
import { type OfficialListing, officialDataset } from './entry.ts';
import { folderOf, formError, type ListEntry, listedImages, matchLists } from './lists.ts';

const PER_CLASS = 30;
const FOLDERS = [
  '',
  '101_ObjectCategories/',
  'caltech-101/101_ObjectCategories/',
  'caltech101/101_ObjectCategories/',
];
const LISTS = { train: 'train.txt', test: 'test.txt' } as const;

export const caltech101 = officialDataset({
  name: 'caltech101',
  title: 'Caltech-101',
  reference: 'Fei-Fei, Fergus and Perona, Caltech-101, 2004',
  metric: 'meanPerClass',
  // With the class of background images.
  classes: 102,
  images: { train: 3060, test: 6084 },
  perClass: { train: PER_CLASS },
  md5: { '101_ObjectCategories.tar.gz': 'b224c7392d521a49829488ab0f1120d9' },
  form: '101_ObjectCategories/CLASS/IMAGE.jpg, with or without train.txt and test.txt of lines CLASS/IMAGE.jpg beside it; or train/CLASS/ and test/CLASS/',
  async read(tree, seed, titled) {
    const given = tree.paths.filter((path) => /^(train|test)\/[^/]+\/[^/]+$/.test(path));
    if (given.length > 0) return fromParts(tree, given);
    const images = FOLDERS.find((above) => tree.paths.some((path) => isNumbered(path, above)));
    if (images === undefined) throw formError(tree, [`${FOLDERS[1]}CLASS/image_0001.jpg`], titled);
    return fromClassFolders(tree, images, seed);
  },
});

/** Images of each class are numbered: `CLASS/image_0001.jpg`. */
function isNumbered(path: string, above: string): boolean {
  return path.startsWith(above) && /^[^/]+\/image_\d+\.jpg$/i.test(path.slice(above.length));
}

async function fromClassFolders(tree: FileTree, above: string, seed: number): Promise<OfficialListing> {
  const paths = tree.paths.filter((path) => path.startsWith(above) && IMAGE_ENDING.test(path));
  const inClass = paths.filter((path) => path.slice(above.length).includes('/'));
  const classOf = (path: string) => folderOf(path.slice(above.length));
  const classes = [...new Set(inClass.map(classOf))].sort();
  const listed = Object.values(LISTS).every((list) => tree.has(list));
  const entries = listed
    ? await listedImages(tree, classes, LISTS, (line) => {
        const inside = line.split(' ')[0];
        return { path: above + inside, className: folderOf(inside) };
      })
    : drawnParts(inClass, classOf, classes, seed);
  return matchLists(tree, classes, entries, above);
}

/** 30 of each class without replacement; of a class that small, all but one. */
function drawnParts(
  paths: readonly string[],
  classOf: (path: string) => string,
  classes: readonly string[],
  seed: number,
): ListEntry[] {
  return classes.flatMap((name, label) => {
    const own = paths.filter((path) => classOf(path) === name);
    const shuffled = new Random(seed, 'caltech101', name).shuffle(own);
    const train = Math.min(PER_CLASS, own.length - 1);
    return shuffled.map((path, i): ListEntry => ({ path, label, part: i < train ? 'train' : 'test' }));
  });
}

function fromParts(tree: FileTree, paths: readonly string[]): OfficialListing {
  const images = paths.filter((path) => IMAGE_ENDING.test(path));
  const classOf = (path: string) => folderOf(path).split('/').slice(1).join('/');
  const classes = [...new Set(images.map(classOf))].sort();
  const entries = images.map(
    (path): ListEntry => ({
      path,
      label: classes.indexOf(classOf(path)),
      part: path.startsWith('train/') ? 'train' : 'test',
    }),
  );
  return matchLists(tree, classes, entries, null);
}
