/** PASCAL VOC's image sets: labels of the official lists, the same from annotations, and lists that are damaged. */
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openFileTree } from '../../src/data/containers/file-tree.ts';
import { readVocImageSets } from '../../src/data/readers/voc-lists.ts';
import { describeShared, sharedPath } from '../shared.ts';
import { temporaryFolder } from './pictures.ts';
import { markOf, VOC_CLASSES, vocCopy } from './voc-copy.ts';

const treeOf = async (path: string) => openFileTree(path, { cacheFolder: await temporaryFolder() });

test('official lists and annotations say what the pictures show: 1 present, 0 absent, -1 difficult', async () => {
  const { folder, pictures } = await vocCopy(10);
  const tree = await treeOf(join(folder, 'VOCdevkit/VOC2007'));
  const ofMark: Record<string, number> = { '1': 1, '-1': 0, '0': -1 };
  const partOf = { train: 'train', val: 'validation', test: 'test' } as const;
  const expected = pictures.map((picture) => ({
    id: picture.id,
    part: partOf[picture.part],
    labels: VOC_CLASSES.map((_, label) => ofMark[markOf(picture, label)]),
  }));
  expect(expected.some(({ labels }) => labels.includes(-1))).toBe(true);
  for (const source of ['lists', 'annotations'] as const)
    expect(await readVocImageSets(tree, source)).toEqual({ classes: [...VOC_CLASSES], images: expected });
});

test('without train.txt, train is trainval without val, by lists and by annotations', async () => {
  const { folder } = await vocCopy(10);
  const root = join(folder, 'VOCdevkit/VOC2007');
  const withTrain = await readVocImageSets(await treeOf(root));
  const lists = join(root, 'ImageSets/Main');
  for (const name of await readdir(lists)) if (/(^|_)train\.txt$/.test(name)) await rm(join(lists, name));
  for (const source of ['lists', 'annotations'] as const)
    expect(await readVocImageSets(await treeOf(root), source)).toEqual(withTrain);
});

test.each([
  ['cat_train.txt', '000012  2\n'],
  ['cat_train.txt', '000012\n'],
  ['cat_train.txt', '000013 -1\n'],
  ['train.txt', '../000012\n'],
])('refuses %s with %j', async (name, content) => {
  const { folder } = await vocCopy(1);
  const root = join(folder, 'VOCdevkit/VOC2007');
  await writeFile(join(root, 'ImageSets/Main', name), content);
  await expect(readVocImageSets(await treeOf(root))).rejects.toMatchObject({ code: 'OFFICIAL_LIST' });
});

test('says where lists are expected when there are none', async () => {
  await expect(readVocImageSets(await treeOf(await temporaryFolder()))).rejects.toMatchObject({
    code: 'VOC_NO_LISTS',
  });
});

describeShared('BCCD', () => {
  test('has no lists of classes, so annotations say which cells an image shows', {
    timeout: 60_000,
  }, async () => {
    const { classes, images } = await readVocImageSets(await treeOf(sharedPath('data/detection/bccd')));
    expect(classes).toEqual(['Platelets', 'RBC', 'WBC']);
    expect(images).toHaveLength(364);
    expect(images.every(({ labels }) => labels.some((label) => label === 1))).toBe(true);
  });
});
