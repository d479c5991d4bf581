/** Describable Textures: lists of `class/image` for ten splits, of which studies use the first. */
import type { OfficialDataset } from './entry.ts';
import { folderOf, type ListEntry, labelling, locate, matchLists, readLines } from './lists.ts';

const form = 'dtd/ with images/CLASS/IMAGE.jpg and labels/train1.txt, labels/val1.txt and labels/test1.txt';
const title = 'DTD (split 1)';
const LISTS = {
  train: 'labels/train1.txt',
  validation: 'labels/val1.txt',
  test: 'labels/test1.txt',
} as const;

export const dtd: OfficialDataset = {
  name: 'dtd',
  title,
  reference: 'Cimpoi et al., Describing textures in the wild, 2014',
  task: 'single-label',
  metric: 'top1',
  classes: 47,
  images: { train: 1880, validation: 1880, test: 1880 },
  perClass: { train: { from: 40, to: 40 }, validation: { from: 40, to: 40 }, test: { from: 40, to: 40 } },
  md5: { 'dtd-r1.0.1.tar.gz': 'fff73e5086ae6bdbea199a49dfb8a4c1' },
  form,
  async read(tree) {
    const root = locate(tree, Object.values(LISTS), ['dtd'], { title, form });
    const lines = {
      train: await readLines(root, LISTS.train),
      validation: await readLines(root, LISTS.validation),
      test: await readLines(root, LISTS.test),
    };
    const classes = [...new Set(Object.values(lines).flat().map(folderOf))].sort();
    const labelOf = labelling(root, classes);
    const entries: ListEntry[] = [];
    for (const part of ['train', 'validation', 'test'] as const)
      for (const line of lines[part])
        entries.push({ path: `images/${line}`, label: labelOf(folderOf(line), LISTS[part]), part });
    return matchLists(root, classes, entries, 'images/');
  },
};
