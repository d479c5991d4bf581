/** A user's own images are opened whatever form they are kept in: the same pictures give the same data set. */
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openFileTree } from '../../src/data/containers/file-tree.ts';
import type { ImageDataset } from '../../src/data/contract.ts';
import { openLocalDataset } from '../../src/data/datasets/local.ts';
import { readManifest } from '../../src/data/readers/manifest.ts';
import { codeOf } from '../refusal.ts';
import { describeShared, sharedPath } from '../shared.ts';
import { zip } from '../weights/archives.ts';
import { tar } from './containers/tars.ts';
import { classFiles, folderOf, jpeg, temporaryFolder } from './pictures.ts';

const fixtures = resolve(import.meta.dirname, '../fixtures/data');
let files: Record<string, Buffer>;
let cacheFolder: string;
const open = (path: string) => openLocalDataset(path, { seed: 1, cacheFolder });

beforeAll(async () => {
  files = await classFiles({ cat: 6, dog: 6 });
  cacheFolder = await temporaryFolder();
});

/** Contents and labels of all parts, without ids, which differ between forms. */
const content = ({ classes, splits }: ImageDataset) =>
  Object.values(splits)
    .flat()
    .map(({ label, contentHash }) => `${classes[label]} ${contentHash}`)
    .sort();

describe('one set in many forms', () => {
  test('class folders in a folder, in tar and in zip, wrapped or not; a table; shards', async () => {
    const entries = Object.entries(files).map(([path, bytes]) => ({ path, content: bytes }));
    const wrapped = entries.map(({ path, content }) => ({ path: `photos/${path}`, content }));
    const rows = Object.keys(files).map((path) => `${path},${path.split('/')[0]}`);
    const samples = entries.flatMap(({ path, content }, i) => [
      { path: `${i}.jpg`, content },
      { path: `${i}.cls`, content: path.split('/')[0] },
    ]);
    const folder = await folderOf({
      ...Object.fromEntries(Object.entries(files).map(([path, bytes]) => [`plain/${path}`, bytes])),
      'photos.tar': tar(entries),
      'wrapped.tar': tar(wrapped),
      'photos.zip': zip(entries.map(({ path, content }) => ({ name: path, content }))),
      'plain/list.csv': `image,label\n${rows.join('\n')}`,
      'shards/0.tar': tar(samples.slice(0, 12)),
      'shards/1.tar': tar(samples.slice(12)),
    });
    const plain = await open(join(folder, 'plain'));
    expect(plain.splits.train.length + plain.splits.validation.length + plain.splits.test.length).toBe(12);
    for (const form of ['photos.tar', 'wrapped.tar', 'photos.zip', 'plain/list.csv', 'shards']) {
      const dataset = await open(join(folder, form));
      expect(dataset.classes).toEqual(['cat', 'dog']);
      expect(content(dataset)).toEqual(content(plain));
      expect(dataset.problems).toEqual([]);
      const view = { kind: 'central-square', size: 8, filter: 'bilinear' } as const;
      const [record] = dataset.splits.test;
      const same = Object.values(plain.splits)
        .flat()
        .find(({ contentHash }) => contentHash === record.contentHash);
      expect(await dataset.render(record, view)).toEqual(await plain.render(same!, view));
    }
    // Ids within an archive are those of the folder, so that parts are drawn alike and results can be compared.
    const inTar = await open(join(folder, 'photos.tar'));
    expect(inTar.fingerprint).toBe(plain.fingerprint);
    expect(inTar.name).toBe('photos');
  });

  test('a table called metadata in the folder', async () => {
    const rows = Object.keys(files).map((path, i) => JSON.stringify({ file_name: path, label: i % 2 }));
    const dataset = await open(await folderOf({ ...files, 'metadata.jsonl': rows.join('\n') }));
    expect(dataset.classes).toEqual(['0', '1']);
  });

  test('CIFAR by its files', async () => {
    const dataset = await open(join(fixtures, 'cifar/cifar-10-batches-py'));
    expect(dataset.classes).toEqual(['airplane', 'automobile', 'bird']);
    expect(dataset.splits.test).toHaveLength(3);
  });
});

describe('several labels', () => {
  const names = ['common', 'other', 'rare'];
  const isShown = (i: number) => [i % 2 === 0, i % 3 === 0, i % 20 === 1];

  async function table(count: number): Promise<string> {
    const files: Record<string, Uint8Array | string> = {};
    const lines = ['image,labels'];
    for (let i = 0; i < count; i++) {
      files[`${i}.jpg`] = await jpeg(i);
      lines.push(`${i}.jpg,${names.filter((_, label) => isShown(i)[label]).join('|')}`);
    }
    return folderOf({ ...files, 'metadata.csv': lines.join('\n') });
  }

  test('every class is a question; parts are drawn so that the rarest class is in each', async () => {
    const dataset = await open(await table(60));
    expect([dataset.task, dataset.metric, dataset.classes]).toEqual([
      'multi-label',
      'meanAveragePrecision',
      names,
    ]);
    const { train, validation, test: last } = dataset.splits;
    expect([train.length + validation.length + last.length, dataset.problems]).toEqual([60, []]);
    for (const records of [train, validation, last]) {
      for (const { id, label, labels } of records) {
        const expected = isShown(Number.parseInt(id, 10)).map(Number);
        expect([id, labels, label]).toEqual([id, expected, Math.max(0, expected.indexOf(1))]);
      }
      expect(records.some(({ labels }) => labels?.[2] === 1)).toBe(true);
    }
    // Images that show nothing are in every part too.
    expect(last.some(({ labels }) => labels?.every((mark) => mark === 0))).toBe(true);
  });

  test('a class with too few images is named', async () => {
    await expect(open(await table(30))).rejects.toMatchObject({ code: 'DATA_CLASS_TOO_SMALL' });
  });
});

describe('refusals are those of the form', () => {
  test('nothing there, another file, an empty folder, an archive without classes', async () => {
    const folder = await folderOf({
      'x.txt': 'text',
      'y.tar': tar([{ path: 'a.txt', content: 'x' }]),
      'z/x.txt': '',
    });
    expect(await codeOf(open(join(folder, 'nothing')))).toBe('DATA_FOLDER_MISSING');
    expect(await codeOf(open(join(folder, 'x.txt')))).toBe('DATA_NOT_A_FOLDER');
    expect(await codeOf(open(join(folder, 'y.tar')))).toBe('DATA_EMPTY');
    expect(await codeOf(open(join(folder, 'z')))).toBe('DATA_EMPTY');
  });
});

describeShared('real images', () => {
  test('imagenet-samples-100 by its table: an image for each of a hundred classes, which no split can divide', async () => {
    const folder = sharedPath('data/classification/imagenet-samples-100');
    const listing = await readManifest(await openFileTree(folder, { cacheFolder }), 'labels.csv');
    expect(listing.images).toHaveLength(100);
    expect(listing.classes).toEqual(Array.from({ length: 100 }, (_, i) => String(10 * i)));
    expect(listing.problems).toEqual([]);
    await expect(open(`${folder}/labels.csv`)).rejects.toMatchObject({ code: 'DATA_CLASS_TOO_SMALL' });
  });
});
