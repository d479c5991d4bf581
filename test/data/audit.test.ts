/**
 * The leak guard: spectra against their definition and the laws that make copies comparable, the search against
 * comparing all pairs, its bounds where everything is alike, the cache, and what an audit says about parts and labels.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { auditDuplicates } from '../../src/data/audit/audit.ts';
import { findNearPairs } from '../../src/data/audit/near.ts';
import { duplicateSheet } from '../../src/data/audit/sheet.ts';
import { COEFFICIENTS, ORDER, similarity, spectrumOf } from '../../src/data/audit/spectrum.ts';
import type { DecodedImage, ImageDataset, SplitName } from '../../src/data/contract.ts';
import { openFolderDataset } from '../../src/data/datasets/folder.ts';
import { renderPixels } from '../../src/data/image/render.ts';
import { Random } from '../../src/tensor/random.ts';
import { sha256 } from '../../src/util/hash.ts';
import { classFiles, folderOf, jpeg, temporaryFolder } from './pictures.ts';

const SIDE = 32;

/** A grey picture of some random waves, in 32 x 32. */
function waves(seed: number): DecodedImage {
  const random = new Random(seed, 'waves');
  const parts = Array.from({ length: 40 }, () => ({
    u: random.integer(ORDER),
    v: random.integer(ORDER),
    size: random.uniform() - 0.5,
  }));
  const pixels = new Uint8Array(3 * SIDE * SIDE);
  for (let y = 0; y < SIDE; y++)
    for (let x = 0; x < SIDE; x++) {
      let value = 128;
      for (const { u, v, size } of parts)
        value +=
          ((60 * size) / (1 + 0.3 * (u + v))) *
          Math.cos((Math.PI * u * (x + 0.5)) / SIDE) *
          Math.cos((Math.PI * v * (y + 0.5)) / SIDE);
      pixels.fill(Math.round(value), 3 * (y * SIDE + x), 3 * (y * SIDE + x) + 3);
    }
  return { width: SIDE, height: SIDE, pixels };
}

function changed(image: DecodedImage, value: (grey: number, x: number) => number): DecodedImage {
  const pixels = image.pixels.map((grey, at) => value(grey, Math.floor(at / 3) % SIDE));
  return { ...image, pixels };
}

function mirrored({ width, height, pixels }: DecodedImage): DecodedImage {
  const turned = new Uint8Array(pixels.length);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++)
        turned[3 * (y * width + x) + c] = pixels[3 * (y * width + width - 1 - x) + c];
  return { width, height, pixels: turned };
}

/** Spectra of images one after the other. */
function spectraOf(images: readonly DecodedImage[]): Int16Array {
  const spectra = new Int16Array(images.length * COEFFICIENTS);
  for (const [i, image] of images.entries()) spectra.set(spectrumOf(image), i * COEFFICIENTS);
  return spectra;
}

const silent = () => {};

describe('a spectrum', () => {
  it('is the cosine transform of the brightness', () => {
    const image = waves(1);
    const spectrum = spectrumOf(image);
    for (const [u, v] of [
      [0, 1],
      [1, 0],
      [3, 5],
      [15, 15],
      [15, 0],
    ]) {
      let sum = 0;
      for (let y = 0; y < SIDE; y++)
        for (let x = 0; x < SIDE; x++)
          sum +=
            image.pixels[3 * (y * SIDE + x)] *
            Math.cos((Math.PI * u * (2 * x + 1)) / (2 * SIDE)) *
            Math.cos((Math.PI * v * (2 * y + 1)) / (2 * SIDE));
      const norm = (u === 0 ? 1 : 2) * (v === 0 ? 1 : 2);
      const expected = (8 * Math.sqrt(norm) * sum) / SIDE;
      expect(Math.abs(spectrum[v * ORDER + u] - expected)).toBeLessThan(0.51);
    }
    expect(spectrum[0]).toBe(0);
  });

  it('tells copies: brighter, with less contrast, mirrored; and nothing of other pictures', () => {
    fc.assert(
      fc.property(
        fc.nat(1000),
        fc.double({ min: 0.4, max: 1, noNaN: true }),
        fc.nat(20),
        (seed, gain, offset) => {
          const image = waves(seed);
          const copy = changed(image, (grey) => gain * (grey - 128) + 128 + offset);
          const spectra = spectraOf([image, copy, mirrored(copy), waves(seed + 2000)]);
          const of = (other: number, turned: boolean) => similarity(spectra, 0, other * COEFFICIENTS, turned);
          expect(of(1, false).correlation).toBeGreaterThan(0.99);
          expect(of(2, true).correlation).toBeCloseTo(of(1, false).correlation, 3);
          expect(of(3, false).correlation).toBeLessThan(0.9);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('finds no evidence in gradients, however high their correlation', () => {
    const gradient = (slope: number) => changed(waves(0), (_, x) => 100 + slope * x);
    const spectra = spectraOf([gradient(2), gradient(3)]);
    const { correlation, evidence } = similarity(spectra, 0, COEFFICIENTS, false);
    expect(correlation).toBeGreaterThan(0.99);
    expect(evidence).toBeLessThan(2.5);
  });
});

describe('the search', () => {
  it('finds what comparing all pairs finds', async () => {
    const originals = Array.from({ length: 300 }, (_, i) => waves(i));
    const random = new Random(5, 'grain');
    const copies = originals.slice(0, 60).map((image, i) => {
      const grain = changed(image, (grey) => grey + random.integer(9) - 4);
      return i % 2 === 0 ? grain : mirrored(grain);
    });
    const spectra = spectraOf([...originals, ...copies]);
    const expected: string[] = [];
    for (let b = 0; b < originals.length + copies.length; b++)
      for (let a = 0; a < b; a++)
        for (const turned of [false, true]) {
          const { correlation, evidence } = similarity(spectra, a * COEFFICIENTS, b * COEFFICIENTS, turned);
          if (correlation >= 0.9 && evidence >= 2.5) expected.push(`${a} ${b} ${turned}`);
        }
    expect(expected.length).toBeGreaterThanOrEqual(60);
    const { pairs } = await findNearPairs(spectra, originals.length + copies.length, silent);
    expect(pairs.map((pair) => `${pair.a} ${pair.b} ${pair.mirrored}`).sort()).toEqual(expected.sort());
  });

  it('compares few of many pairs, and of a thousand copies of one image some each', async () => {
    const many = 4000;
    const spectra = new Int16Array(many * COEFFICIENTS);
    const random = new Random(7, 'spectra');
    for (let i = 0; i < spectra.length; i++) {
      const coefficient = i % COEFFICIENTS;
      const frequency = (coefficient % ORDER) + Math.floor(coefficient / ORDER);
      spectra[i] = frequency === 0 ? 0 : Math.round((2000 * random.normal()) / frequency);
    }
    const { comparisons, pairs, crowded } = await findNearPairs(spectra, many, silent);
    expect(pairs).toEqual([]);
    expect(crowded).toBe(0);
    expect(comparisons).toBeLessThan((0.01 * many * many) / 2);
    for (let i = 0; i < spectra.length; i++)
      spectra[i] = spectra[i % COEFFICIENTS] + (i % COEFFICIENTS === 0 ? 0 : random.integer(5) - 2);
    const alike = await findNearPairs(spectra, many, silent);
    expect(new Set(alike.pairs.map(({ b }) => b)).size).toBe(many - 1);
    expect(alike.comparisons).toBeLessThan(20 * many);
  });

  it('takes faint pictures for copies where compression explains that they correlate less', async () => {
    const COUNT = 100;
    // Copies with a noise of half their power: correlations of about .8.
    const spectraAt = (contrast: number) => {
      const spectra = new Int16Array(2 * COUNT * COEFFICIENTS);
      for (let image = 0; image < COUNT; image++) {
        const random = new Random(image, 'faint');
        for (let i = 1; i < COEFFICIENTS; i++) {
          const scale = (120 * contrast) / Math.hypot(i % ORDER, Math.floor(i / ORDER));
          const signal = scale * random.normal();
          spectra[image * COEFFICIENTS + i] = Math.round(signal);
          spectra[(COUNT + image) * COEFFICIENTS + i] = Math.round(signal + 0.7 * scale * random.normal());
        }
      }
      return spectra;
    };
    const faint = await findNearPairs(spectraAt(1), 2 * COUNT, () => {});
    expect(faint.pairs.filter(({ a, b }) => b - a === COUNT).length).toBeGreaterThan(0.8 * COUNT);
    expect(faint.pairs.filter(({ a, b }) => b - a !== COUNT)).toEqual([]);
    expect(faint.pairs.filter(({ correlation }) => correlation < 0.9).length).toBeGreaterThan(0.5 * COUNT);
    const clear = await findNearPairs(spectraAt(5), 2 * COUNT, () => {});
    expect(clear.pairs.every(({ correlation }) => correlation >= 0.9)).toBe(true);
    expect(clear.doubtful.length).toBeGreaterThan(0.5 * COUNT);
  });

  it('leaves pictures of one colour alone', async () => {
    const blank = Array.from({ length: 20 }, (_, i) => changed(waves(0), () => 10 * i));
    expect((await findNearPairs(spectraOf(blank), 20, silent)).pairs).toEqual([]);
  });
});

/** A data set in memory: pictures by part, class name and id. */
function inMemory(
  name: string,
  pictures: readonly { split: SplitName; label: string; id: string; image: DecodedImage | null }[],
): ImageDataset & { rendered: string[] } {
  const classes = [...new Set(pictures.map(({ label }) => label))].sort();
  const rendered: string[] = [];
  const recordsOf = (split: SplitName) =>
    pictures
      .filter((picture) => picture.split === split)
      .map(({ id, label, image }) => ({
        id,
        label: classes.indexOf(label),
        contentHash: sha256(image?.pixels ?? `broken ${id}`),
      }));
  return {
    name,
    task: 'single-label',
    classes,
    metric: 'top1',
    splits: { train: recordsOf('train'), validation: recordsOf('validation'), test: recordsOf('test') },
    problems: [],
    fingerprint: name,
    rendered,
    async render(record, view) {
      rendered.push(record.id);
      const image = pictures.find(({ id }) => id === record.id)?.image;
      if (!image) throw new Error('damaged');
      return renderPixels(image, view);
    },
  };
}

const darker = (seed: number) => changed(waves(seed), (grey) => 0.7 * grey);

function leaky() {
  return inMemory('leaky', [
    { split: 'train', label: 'cat', id: 'a', image: waves(1) },
    { split: 'train', label: 'cat', id: 'b', image: waves(2) },
    { split: 'train', label: 'dog', id: 'c', image: waves(3) },
    { split: 'train', label: 'dog', id: 'c again', image: darker(3) },
    { split: 'validation', label: 'dog', id: 'd', image: waves(4) },
    { split: 'test', label: 'cat', id: 'a darker', image: darker(1) },
    { split: 'test', label: 'dog', id: 'b mirrored', image: mirrored(waves(2)) },
    { split: 'test', label: 'dog', id: 'd as it is', image: waves(4) },
    { split: 'test', label: 'dog', id: 'broken', image: null },
    { split: 'test', label: 'cat', id: 'new', image: waves(5) },
  ]);
}

describe('an audit', () => {
  it('stops at a file that changes meanwhile', async () => {
    const folder = await folderOf(await classFiles({ a: 3, b: 3 }));
    const opened = await openFolderDataset(folder, { seed: 1 });
    writeFileSync(join(folder, opened.splits.test[0].id), await jpeg(99));
    await expect(auditDuplicates([opened])).rejects.toMatchObject({ code: 'FILE_CHANGED' });
  });

  it('says which images have copies in parts used before, what is superfluous, and where labels differ', async () => {
    const audit = await auditDuplicates([leaky()]);
    const common = { dataset: 'leaky', otherDataset: 'leaky', split: 'test' };
    expect(audit.overlaps).toEqual([
      { ...common, otherSplit: 'train', images: ['a darker', 'b mirrored'], exact: 0 },
      { ...common, otherSplit: 'validation', images: ['d as it is'], exact: 1 },
    ]);
    expect(audit.within.filter(({ images }) => images > 0)).toEqual([
      { dataset: 'leaky', split: 'train', images: 1 },
    ]);
    expect(audit).toMatchObject({ images: 10, unreadable: 1, labelConflicts: 1, crowded: false });
    const groups = audit.groups.map(({ kind, mirrored: turned, images }) => [
      kind,
      turned,
      ...images.map(({ id }) => id),
    ]);
    expect(groups).toEqual([
      ['near', false, 'a', 'a darker'],
      ['near', true, 'b', 'b mirrored'],
      ['near', false, 'c', 'c again'],
      ['exact', false, 'd', 'd as it is'],
    ]);
  });

  it('finds the copies of a source set in a target set', async () => {
    const source = inMemory('source', [
      { split: 'train', label: 'x', id: 'old', image: waves(11) },
      { split: 'train', label: 'y', id: 'other', image: waves(12) },
    ]);
    const target = inMemory('target', [
      { split: 'train', label: 'p', id: 'new', image: waves(13) },
      { split: 'test', label: 'q', id: 'known', image: mirrored(darker(11)) },
    ]);
    const { overlaps, labelConflicts } = await auditDuplicates([source, target]);
    const places = { dataset: 'target', split: 'test', otherDataset: 'source', otherSplit: 'train' };
    expect(overlaps).toEqual([{ ...places, images: ['known'], exact: 0 }]);
    // Classes of two data sets need not agree.
    expect(labelConflicts).toBe(0);
  });

  it('remembers images by content, and looks again where the memory is torn or damaged', async () => {
    const cacheFolder = await temporaryFolder();
    const first = await auditDuplicates([leaky()], { cacheFolder });
    expect(first.decoded).toBe(8);
    const again = leaky();
    const second = await auditDuplicates([again], { cacheFolder });
    // What does not decode is tried again: it may have been mended.
    expect(again.rendered).toEqual(['broken']);
    expect({ ...second, decoded: 8 }).toEqual(first);
    const folder = join(cacheFolder, readdirSync(cacheFolder)[0]);
    const file = join(folder, readdirSync(folder)[0]);
    const bytes = readFileSync(file);
    const record = bytes.length / 8;
    bytes[record + 100] ^= 1;
    // The second record is damaged and the last one torn.
    writeFileSync(file, bytes.subarray(0, bytes.length - 5));
    const third = await auditDuplicates([leaky()], { cacheFolder });
    expect(third).toEqual({ ...first, decoded: 2 });
    expect((await auditDuplicates([leaky()], { cacheFolder })).decoded).toBe(0);
  });

  it('reports progress of both phases to the end', async () => {
    const seen = new Map<string, number[]>();
    await auditDuplicates([leaky()], {
      onProgress: ({ phase, done, total }) => seen.set(phase, [done, total]),
    });
    expect([...seen]).toEqual([
      ['look at images', [9, 9]],
      ['compare images', [9, 9]],
    ]);
  });

  it('is shown as a picture with a row per group', async () => {
    const dataset = leaky();
    const audit = await auditDuplicates([dataset]);
    const { width, height } = await sharp(await duplicateSheet([dataset], audit)).metadata();
    expect([width, height]).toEqual([2 * 100 - 4, 4 * 100 - 4]);
    const nothing = await duplicateSheet([dataset], { ...audit, groups: [] });
    expect((await sharp(nothing).metadata()).width).toBe(96);
  });
});
