/** SUN397: lists of `/a/abbey/image` for ten splits, of which studies use the first; classes are folders in folders. */
import { type FileTree, subtree } from '../containers/file-tree.ts';
import { officialDataset } from './entry.ts';
import { folderOf, listedImages, locate, matchLists, readLines } from './lists.ts';

const CLASSES = 'ClassName.txt';
const LISTS = { train: 'Training_01.txt', test: 'Testing_01.txt' } as const;

export const sun397 = officialDataset({
  name: 'sun397',
  title: 'SUN397 (split 1)',
  reference: 'Xiao et al., SUN database, 2010',
  classes: 397,
  images: { train: 19_850, test: 19_850 },
  perClass: { train: 50, test: 50 },
  md5: { 'SUN397.tar.gz': '8ca2778205c41d23104230ba66911c7a' },
  form: 'SUN397/LETTER/CLASS/IMAGE.jpg, and ClassName.txt, Training_01.txt and Testing_01.txt of Partitions.zip',
  async read(tree, _, titled) {
    const places = ['Partitions', 'SUN397', 'SUN397/Partitions'];
    const lists = locate(tree, [CLASSES, ...Object.values(LISTS)], places, titled);
    const folders = await readLines(lists, CLASSES);
    const entries = await listedImages(lists, folders, LISTS, (line) => ({
      path: line.replace(/^\//, ''),
      className: folderOf(line),
    }));
    // "/a/abbey" becomes "abbey"; "/o/oast_house" and "/b/bow_window/indoor" keep what tells them apart.
    const classes = folders.map((folder) => folder.replace(/^\/[^/]+\//, ''));
    // The splits use 100 images of each class, of 108,754 in all.
    return matchLists(imagesOf(tree, folders[0] ?? ''), classes, entries, null);
  },
});

/** The tree in which the folder of the first class lies. */
function imagesOf(tree: FileTree, folder: string): FileTree {
  const first = tree.paths.find((path) => `/${path}`.includes(`${folder}/`));
  const above = first === undefined ? 0 : `/${first}`.indexOf(`${folder}/`);
  return first === undefined || above === 0 ? tree : subtree(tree, first.slice(0, above - 1));
}
