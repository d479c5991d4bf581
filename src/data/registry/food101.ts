/** Food-101: lists of `class/number` in `meta`, images in `images`. */
import type { OfficialDataset } from './entry.ts';
import { folderOf, type ListEntry, labelling, locate, matchLists, readLines } from './lists.ts';

const form = 'food-101/ with images/CLASS/NUMBER.jpg and meta/classes.txt, meta/train.txt and meta/test.txt';
const title = 'Food-101';

export const food101: OfficialDataset = {
  name: 'food101',
  title,
  reference: 'Bossard, Guillaumin and Van Gool, Food-101, 2014',
  task: 'single-label',
  metric: 'top1',
  classes: 101,
  images: { train: 75_750, validation: 'held out', test: 25_250 },
  perClass: { train: { from: 750, to: 750 }, test: { from: 250, to: 250 } },
  md5: { 'food-101.tar.gz': '85eeb15f3717b99a5da872d97d918f87' },
  form,
  async read(tree) {
    const lists = ['meta/classes.txt', 'meta/train.txt', 'meta/test.txt'];
    const root = locate(tree, lists, ['food-101'], { title, form });
    const classes = await readLines(root, 'meta/classes.txt');
    const labelOf = labelling(root, classes);
    const entries: ListEntry[] = [];
    for (const part of ['train', 'test'] as const)
      for (const line of await readLines(root, `meta/${part}.txt`))
        entries.push({
          path: `images/${line}.jpg`,
          label: labelOf(folderOf(line), `meta/${part}.txt`),
          part,
        });
    return matchLists(root, classes, entries, 'images/');
  },
};
