/** SUN397: lists of `/a/abbey/image` for ten splits, of which studies use the first; classes are folders in folders. */
import type { FileTree } from '../containers/file-tree.ts';
import { subtree } from '../containers/file-tree.ts';
import type { OfficialDataset } from './entry.ts';
import { folderOf, type ListEntry, labelling, locate, matchLists, readLines } from './lists.ts';

const form =
  'SUN397/LETTER/CLASS/IMAGE.jpg, and ClassName.txt, Training_01.txt and Testing_01.txt of Partitions.zip';
const title = 'SUN397 (split 1)';
const LISTS = { train: 'Training_01.txt', test: 'Testing_01.txt' } as const;

export const sun397: OfficialDataset = {
  name: 'sun397',
  title,
  reference: 'Xiao et al., SUN database, 2010',
  task: 'single-label',
  metric: 'top1',
  classes: 397,
  images: { train: 19_850, validation: 'held out', test: 19_850 },
  perClass: { train: { from: 50, to: 50 }, test: { from: 50, to: 50 } },
  md5: { 'SUN397.tar.gz': '8ca2778205c41d23104230ba66911c7a' },
  form,
  async read(tree) {
    const markers = ['ClassName.txt', ...Object.values(LISTS)];
    const lists = locate(tree, markers, ['Partitions', 'SUN397', 'SUN397/Partitions'], { title, form });
    const folders = await readLines(lists, 'ClassName.txt');
    const labelOf = labelling(lists, folders);
    const entries: ListEntry[] = [];
    for (const part of ['train', 'test'] as const)
      for (const line of await readLines(lists, LISTS[part]))
        entries.push({ path: line.replace(/^\//, ''), label: labelOf(folderOf(line), LISTS[part]), part });
    // "/a/abbey" becomes "abbey"; "/o/oast_house" and "/b/bow_window/indoor" keep what tells them apart.
    const classes = folders.map((folder) => folder.replace(/^\/[^/]+\//, ''));
    // The splits use 100 images of each class, of 108,754 in all.
    return matchLists(imagesOf(tree, folders[0] ?? ''), classes, entries, null);
  },
};

/** The tree in which the folder of the first class lies. */
function imagesOf(tree: FileTree, folder: string): FileTree {
  const first = tree.paths.find((path) => `/${path}`.includes(`${folder}/`));
  const above = first === undefined ? 0 : `/${first}`.indexOf(`${folder}/`);
  return first === undefined || above === 0 ? tree : subtree(tree, first.slice(0, above - 1));
}
