/**
 * View cache and batch loader over a small data set made on the spot: nothing is decoded twice, a damaged cache
 * is rebuilt, and the batches are the same with any number of threads and from any starting step.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openViewCache, PixelReader, type ViewCache } from '../../src/data/cache.ts';
import type { DecodedImage, ImageDataset, ImageRecord, View } from '../../src/data/contract.ts';
import { openFolderDataset } from '../../src/data/datasets/folder.ts';
import { BatchLoader, type BatchLoaderOptions } from '../../src/data/loader.ts';
import { LARGE_VIEW, largeImages } from './large-images.ts';
import { classFiles, folderOf, jpeg, temporaryFolder } from './pictures.ts';

const VIEW: View = { kind: 'short-side', size: 16, filter: 'bilinear' };

const BUILDER = join(import.meta.dirname, 'child-build-cache.ts');

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

const LOADING = {
  batchSize: 5,
  transform: 'train',
  seed: 1,
  size: 12,
  mean: [0.5, 0.5, 0.5],
  std: [0.25, 0.25, 0.25],
} as const;

/** Copies of all images of a cache. */
function picturesOf(cache: ViewCache): DecodedImage[] {
  const reader = new PixelReader(cache);
  const pictures = Array.from({ length: cache.count }, (_, i) => {
    const picture = reader.read(i)!;
    return { ...picture, pixels: picture.pixels.slice() };
  });
  reader.close();
  return pictures;
}

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
      const pictures = picturesOf(one);
      for (const [i, record] of records.entries()) {
        const { width, height, pixels } = await dataset.render(record, VIEW);
        expect(pictures[i]).toEqual({ width, height, pixels: new Uint8Array(pixels) });
      }
    }
  });

  test('decodes what is new only: of more images, in another order, under another id; another view is new', async () => {
    const cacheFolder = await temporaryFolder();
    const open = async (some: readonly ImageRecord[], view = VIEW) =>
      (await openViewCache(dataset, some, view, cacheFolder)).decoded;
    expect(await open(records.slice(3))).toBe(9);
    expect(await open(records)).toBe(3);
    expect(await open([...records].reverse())).toBe(0);
    expect(await open(records.map((record) => ({ ...record, id: `another/${record.id}` })))).toBe(0);
    expect(await open(records, { ...VIEW, size: 17 })).toBe(12);
    expect(await open(records, { ...VIEW, filter: 'bicubic' })).toBe(12);
    expect(await open(records, { ...VIEW, kind: 'central-square' })).toBe(12);
    expect(await open(records, { ...VIEW })).toBe(0);
  });

  test('never keeps the pixels of a file that changed behind its hash', async () => {
    const files = await classFiles({ a: 4, b: 4 }, '', 200);
    const changing = await folderOf(files);
    const opened = await openFolderDataset(changing, { seed: 1 });
    const images = Object.values(opened.splits).flat();
    const cacheFolder = await temporaryFolder();
    await writeFile(join(changing, 'b/3.jpg'), await jpeg(300));
    await expect(openViewCache(opened, images, VIEW, cacheFolder)).rejects.toMatchObject({
      code: 'FILE_CHANGED',
    });
    await writeFile(join(changing, 'b/3.jpg'), files['b/3.jpg']);
    const pictures = picturesOf(await openViewCache(opened, images, VIEW, cacheFolder));
    for (const [i, record] of images.entries()) {
      const { pixels } = await opened.render(record, VIEW);
      expect(pictures[i].pixels).toEqual(new Uint8Array(pixels));
    }
  });

  test('has one picture for images of the same content', async () => {
    const many = Array.from({ length: 60 }, (_, i) => records[(5 * i) % 12]);
    const cache = await openViewCache(dataset, many, VIEW, await temporaryFolder());
    expect([cache.count, cache.decoded, cache.checks.length]).toEqual([60, 12, 12]);
    const pictures = picturesOf(cache);
    for (const [i, picture] of pictures.entries()) expect(picture).toEqual(pictures[i % 12]);
  });

  /** A cache, what it holds, and the paths of its files of pixels and of their index. */
  async function filled() {
    const cacheFolder = await temporaryFolder();
    const good = picturesOf(await openViewCache(dataset, records, VIEW, cacheFolder));
    const [folder] = await readdir(join(cacheFolder, 'views'));
    const [index, pixels] = (await readdir(join(cacheFolder, 'views', folder))).sort();
    const path = (name: string) => join(cacheFolder, 'views', folder, name);
    const open = () => openViewCache(dataset, records, VIEW, cacheFolder);
    return { good, index: path(index), pixels: path(pixels), open };
  }

  test.each<[string, number, (index: string, pixels: string) => Promise<unknown>]>([
    ['truncated in its last image', 1, async (_, pixels) => truncate(pixels, (await stat(pixels)).size - 1)],
    ['truncated in its index', 2, (index) => truncate(index, 64 * 10 + 63)],
    ['without pixels', 12, (_, pixels) => truncate(pixels, 0)],
    ['without its file of pixels', 12, (_, pixels) => rm(pixels)],
    ['without its index', 12, (index) => rm(index)],
    ['longer', 0, (index) => writeFile(index, 'x', { flag: 'a' })],
    ['changed in one hash', 1, (index) => flipByte(index, 64 * 3)],
    ['changed in one size', 1, (index) => flipByte(index, 64 * 7 + 32)],
  ])('%s decodes %i images anew', async (_name, missing, damage) => {
    const { good, index, pixels, open } = await filled();
    await damage(index, pixels);
    const rebuilt = await open();
    expect(rebuilt.decoded).toBe(missing);
    expect(picturesOf(rebuilt)).toEqual(good);
    expect((await open()).decoded).toBe(0);
  });

  test.each([0, 1])(
    'changed pixels are an error with %i threads, and decoded anew at the next opening',
    async (threads) => {
      const { good, pixels, open } = await filled();
      await flipByte(pixels, 5000);
      const loader = new BatchLoader({
        ...LOADING,
        cache: await open(),
        labels: records.map(() => 0),
        threads,
      });
      const reading = (async () => {
        for (let i = 0; i < 3; i++) await loader.next();
      })();
      await expect(reading).rejects.toMatchObject({ code: 'CACHE_DAMAGED' });
      await loader.close();
      const mended = await open();
      expect(mended.decoded).toBe(1);
      expect(picturesOf(mended)).toEqual(good);
    },
  );

  test('removed pixels are the same error', async () => {
    const { pixels, open } = await filled();
    const cache = await open();
    await rm(pixels);
    const loader = new BatchLoader({ ...LOADING, cache, labels: records.map(() => 0) });
    await expect(loader.next()).rejects.toMatchObject({ code: 'CACHE_DAMAGED' });
    await loader.close();
  });

  test('can be built by two at a time', async () => {
    const cacheFolder = await temporaryFolder();
    const open = () => openViewCache(dataset, records, VIEW, cacheFolder);
    const [one, two] = await Promise.all([open(), open()]);
    expect(picturesOf(one)).toEqual(picturesOf(two));
    expect((await open()).decoded).toBe(0);
  });

  test('keeps what was decoded before an image failed', async () => {
    const cacheFolder = await temporaryFolder();
    const broken: ImageDataset = {
      ...dataset,
      render: (record, view) =>
        record === records[7] ? Promise.reject(new Error('no such luck')) : dataset.render(record, view),
    };
    await expect(openViewCache(broken, records, VIEW, cacheFolder)).rejects.toThrow('no such luck');
    expect((await openViewCache(dataset, records, VIEW, cacheFolder)).decoded).toBe(5);
  });

  test('leaves no files behind when no image can be decoded', async () => {
    const cacheFolder = await temporaryFolder();
    const broken = { ...dataset, render: () => Promise.reject(new Error('no such luck')) };
    await expect(openViewCache(broken, records, VIEW, cacheFolder)).rejects.toThrow('no such luck');
    const [folder] = await readdir(join(cacheFolder, 'views'));
    expect(await readdir(join(cacheFolder, 'views', folder))).toEqual([]);
  });

  test('goes on where a killed process was', async () => {
    const cacheFolder = await temporaryFolder();
    const child = spawn(process.execPath, ['--import', 'tsx', BUILDER, cacheFolder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    // It says when it has decoded 60 of its 80 images, and waits to be killed.
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const large = largeImages(80);
    const before = await openViewCache(large, large.splits.train, LARGE_VIEW, cacheFolder);
    // What was not yet written are at most two writes of 4 MB.
    expect(before.decoded).toBeGreaterThanOrEqual(20);
    expect(before.decoded).toBeLessThanOrEqual(20 + Math.ceil((2 << 22) / (3 * LARGE_VIEW.size ** 2)) + 1);
    for (const [i, { pixels }] of picturesOf(before).entries())
      expect(pixels.every((v) => v === i)).toBe(true);
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
    const [{ width, height, pixels }] = picturesOf(cache);
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
