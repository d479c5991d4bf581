/**
 * The procedural sets: recipes (equal recipe, equal pixels), their tables (counts, classes, trees, splits
 * that share nothing) and their pixels (not blank, varied within a class, different between classes).
 */
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { contactSheet } from '../../src/data/contact-sheet.ts';
import { type ImageDataset, type ImageRecord, SPLITS } from '../../src/data/contract.ts';
import { classTree, openProceduralDataset, PROCEDURAL_DATASETS } from '../../src/data/procedural/dataset.ts';
import { drawLayer, SIDE } from '../../src/data/procedural/layers.ts';
import { drawPose } from '../../src/data/procedural/pose.ts';
import { renderRecipe } from '../../src/data/procedural/recipe.ts';
import { renderPooled } from '../../src/data/procedural/render-pool.ts';
import { SETS } from '../../src/data/procedural/sets.ts';
import { Random } from '../../src/tensor/random.ts';
import { UserError } from '../../src/util/errors.ts';
import { sha256 } from '../../src/util/hash.ts';

const NATIVE = { kind: 'central-square', size: SIDE, filter: 'bilinear' } as const;
const NAMES = Object.keys(PROCEDURAL_DATASETS);
const SOURCES = ['procedural/source', 'procedural/studio'];
const TARGETS = NAMES.filter((name) => !SOURCES.includes(name));

const pixelHash = async (dataset: ImageDataset, record: ImageRecord) =>
  sha256((await dataset.render(record, NATIVE)).pixels);

/** The first `most` records of each class of a split. */
function someOfEach(dataset: ImageDataset, split: 'train' | 'test', most: number): ImageRecord[] {
  return dataset.classes.flatMap((_, label) =>
    dataset.splits[split].filter((record) => record.label === label).slice(0, most),
  );
}

describe('recipes', () => {
  it('gives equal pixels, hashes and fingerprints for equal name and seed', async () => {
    const [a, b] = [1, 2].map(() => openProceduralDataset('procedural/shapes', { seed: 3 }));
    expect(a.fingerprint).toBe(b.fingerprint);
    for (const record of someOfEach(a, 'train', 1)) {
      // A copy of the record serves as well: recipes are named by id, not by object identity.
      expect(await pixelHash(a, record)).toBe(await pixelHash(b, { ...record }));
    }
  });

  it('gives other images of the same classes for another seed', async () => {
    const [a, b] = [0, 1].map((seed) => openProceduralDataset('procedural/glyphs', { seed }));
    expect(a.classes).toEqual(b.classes);
    expect(a.fingerprint).not.toBe(b.fingerprint);
    const [first, second] = [a.splits.train[0], b.splits.train[0]];
    expect(first.id).toBe(second.id);
    expect(first.contentHash).not.toBe(second.contentHash);
    expect(await pixelHash(a, first)).not.toBe(await pixelHash(b, second));
  });

  it('renders the same pixels in a worker thread as on the calling thread', async () => {
    const { classes, nuisance } = SETS['procedural/source'];
    const recipes = Array.from({ length: 240 }, (_, index) => ({
      code: classes[index % classes.length].code,
      nuisance,
      seed: 5,
      stream: ['threads', index],
    }));
    // The pool renders its first 200 images on the calling thread, the last 40 of these in its workers.
    const pooled = await Promise.all(recipes.map(renderPooled));
    const last = recipes.slice(-20).map((recipe) => sha256(renderRecipe(recipe)));
    expect(pooled.slice(-20).map(sha256)).toEqual(last);
  });

  it('resamples other sizes from the native pixels', async () => {
    const dataset = openProceduralDataset('procedural/shapes');
    const record = dataset.splits.train[0];
    const native = await dataset.render(record, NATIVE);
    const half = await dataset.render(record, { kind: 'short-side', size: 32, filter: 'bilinear' });
    expect([native.width, native.height, half.width, half.height]).toEqual([64, 64, 32, 32]);
    const meanOf = (pixels: Uint8Array) => pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
    expect(Math.abs(meanOf(native.pixels) - meanOf(half.pixels))).toBeLessThan(2);
  });
});

describe('errors', () => {
  it('names the nearest sets for an unknown name', () => {
    expect(() => openProceduralDataset('procedural/shape')).toThrow(
      expect.objectContaining({
        code: 'UNKNOWN_DATASET',
        remedy: expect.stringContaining('procedural/shapes'),
      }),
    );
    expect(() => classTree('toString')).toThrow(UserError);
  });

  it('refuses a seed that is no integer', () => {
    expect(() => openProceduralDataset('procedural/shapes', { seed: 0.5 })).toThrow(/seed/);
  });

  it('refuses a record of another set', async () => {
    const shapes = openProceduralDataset('procedural/shapes');
    const glyph = openProceduralDataset('procedural/glyphs').splits.train[0];
    await expect(shapes.render(glyph, NATIVE)).rejects.toThrow('internal:');
  });
});

describe.each(NAMES)('%s', (name) => {
  const dataset = openProceduralDataset(name);

  it('has the counts of its table for every class and split', () => {
    for (const split of SPLITS) {
      const perClass = dataset.classes.map(
        (_, label) => dataset.splits[split].filter((record) => record.label === label).length,
      );
      expect(new Set(perClass)).toEqual(new Set([SETS[name].counts[split]]));
    }
  });

  it('repeats no id and no recipe', () => {
    const records = SPLITS.flatMap((split) => dataset.splits[split]);
    expect(new Set(records.map(({ id }) => id)).size).toBe(records.length);
    expect(new Set(records.map(({ contentHash }) => contentHash)).size).toBe(records.length);
  });

  it('has a tree over exactly its classes', () => {
    const { coarse, parents } = classTree(name);
    expect(parents).toHaveLength(dataset.classes.length);
    expect(new Set(parents)).toEqual(new Set(coarse.keys()));
    expect(parents.map((parent) => coarse[parent])).toEqual(SETS[name].classes.map(({ family }) => family));
    expect(new Set(dataset.classes).size).toBe(dataset.classes.length);
  });

  it('renders images that are neither blank nor equal across splits', async () => {
    const hashes = new Set<string>();
    const records = [...someOfEach(dataset, 'train', 2), ...someOfEach(dataset, 'test', 2)];
    for (const record of records) {
      const { pixels } = await dataset.render(record, NATIVE);
      hashes.add(sha256(pixels));
      const mean = pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
      const variance = pixels.reduce((sum, value) => sum + (value - mean) ** 2, 0) / pixels.length;
      expect(Math.sqrt(variance), record.id).toBeGreaterThan(6);
    }
    expect(hashes.size).toBe(records.length);
  });

  it('draws each class differently from every other', () => {
    // Layers (coverage and tone) without pose: what is left of an image when all nuisances are switched off.
    const still = { rotation: 0, scale: [0.75, 0.75], shift: 0, shear: 0, perspective: 0 } as const;
    const layers = SETS[name].classes.map(({ code }) => {
      const random = new Random(1, 'still');
      return drawLayer(code, drawPose(still, random), 0, random);
    });
    for (const [i, a] of layers.entries()) {
      for (const b of layers.slice(i + 1)) {
        let difference = 0;
        for (let at = 0; at < SIDE * SIDE; at++) {
          difference +=
            Math.abs(a.alpha[at] - b.alpha[at]) +
            Math.abs(a.alpha[at] * a.tone[at] - b.alpha[at] * b.tone[at]);
        }
        expect(difference / (SIDE * SIDE)).toBeGreaterThan(0.02);
      }
    }
  });
});

it('has eight coarse classes of five in the source', () => {
  const { coarse, parents } = classTree('procedural/source');
  expect(coarse.map((_, index) => parents.filter((parent) => parent === index).length)).toEqual(
    Array(8).fill(5),
  );
});

it.each(TARGETS)('no class of %s is in the source: other names, other codes', (name) => {
  const source = SETS['procedural/source'].classes;
  const codes = new Set(source.map(({ code }) => JSON.stringify(code)));
  const names = new Set(source.map((entry) => entry.name));
  for (const entry of SETS[name].classes) {
    expect(names.has(entry.name)).toBe(false);
    expect(codes.has(JSON.stringify(entry.code))).toBe(false);
    // Not even the shape alone, under another texture.
    if (entry.code.draw !== 'textured') continue;
    const outline = JSON.stringify(entry.code.silhouette);
    expect(
      source.some(({ code }) => 'silhouette' in code && JSON.stringify(code.silhouette) === outline),
    ).toBe(false);
  }
});

it('makes a contact sheet: one row per class, cells equal to the rendered images', async () => {
  const dataset = openProceduralDataset('procedural/fine');
  const png = await contactSheet(dataset, { perClass: 2 });
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height, info.channels]).toEqual([130, 8 * 66 - 2, 3]);
  // Row 1, column 1: the middle one of the second class's twelve.
  const expected = await dataset.render(dataset.splits.train[12 + 6], NATIVE);
  const corner = ((66 + 10) * 130 + 66) * 3;
  expect([...data.subarray(corner, corner + 192)]).toEqual([...expected.pixels.subarray(1920, 1920 + 192)]);
});
