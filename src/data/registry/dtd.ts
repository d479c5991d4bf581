/** Describable Textures: lists of `class/image` for ten splits, of which studies use the first. */
import { officialDataset } from './entry.ts';
import { folderOf, listedImages, locate, matchLists, readLines } from './lists.ts';

const LISTS = {
  train: 'labels/train1.txt',
  validation: 'labels/val1.txt',
  test: 'labels/test1.txt',
} as const;

export const dtd = officialDataset({
  name: 'dtd',
  title: 'DTD (split 1)',
  reference: 'Cimpoi et al., Describing textures in the wild, 2014',
  classes: 47,
  images: { train: 1880, validation: 1880, test: 1880 },
  perClass: { train: 40, validation: 40, test: 40 },
  md5: { 'dtd-r1.0.1.tar.gz': 'fff73e5086ae6bdbea199a49dfb8a4c1' },
  form: 'dtd/ with images/CLASS/IMAGE.jpg and labels/train1.txt, labels/val1.txt and labels/test1.txt',
  async read(tree, _, titled) {
    const root = locate(tree, Object.values(LISTS), ['dtd'], titled);
    const lines: string[] = [];
    for (const list of Object.values(LISTS)) lines.push(...(await readLines(root, list)));
    const classes = [...new Set(lines.map(folderOf))].sort();
    const entries = await listedImages(root, classes, LISTS, (line) => ({
      path: `images/${line}`,
      className: folderOf(line),
    }));
    return matchLists(root, classes, entries, 'images/');
  },
});
