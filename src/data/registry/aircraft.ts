/** FGVC Aircraft by variant: lists of `image variant` for train, val and test. */
import { shown } from '../../util/refuse.ts';
import { officialDataset } from './entry.ts';
import { damagedList, listedImages, locate, matchLists, readLines } from './lists.ts';

const LISTS = {
  train: 'images_variant_train.txt',
  validation: 'images_variant_val.txt',
  test: 'images_variant_test.txt',
} as const;

export const aircraft = officialDataset({
  name: 'aircraft',
  title: 'FGVC Aircraft (variant)',
  reference: 'Maji et al., Fine-grained visual classification of aircraft, 2013',
  metric: 'meanPerClass',
  classes: 100,
  images: { train: 3334, validation: 3333, test: 3333 },
  md5: { 'fgvc-aircraft-2013b.tar.gz': 'd4acdd33327262359767eeaa97a4f732' },
  form: 'fgvc-aircraft-2013b/data/ with images/NUMBER.jpg, variants.txt and images_variant_train.txt, _val and _test',
  async read(tree, _, titled) {
    const folders = ['data', 'fgvc-aircraft-2013b/data'];
    const root = locate(tree, ['variants.txt', ...Object.values(LISTS)], folders, titled);
    const classes = await readLines(root, 'variants.txt');
    const entries = await listedImages(root, classes, LISTS, (line, list) => {
      // Names of variants have spaces.
      const [, image, className] = /^(\S+) (.+)$/.exec(line) ?? [];
      if (!image) throw damagedList(root, list, `${shown(line)} is no image and variant`);
      return { path: `images/${image}.jpg`, className };
    });
    return matchLists(root, classes, entries, 'images/');
  },
});
