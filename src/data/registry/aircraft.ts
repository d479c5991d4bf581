/** FGVC Aircraft by variant: lists of `image variant` for train, val and test. */
import { shown } from '../../util/refuse.ts';
import type { OfficialDataset } from './entry.ts';
import { damagedList, type ListEntry, labelling, locate, matchLists, readLines } from './lists.ts';

const form =
  'fgvc-aircraft-2013b/data/ with images/NUMBER.jpg, variants.txt and images_variant_train.txt, _val and _test';
const title = 'FGVC Aircraft (variant)';
const LISTS = {
  train: 'images_variant_train.txt',
  validation: 'images_variant_val.txt',
  test: 'images_variant_test.txt',
} as const;

export const aircraft: OfficialDataset = {
  name: 'aircraft',
  title,
  reference: 'Maji et al., Fine-grained visual classification of aircraft, 2013',
  task: 'single-label',
  metric: 'meanPerClass',
  classes: 100,
  images: { train: 3334, validation: 3333, test: 3333 },
  md5: { 'fgvc-aircraft-2013b.tar.gz': 'd4acdd33327262359767eeaa97a4f732' },
  form,
  async read(tree) {
    const folders = ['data', 'fgvc-aircraft-2013b/data'];
    const root = locate(tree, ['variants.txt', ...Object.values(LISTS)], folders, { title, form });
    const classes = await readLines(root, 'variants.txt');
    const labelOf = labelling(root, classes);
    const entries: ListEntry[] = [];
    for (const part of ['train', 'validation', 'test'] as const)
      for (const line of await readLines(root, LISTS[part])) {
        // Names of variants have spaces.
        const [, image, variant] = /^(\S+) (.+)$/.exec(line) ?? [];
        if (!image) throw damagedList(root, LISTS[part], `${shown(line)} is no image and variant`);
        entries.push({ path: `images/${image}.jpg`, label: labelOf(variant, LISTS[part]), part });
      }
    return matchLists(root, classes, entries, 'images/');
  },
};
