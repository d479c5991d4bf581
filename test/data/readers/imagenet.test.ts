/** ImageNet and Tiny ImageNet in the forms in which they are distributed, with a few images. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openFileTree } from '../../../src/data/containers/file-tree.ts';
import { isImagenet, readImagenet } from '../../../src/data/readers/imagenet.ts';
import type { ImageListing } from '../../../src/data/readers/listing.ts';
import { isTinyImagenet, readTinyImagenet } from '../../../src/data/readers/tiny-imagenet.ts';
import { codeOf } from '../../refusal.ts';
import { tar } from '../containers/tars.ts';
import { folderOf, temporaryFolder } from '../pictures.ts';

const cacheFolder = await temporaryFolder();
const summary = ({ images }: ImageListing) =>
  images.map(({ id, className, part }) => `${part} ${id} ${className}`).sort();

type Files = Readonly<Record<string, Uint8Array | string>>;
const archive = (files: Files) => tar(Object.entries(files).map(([path, content]) => ({ path, content })));

describe('ImageNet', () => {
  const meta = readFileSync(resolve(import.meta.dirname, '../../fixtures/data/containers/synsets.mat'));
  const kit = {
    'ILSVRC2012_devkit_t12/data/meta.mat': meta,
    'ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt': '2\n1\n2\n',
  };
  const train = {
    n02119789: { 'n02119789_1.JPEG': 'fox 1', 'n02119789_2.JPEG': 'fox 2' },
    n02100735: { 'n02100735_7.JPEG': 'setter 7' },
  };
  const validation = Object.fromEntries(
    [1, 2, 3].map((i) => [`ILSVRC2012_val_0000000${i}.JPEG`, `val ${i}`]),
  );
  const archives: Files = {
    'ILSVRC2012_img_train.tar': archive(
      Object.fromEntries(Object.entries(train).map(([name, files]) => [`${name}.tar`, archive(files)])),
    ),
    'ILSVRC2012_img_val.tar': archive(validation),
    'ILSVRC2012_devkit_t12.tar.gz': gzipSync(archive(kit)),
  };
  const unpacked: Files = {
    ...kit,
    ...Object.fromEntries(
      Object.values(train).flatMap((files) =>
        Object.entries(files).map(([name, content]) => [`train/${name.split('_')[0]}/${name}`, content]),
      ),
    ),
    ...Object.fromEntries(Object.entries(validation).map(([name, content]) => [`val/${name}`, content])),
  };

  test.each([
    ['archives', archives, '', ''],
    ['unpacked', unpacked, 'train/', 'val/'],
  ])('%s', async (_, files, trainFolder, valFolder) => {
    const tree = await openFileTree(await folderOf(files), { cacheFolder, mountArchives: true });
    expect(isImagenet(tree)).toBe(true);
    const listing = await readImagenet(tree);
    // Of the three synsets one is not a class, as it has children.
    expect(listing.classes).toEqual(['n02100735', 'n02119789']);
    expect(summary(listing)).toEqual([
      `test ${valFolder}ILSVRC2012_val_00000001.JPEG n02100735`,
      `test ${valFolder}ILSVRC2012_val_00000002.JPEG n02119789`,
      `test ${valFolder}ILSVRC2012_val_00000003.JPEG n02100735`,
      `train ${trainFolder}n02100735/n02100735_7.JPEG n02100735`,
      `train ${trainFolder}n02119789/n02119789_1.JPEG n02119789`,
      `train ${trainFolder}n02119789/n02119789_2.JPEG n02119789`,
    ]);
    const read = await listing.read(`${trainFolder}n02119789/n02119789_2.JPEG`);
    expect(Buffer.from(read as Uint8Array).toString()).toBe('fox 2');
  });

  test.each<[string, Files]>([
    ['DATA_EMPTY', { 'ILSVRC2012_img_val.tar': archives['ILSVRC2012_img_val.tar'] }],
    ['IMAGENET_LIST', { ...unpacked, 'val/ILSVRC2012_val_00000004.JPEG': '' }],
    ['IMAGENET_LIST', { ...unpacked, 'train/n00000001/1.JPEG': '' }],
    ['MAT_VERSION', { ...unpacked, 'ILSVRC2012_devkit_t12/data/meta.mat': 'nothing' }],
  ])('%s %#', async (expected, files) => {
    const tree = await openFileTree(await folderOf(files), { cacheFolder, mountArchives: true });
    expect(await codeOf(readImagenet(tree))).toBe(expected);
  });
});

describe('Tiny ImageNet', () => {
  const files: Files = {
    'tiny-imagenet-200/wnids.txt': 'n02\nn01\n',
    'tiny-imagenet-200/words.txt': 'n01\tgoldfish\nn02\tsalamander\nn03\tnot here\n',
    'tiny-imagenet-200/train/n01/images/n01_0.JPEG': '',
    'tiny-imagenet-200/train/n01/n01_boxes.txt': 'n01_0.JPEG\t0\t0\t63\t63\n',
    'tiny-imagenet-200/train/n02/images/n02_0.JPEG': '',
    'tiny-imagenet-200/val/images/val_0.JPEG': '',
    'tiny-imagenet-200/val/images/val_1.JPEG': '',
    'tiny-imagenet-200/val/val_annotations.txt':
      'val_0.JPEG\tn02\t0\t32\t44\t62\nval_1.JPEG\tn01\t1\t2\t3\t4\n',
    'tiny-imagenet-200/test/images/test_0.JPEG': '',
  };

  test('official parts, without the images that have no labels', async () => {
    const tree = await openFileTree(await folderOf(files), { cacheFolder });
    expect(isTinyImagenet(tree)).toBe(true);
    const listing = await readTinyImagenet(tree);
    expect(listing.classes).toEqual(['n01', 'n02']);
    expect(summary(listing)).toEqual([
      'test val/images/val_0.JPEG n02',
      'test val/images/val_1.JPEG n01',
      'train train/n01/images/n01_0.JPEG n01',
      'train train/n02/images/n02_0.JPEG n02',
    ]);
  });

  test.each<[string, Files]>([
    ['DATA_EMPTY', { 'wnids.txt': 'n01' }],
    ['TINY_IMAGENET_LIST', { ...files, 'tiny-imagenet-200/train/n03/images/n03_0.JPEG': '' }],
    [
      'TINY_IMAGENET_LIST',
      { ...files, 'tiny-imagenet-200/val/val_annotations.txt': 'val_9.JPEG\tn01\t1\t2\t3\t4\n' },
    ],
    ['TINY_IMAGENET_LIST', { ...files, 'tiny-imagenet-200/val/val_annotations.txt': 'val_0.JPEG\n' }],
  ])('%s %#', async (expected, changed) => {
    const tree = await openFileTree(await folderOf(changed), { cacheFolder });
    expect(await codeOf(readTinyImagenet(tree))).toBe(expected);
  });
});
