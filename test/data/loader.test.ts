/**
 * View cache and batch loader over a small data set made on the spot: nothing is decoded twice, a damaged cache
 * is rebuilt, and the batches are the same with any number of threads and from any starting step.
 */
import { mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { imageAt, openViewCache, type ViewCache } from '../../src/data/cache.ts';
import type { ImageDataset, ImageRecord, View } from '../../src/data/contract.ts';
import { openFolderDataset } from '../../src/data/datasets/folder.ts';
import { BatchLoader, type BatchLoaderOptions } from '../../src/data/loader.ts';
import { classFiles, folderOf, jpeg, temporaryFolder } from './pictures.ts';

const VIEW: View = { kind: 'short-side', size: 16, filter: 'bilinear' };

let folder: string;
let dataset: ImageDataset;
let records: readonly ImageRecord[];
/** How many images have been decoded so far. */
let renders = 0;

beforeAll(async () => {
  const files = await classFiles({ a: 5, b: 5 });
  folder = await folderOf({
    ...files,
    'a/wide.jpg': await jpeg(77, 40, 18),
    'b/high.jpg': await jpeg(78, 20, 90),
  });
  const opened = await openFolderDataset(folder, { seed: 1 });
  dataset = {
    ...opened,
    render: (record, view) => {
      renders++;
      return opened.render(record, view);
    },
  };
  records = Object.values(dataset.splits).flat();
});

/** Half of a whole number, halves of odd ones rounded to the even neighbour, as torchvision's centre crop does. */
const halfToEven = (n: number) => (n % 4 === 3 ? (n + 1) / 2 : Math.floor(n / 2));

describe('view cache', () => {
  test('holds what the data set renders, in order, and decodes each image once', async () => {
    const cacheFolder = await temporaryFolder();
    const before = renders;
    const events: number[] = [];
    const cache = await openViewCache(dataset, records, VIEW, cacheFolder, ({ done }) => events.push(done));
    expect([cache.count, cache.decoded, renders - before]).toEqual([12, 12, 12]);
    expect(events).toEqual(Array.from({ length: 13 }, (_, i) => i));
    const again = await openViewCache(dataset, records, VIEW, cacheFolder);
    expect([again.decoded, renders - before]).toEqual([0, 12]);
    for (const one of [cache, again]) {
      expect(one.pixels.buffer).toBeInstanceOf(SharedArrayBuffer);
      for (const [i, record] of records.entries()) {
        const { width, height, pixels } = await dataset.render(record, VIEW);
        expect(imageAt(one, i)).toEqual({ width, height, pixels: new Uint8Array(pixels) });
      }
    }
  });

  test('is another one for other images, another order or another view', async () => {
    const cacheFolder = await temporaryFolder();
    const open = async (some: readonly ImageRecord[], view: View) =>
      (await openViewCache(dataset, some, view, cacheFolder)).decoded;
    expect(await open(records, VIEW)).toBe(12);
    expect(await open(records.slice(1), VIEW)).toBe(11);
    expect(await open([...records].reverse(), VIEW)).toBe(12);
    expect(await open(records, { ...VIEW, size: 17 })).toBe(12);
    expect(await open(records, { ...VIEW, filter: 'bicubic' })).toBe(12);
    expect(await open(records, { ...VIEW, kind: 'central-square' })).toBe(12);
    expect(await open(records, { ...VIEW })).toBe(0);
  });

  test.each<[string, (file: string, size: number) => Promise<void>]>([
    ['truncated', (file, size) => truncate(file, size - 100)],
    ['empty', (file) => truncate(file, 0)],
    ['longer', async (file) => writeFile(file, 'x', { flag: 'a' })],
    ['changed in one pixel', (file, size) => flipByte(file, size >> 1)],
    ['changed in the sizes', (file, size) => flipByte(file, size - 40)],
    ['changed in the first byte', (file) => flipByte(file, 0)],
  ])('is rebuilt when its file is %s', async (_name, damage) => {
    const cacheFolder = await temporaryFolder();
    const good = await openViewCache(dataset, records, VIEW, cacheFolder);
    const [name] = await readdir(join(cacheFolder, 'views'));
    const file = join(cacheFolder, 'views', name);
    const bytes = await readFile(file);
    await damage(file, bytes.length);
    const rebuilt = await openViewCache(dataset, records, VIEW, cacheFolder);
    expect(rebuilt.decoded).toBe(12);
    expect(rebuilt.pixels).toEqual(good.pixels);
    expect(await readFile(file)).toEqual(bytes);
    expect(await readdir(join(cacheFolder, 'views'))).toEqual([name]);
  });

  test('can be built by two at a time', async () => {
    const cacheFolder = await temporaryFolder();
    const open = () => openViewCache(dataset, records, VIEW, cacheFolder);
    const [one, two] = await Promise.all([open(), open()]);
    expect(one.pixels).toEqual(two.pixels);
    expect(await readdir(join(cacheFolder, 'views'))).toHaveLength(1);
  });

  test('leaves nothing behind when an image cannot be decoded', async () => {
    const cacheFolder = await temporaryFolder();
    const broken = { ...dataset, render: () => Promise.reject(new Error('no such luck')) };
    await expect(openViewCache(broken, records, VIEW, cacheFolder)).rejects.toThrow('no such luck');
    expect(await readdir(join(cacheFolder, 'views'))).toEqual([]);
  });

  test('says when its folder cannot be made', async () => {
    const cacheFolder = await temporaryFolder();
    await mkdir(join(cacheFolder, 'x'));
    await writeFile(join(cacheFolder, 'x', 'views'), 'a file in the way');
    const opening = openViewCache(dataset, records, VIEW, join(cacheFolder, 'x'));
    await expect(opening).rejects.toMatchObject({ code: 'CACHE_NOT_WRITABLE' });
  });
});

async function flipByte(file: string, position: number): Promise<void> {
  const bytes = await readFile(file);
  bytes[position] ^= 1;
  await writeFile(file, bytes);
}

describe('batch loader', () => {
  let cache: ViewCache;
  let labels: number[];

  beforeAll(async () => {
    const cacheFolder = await temporaryFolder();
    cache = await openViewCache(dataset, records, VIEW, cacheFolder);
    labels = records.map(({ label }) => label);
    // From here on neither file nor image is needed.
    await rm(cacheFolder, { recursive: true });
  });

  const loaderOf = (options: Partial<BatchLoaderOptions> = {}) =>
    new BatchLoader({
      ...{ cache, labels, batchSize: 5, seed: 1, transform: 'train', size: 8 },
      ...{ mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
      ...options,
    });

  /** The first `steps` batches, copied out of their buffers. */
  async function take(steps: number, options: Partial<BatchLoaderOptions>) {
    const loader = loaderOf(options);
    const batches = [];
    for (let i = 0; i < steps; i++) {
      const batch = await loader.next();
      batches.push({ ...batch, images: batch.images.slice() });
    }
    await loader.close();
    return batches;
  }

  test.each(['train', 'centre'] as const)(
    '%s: same batches with 0, 1 and 2 threads, and from a later step',
    async (transform) => {
      const before = renders;
      const expected = await take(8, { transform, threads: 0 });
      expect(await take(8, { transform })).toEqual(expected);
      expect(await take(8, { transform, threads: 2 })).toEqual(expected);
      expect(await take(3, { transform, startStep: 5 })).toEqual(expected.slice(5));
      expect(renders).toBe(before);
    },
  );

  test('train: full batches, every image once per epoch, the rest carried over', async () => {
    const batches = await take(12, { threads: 0 });
    const drawn = batches.flatMap(({ indices }) => [...indices]);
    for (const { count, images, labels: given, indices } of batches) {
      expect([count, images.length]).toEqual([5, 5 * 3 * 64]);
      expect([...given]).toEqual([...indices].map((index) => labels[index]));
    }
    const epochs = [0, 1, 2, 3, 4].map((epoch) => drawn.slice(12 * epoch, 12 * epoch + 12));
    for (const epoch of epochs)
      expect([...epoch].sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, i) => i));
    expect(new Set(epochs.map(String)).size).toBe(5);
    const otherSeed = await take(12, { threads: 0, seed: 2 });
    expect(otherSeed.flatMap(({ indices }) => [...indices])).not.toEqual(drawn);
  });

  test('train: a batch may be larger than the data, and repeats differ', async () => {
    const [{ indices, images }] = await take(1, { threads: 0, batchSize: 8, indices: [3, 4, 7] });
    expect([...indices.subarray(0, 3)].sort()).toEqual([3, 4, 7]);
    expect([...indices.subarray(3, 6)].sort()).toEqual([3, 4, 7]);
    const copies = [...indices].flatMap((index, n) =>
      index === 3 ? [String(images.subarray(n * 192, (n + 1) * 192))] : [],
    );
    expect(new Set(copies).size).toBe(copies.length);
  });

  test('centre: the given order, last batch padded, then from the start', async () => {
    const loader = loaderOf({ transform: 'centre', size: 16, indices: [11, 2, 5, 7, 1, 0, 9], threads: 0 });
    expect(loader.batchesPerEpoch).toBe(2);
    const [first, second, third] = [await loader.next(), await loader.next(), await loader.next()];
    expect([[...first.indices], first.count]).toEqual([[11, 2, 5, 7, 1], 5]);
    expect([[...second.indices], second.count]).toEqual([[0, 9, 9, 9, 9], 2]);
    expect([...third.indices]).toEqual([...first.indices]);
    const { width, height, pixels } = imageAt(cache, 0);
    const corner = halfToEven(height - 16) * width + halfToEven(width - 16);
    for (let c = 0; c < 3; c++)
      expect(second.images[c * 256]).toBeCloseTo((pixels[3 * corner + c] / 255 - 0.5) / 0.25, 5);
  });

  test('a batch stays as it is until the next call but one', async () => {
    const loader = loaderOf();
    const copies: Float32Array[] = [];
    let previous: Float32Array | null = null;
    for (let i = 0; i < 6; i++) {
      const { images } = await loader.next();
      if (previous) expect(previous).toEqual(copies[i - 1]);
      copies.push(images.slice());
      previous = images;
    }
    expect(loader.waitedSeconds).toBeGreaterThan(0);
    await loader.close();
    expect(previous).toEqual(copies[5]);
    await expect(loader.next().then(() => loader.next())).rejects.toThrow();
  });

  test('a consumer may transfer a buffer away', async () => {
    const expected = await take(6, { threads: 0 });
    const loader = loaderOf();
    for (const { images } of expected) {
      const batch = await loader.next();
      expect(structuredClone(batch.images, { transfer: [batch.images.buffer] })).toEqual(images);
      expect(batch.images).toHaveLength(0);
    }
    await loader.close();
  });

  test('a thread serves one loader after another, and none is told of batches of one before', async () => {
    const options = { transform: 'centre', threads: 2 } as const;
    const expected = await take(4, options);
    for (let i = 0; i < 5; i++) {
      // Closed while its threads are filling batches of other images with the same steps.
      await loaderOf({ ...options, indices: [7, 8, 9, 10, 11] }).close();
      expect(await take(4, options)).toEqual(expected);
    }
  });

  test('refuses what cannot work', () => {
    expect(() => loaderOf({ indices: [] })).toThrow('internal:');
    expect(() => loaderOf({ indices: [12] })).toThrow('internal:');
    expect(() => loaderOf({ labels: [1] })).toThrow('internal:');
    expect(() => loaderOf({ transform: 'centre', size: 17 })).toThrow('internal:');
  });

  test('passes on the failure of a thread', async () => {
    const loader = loaderOf({ mean: null as unknown as number[] });
    await expect(loader.next()).rejects.toThrow();
    await loader.close();
  });
});
