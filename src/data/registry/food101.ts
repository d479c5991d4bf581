/** Food-101: lists of `class/number` in `meta`, images in `images`. */
import { officialDataset } from './entry.ts';
import { folderOf, listedImages, locate, matchLists, readLines } from './lists.ts';

const CLASSES = 'meta/classes.txt';
const LISTS = { train: 'meta/train.txt', test: 'meta/test.txt' } as const;

export const food101 = officialDataset({
  name: 'food101',
  title: 'Food-101',
  reference: 'Bossard, Guillaumin and Van Gool, Food-101, 2014',
  classes: 101,
  images: { train: 75_750, test: 25_250 },
  perClass: { train: 750, test: 250 },
  md5: { 'food-101.tar.gz': '85eeb15f3717b99a5da872d97d918f87' },
  form: 'food-101/ with images/CLASS/NUMBER.jpg and meta/classes.txt, meta/train.txt and meta/test.txt',
  async read(tree, _, titled) {
    const root = locate(tree, [CLASSES, ...Object.values(LISTS)], ['food-101'], titled);
    const classes = await readLines(root, CLASSES);
    const entries = await listedImages(root, classes, LISTS, (line) => ({
      path: `images/${line}.jpg`,
      className: folderOf(line),
    }));
    return matchLists(root, classes, entries, 'images/');
  },
});
