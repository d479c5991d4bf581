/**
 * Sets whose images are numbers: CIFAR in both official forms (the Python form from scripts/fixtures/cifar.py), and
 * MNIST's idx. Image i of the synthetic copies has the value (7 * i + position) % 251 at each position.
 */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openFileTree } from '../../../src/data/containers/file-tree.ts';
import { PickledDict } from '../../../src/data/containers/numpy-pickle.ts';
import type { DecodedImage } from '../../../src/data/contract.ts';
import { openListing } from '../../../src/data/datasets/listed.ts';
import { isCifar, readCifar } from '../../../src/data/readers/cifar.ts';
import { isIdxFolder, readIdxFolder } from '../../../src/data/readers/idx-folder.ts';
import { Random } from '../../../src/tensor/random.ts';
import { UserError } from '../../../src/util/errors.ts';
import { mutated } from '../../mutated.ts';
import { codeOf } from '../../refusal.ts';
import { bytes, named, pickleOf, text } from '../../weights/archives.ts';
import { tar } from '../containers/tars.ts';
import { folderOf, temporaryFolder } from '../pictures.ts';

const fixture = (name: string) => resolve(import.meta.dirname, '../../fixtures/data/cifar', name);
const cacheFolder = await temporaryFolder();
const open = (path: string) => openFileTree(path, { cacheFolder });

const values = (i: number, length: number) => Uint8Array.from({ length }, (_, p) => (7 * i + p) % 251);

/** Three planes as interleaved pixels, by definition. */
function expectedImage(i: number): DecodedImage {
  const planes = values(i, 3072);
  const pixels = new Uint8Array(3072);
  for (let y = 0; y < 32; y++)
    for (let x = 0; x < 32; x++)
      for (let c = 0; c < 3; c++) pixels[(y * 32 + x) * 3 + c] = planes[c * 1024 + y * 32 + x];
  return { width: 32, height: 32, pixels };
}

const binary = (first: number, ...labels: readonly (readonly number[])[]): Buffer =>
  Buffer.concat(labels.flatMap((own, i) => [Buffer.from(own), values(first + i, 3072)]));

const TEN = {
  ...Object.fromEntries(
    [1, 2, 3, 4, 5].map((i) => [
      `cifar-10-batches-bin/data_batch_${i}.bin`,
      binary(2 * i - 2, [i % 3], [(i + 1) % 3]),
    ]),
  ),
  'cifar-10-batches-bin/test_batch.bin': binary(10, [2], [1], [0]),
  'cifar-10-batches-bin/batches.meta.txt': 'airplane\nautomobile\nbird\n\n',
  'cifar-10-batches-bin/readme.html': 'text',
};

const HUNDRED = {
  'train.bin': binary(0, [0, 0], [0, 1], [1, 2], [1, 3]),
  'test.bin': binary(4, [1, 3], [0, 0]),
  'fine_label_names.txt': 'apple\npear\nbee\nfly\n',
  'coarse_label_names.txt': 'fruit\ninsects\n',
};

describe('CIFAR-10', async () => {
  const inTar = await folderOf({
    'cifar-10-binary.tar': tar(Object.entries(TEN).map(([path, content]) => ({ path, content }))),
  });
  test.each([
    ['binary', await folderOf(TEN)],
    ['binary, in its archive', join(inTar, 'cifar-10-binary.tar')],
    ['Python', fixture('cifar-10-batches-py')],
  ])('%s', async (_, path) => {
    const tree = await open(path);
    expect(isCifar(tree)).toBe(true);
    const listing = await readCifar(tree);
    expect(listing.classes).toEqual(['airplane', 'automobile', 'bird']);
    expect(listing.officialParts).toEqual(['train', 'test']);
    const labels = [1, 2, 2, 0, 0, 1, 1, 2, 2, 0, 2, 1, 0];
    expect(listing.images.map(({ className }) => listing.classes.indexOf(className))).toEqual(labels);
    expect(listing.images.map(({ part }) => part)).toEqual([
      ...Array(10).fill('train'),
      ...Array(3).fill('test'),
    ]);
    expect(listing.images[3].id).toBe('data_batch_2/000001');
    for (const [i, { id }] of listing.images.entries())
      expect(await listing.read(id)).toEqual(expectedImage(i));
  });

  test.each([2, 5])('Python, written again by Python 3 with protocol %i', async (protocol) => {
    const listing = await readCifar(await open(fixture(`protocol-${protocol}`)));
    expect(listing.images.map(({ className }) => className)).toEqual(['airplane', 'automobile', 'bird']);
    expect(await listing.read('data_batch_1/000002')).toEqual(expectedImage(2));
  });

  test('as a data set: equal fingerprints whatever the form, a validation part drawn, views of the pixels', async () => {
    const listing = await readCifar(await open(fixture('cifar-10-batches-py')));
    const dataset = await openListing(listing, { seed: 1 });
    const counts = Object.values(dataset.splits).map((part) => part.length);
    expect(counts).toEqual([7, 3, 3]);
    const other = await openListing(await readCifar(await open(await folderOf(TEN))), { seed: 1 });
    expect(other.fingerprint).toBe(dataset.fingerprint);
    const view = { kind: 'central-square', size: 32, filter: 'bilinear' } as const;
    const [first] = dataset.splits.test;
    expect(await dataset.render(first, view)).toEqual(expectedImage(10));
  });
});

describe('CIFAR-100', async () => {
  test.each([
    ['binary', await folderOf(HUNDRED)],
    ['Python', fixture('cifar-100-python')],
  ])('%s, fine and coarse labels', async (_, path) => {
    const tree = await open(path);
    const fine = await readCifar(tree);
    const names = ({ images }: typeof fine) => images.map(({ className, part }) => `${part} ${className}`);
    expect(fine.classes).toEqual(['apple', 'pear', 'bee', 'fly']);
    // Files are in the order of their names.
    expect(names(fine)).toEqual([
      'test fly',
      'test apple',
      'train apple',
      'train pear',
      'train bee',
      'train fly',
    ]);
    const coarse = await readCifar(tree, { labels: 'coarse' });
    expect(coarse.classes).toEqual(['fruit', 'insects']);
    expect(names(coarse).slice(2)).toEqual(['train fruit', 'train fruit', 'train insects', 'train insects']);
    expect(await fine.read('train/000003')).toEqual(expectedImage(3));
    expect(await fine.read('test/000001')).toEqual(expectedImage(5));
  });
});

describe('CIFAR is refused', () => {
  const names = { 'batches.meta.txt': 'a\nb\n' };
  test.each([
    ['DATA_EMPTY', { 'readme.txt': 'nothing' }],
    ['CIFAR_DAMAGED', { ...names, 'data_batch_1.bin': binary(0, [0]).subarray(1) }],
    ['CIFAR_DAMAGED', { ...names, 'data_batch_1.bin': binary(0, [2]) }],
    ['PICKLE_DAMAGED', { 'batches.meta': Buffer.from([0x80, 2]), data_batch_1: '' }],
    ['PICKLE_CONTENT', { 'batches.meta': bytes(0x80, 2, 'N.'), data_batch_1: '' }],
    ['PICKLE_CONTENT', { 'batches.meta': pickleOf(['label_names', text('a')]), data_batch_1: '' }],
    ['PICKLE_GLOBAL', { 'batches.meta': bytes(0x80, 2, named('os', 'system'), '.'), data_batch_1: '' }],
  ])('%s %#', async (expected, files) => {
    expect(await codeOf(readCifar(await open(await folderOf(files))))).toBe(expected);
  });

  test('CIFAR-10 has no coarse labels', async () => {
    const tree = await open(fixture('cifar-10-batches-py'));
    expect(await codeOf(readCifar(tree, { labels: 'coarse' }))).toBe('CIFAR_LABELS');
  });

  test('five hundred damaged pickles are read or refused', async () => {
    const whole = await readFile(fixture('cifar-100-python/test'));
    const random = new Random(7, 'cifar');
    let refused = 0;
    for (let i = 0; i < 500; i++) {
      // The head and the tail, which are not pixels.
      const start = mutated(whole.subarray(0, 300), random);
      try {
        const found = PickledDict.read(Buffer.concat([start, whole.subarray(300)]), 'fuzz');
        expect(found.bytes('data').shape).toHaveLength(2);
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(200);
  });
});

/** An idx file of unsigned bytes. */
function idx(dims: readonly number[], content: Uint8Array, type = 8): Buffer {
  const header = Buffer.alloc(4 + 4 * dims.length);
  header[2] = type;
  header[3] = dims.length;
  for (const [axis, extent] of dims.entries()) header.writeUInt32BE(extent, 4 + 4 * axis);
  return Buffer.concat([header, content]);
}

/** `count` images of 2 rows and 3 columns, from image number `first`. */
const images = (first: number, count: number) =>
  idx([count, 2, 3], Buffer.concat(Array.from({ length: count }, (_, i) => values(first + i, 6))));
const labels = (...of: readonly number[]) => idx([of.length], Buffer.from(of));

const MNIST = {
  'train-images-idx3-ubyte': images(0, 5),
  'train-labels-idx1-ubyte': labels(0, 1, 3, 1, 0),
  't10k-images-idx3-ubyte': images(5, 2),
  't10k-labels-idx1-ubyte': labels(3, 0),
};

describe('MNIST', () => {
  const again = Object.fromEntries(
    Object.entries(MNIST).map(([name, content]) => [`again/${name}`, content]),
  );
  const zipped = Object.fromEntries(
    Object.entries(MNIST).map(([name, content]) => [`${name}.gz`, gzipSync(content)]),
  );
  const dotted = Object.fromEntries(
    Object.entries(MNIST).map(([name, content]) => [name.replace('-idx', '.idx'), content]),
  );
  test.each([
    ['plain', MNIST],
    ['compressed', zipped],
    ['with dots in the names', dotted],
    ['unpacked beside the compressed files', { ...zipped, ...MNIST }],
  ])('%s', async (_, files) => {
    const tree = await open(await folderOf(files));
    expect(isIdxFolder(tree)).toBe(true);
    const listing = await readIdxFolder(tree);
    expect(listing.classes).toEqual(['0', '1', '3']);
    expect([...listing.officialParts].sort()).toEqual(['test', 'train']);
    const found = Object.fromEntries(
      listing.images.map(({ id, className, part }) => [id, `${part} ${className}`]),
    );
    expect(found).toEqual({
      'train/000000': 'train 0',
      'train/000001': 'train 1',
      'train/000002': 'train 3',
      'train/000003': 'train 1',
      'train/000004': 'train 0',
      'test/000000': 'test 3',
      'test/000001': 'test 0',
    });
    const grey = [...values(6, 6)].flatMap((value) => [value, value, value]);
    expect(await listing.read('test/000001')).toEqual({ width: 3, height: 2, pixels: Uint8Array.from(grey) });
  });

  test('EMNIST has rows and columns exchanged', async () => {
    const files = Object.fromEntries(
      Object.entries(MNIST)
        .filter(([name]) => name.startsWith('train'))
        .map(([name, content]) => [`emnist-letters-${name}`, content]),
    );
    const listing = await readIdxFolder(await open(await folderOf(files)));
    const { width, height, pixels } = (await listing.read('train/000000')) as DecodedImage;
    expect([width, height]).toEqual([3, 2]);
    // The stored numbers 0 .. 5 are the columns of the picture.
    const grey = [...pixels].filter((_, i) => i % 3 === 0);
    expect(grey).toEqual([0, 2, 4, 1, 3, 5]);
  });

  test.each([
    ['DATA_EMPTY', { 't10k-images-idx3-ubyte': images(0, 1), 't10k-labels-idx1-ubyte': labels(0) }],
    ['FILE_MISSING', { 'train-images-idx3-ubyte': images(0, 1) }],
    ['IDX_PAIR', { ...MNIST, 'train-labels-idx1-ubyte': labels(0, 1) }],
    ['IDX_PAIR', { ...MNIST, 'train-images-idx3-ubyte': idx([5], Buffer.alloc(5)) }],
    ['IDX_DAMAGED', { ...MNIST, 'train-images-idx3-ubyte': images(0, 5).subarray(0, 30) }],
    [
      'IDX_DAMAGED',
      { ...MNIST, 'train-images-idx3-ubyte': idx([2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], Buffer.of()) },
    ],
    ['IDX_DAMAGED', { ...MNIST, 'train-images-idx3-ubyte': idx([5, 2, 3], Buffer.alloc(30), 13) }],
    ['IDX_DAMAGED', { ...MNIST, 'train-images-idx3-ubyte': Buffer.of() }],
    ['DATA_CLASS_NOT_IN_TRAIN', { ...MNIST, 't10k-labels-idx1-ubyte': labels(3, 9) }],
    ['IDX_PARTS', { ...MNIST, ...again }],
    ['GZIP_DAMAGED', { ...MNIST, 'train-labels-idx1-ubyte': Buffer.from([0x1f, 0x8b, 8, 0, 1, 2]) }],
    ['GZIP_SIZE', { ...MNIST, 'train-labels-idx1-ubyte': gzipSync(Buffer.alloc(70 * 2 ** 20)) }],
  ])('%s %#', async (expected, files) => {
    expect(await codeOf(readIdxFolder(await open(await folderOf(files))))).toBe(expected);
  });
});
