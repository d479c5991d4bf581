/**
 * The leak guard on real images: copies of known kinds are planted into the test part, and what is reported is compared
 * with what was planted. What it finds beside them was looked at by eye (Caltech-101) or is confirmed by something else
 * than pixels (magnetic tiles: defect masks and file numbers). The table that is printed states the numbers.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { auditDuplicates, type DuplicateAudit } from '../../src/data/audit/audit.ts';
import { findNearPairs } from '../../src/data/audit/near.ts';
import { openSpectra } from '../../src/data/audit/spectra.ts';
import { contrastOf, SPECTRUM_VIEW, spectrumOf } from '../../src/data/audit/spectrum.ts';
import type { ImageDataset, ImageRecord } from '../../src/data/contract.ts';
import { renderFile } from '../../src/data/image/render.ts';
import { sha256 } from '../../src/util/hash.ts';
import { describeShared, sharedPath } from '../shared.ts';
import { folderOf } from './pictures.ts';

type Change = (bytes: Buffer) => Promise<Buffer>;

function resized(factor: number, quality: number): Change {
  return async (bytes) => {
    const { width, height } = await sharp(bytes).metadata();
    const [w, h] = [width, height].map((side) => Math.max(1, Math.round(factor * side)));
    return sharp(bytes).resize(w, h).jpeg({ quality }).toBuffer();
  };
}

/** What is planted, by kind. */
const CHANGES: Readonly<Record<string, Change>> = {
  'encoded again: JPEG 75': (bytes) => sharp(bytes).jpeg({ quality: 75 }).toBuffer(),
  'encoded again: JPEG 40': (bytes) => sharp(bytes).jpeg({ quality: 40 }).toBuffer(),
  'encoded again: WebP 60': (bytes) => sharp(bytes).webp({ quality: 60 }).toBuffer(),
  'encoded again: PNG': (bytes) => sharp(bytes).png().toBuffer(),
  'resized: half': resized(0.5, 85),
  'resized: 1.6 times': resized(1.6, 85),
  'resized: to a square': (bytes) =>
    sharp(bytes).resize(128, 128, { fit: 'fill' }).jpeg({ quality: 85 }).toBuffer(),
  mirrored: (bytes) => sharp(bytes).flop().jpeg({ quality: 85 }).toBuffer(),
  'brighter by a quarter': (bytes) => sharp(bytes).linear(1.25, 10).jpeg({ quality: 85 }).toBuffer(),
  'darker by a third': (bytes) => sharp(bytes).linear(0.65, 0).jpeg({ quality: 85 }).toBuffer(),
};

const KINDS = Object.keys(CHANGES);
const isExact = (kind: string) => kind.startsWith('encoded') || kind.startsWith('resized');

interface Planted {
  readonly dataset: ImageDataset;
  /** Planted id to kind and id of the original. */
  readonly copies: ReadonlyMap<string, { kind: string; original: string }>;
}

/** The images of class folders as train part, and `count` copies of evenly spaced ones as test part. */
async function planted(set: string, count: number): Promise<Planted> {
  const root = sharedPath('data', 'classification', set);
  const ids = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.jpg$/i.test(name))
    .sort();
  const classes = [...new Set(ids.map((id) => id.split('/')[0]))];
  const recordOf = (id: string, bytes: Uint8Array): ImageRecord => ({
    id,
    label: classes.indexOf(id.split('/')[0]),
    contentHash: sha256(bytes),
  });
  const train = ids.map((id) => recordOf(id, readFileSync(join(root, id))));
  const copies = new Map<string, { kind: string; original: string }>();
  const files: Record<string, Buffer> = {};
  for (let i = 0; i < count; i++) {
    const original = ids[Math.floor((i * ids.length) / count)];
    const kind = KINDS[i % KINDS.length];
    const id = `${original.split('/')[0]}/planted-${i}`;
    files[id] = await CHANGES[kind](readFileSync(join(root, original)));
    copies.set(id, { kind, original });
  }
  const folder = await folderOf(files);
  const test = Object.entries(files).map(([id, bytes]) => recordOf(id, bytes));
  const dataset: ImageDataset = {
    name: set,
    task: 'single-label',
    classes,
    metric: 'top1',
    splits: { train, validation: [], test },
    problems: [],
    fingerprint: '',
    render: (record, view) => renderFile(join(copies.has(record.id) ? folder : root, record.id), view),
  };
  return { dataset, copies };
}

/** Of each kind, how many copies were planted and how many are in one group with their originals. */
function recallOf(audit: DuplicateAudit, copies: Planted['copies']) {
  const groups = new Map(audit.groups.flatMap(({ images }) => images.map(({ id }) => [id, images] as const)));
  return KINDS.map((kind) => {
    const own = [...copies].filter(([, copy]) => copy.kind === kind);
    const found = own.filter(([id, { original }]) => groups.get(id)?.some((image) => image.id === original));
    return { kind, planted: own.length, found: found.length };
  });
}

/** Pairs of images that share a group, and how many of them are copies of one image or in `known`. */
function precisionOf(audit: DuplicateAudit, copies: Planted['copies'], known: readonly string[][]) {
  const sourceOf = (id: string) => copies.get(id)?.original ?? id;
  const wrong: string[] = [];
  let pairs = 0;
  for (const { images } of audit.groups)
    for (const [i, { id: a }] of images.entries())
      for (const { id: b } of images.slice(0, i)) {
        pairs++;
        const sources = [sourceOf(a), sourceOf(b)];
        const right =
          sources[0] === sources[1] || known.some((pair) => sources.every((s) => pair.includes(s)));
        if (!right) wrong.push(`${a} and ${b}`);
      }
  return { pairs, wrong };
}

function share(rows: readonly { planted: number; found: number }[]): number {
  const sum = (of: 'planted' | 'found') => rows.reduce((total, row) => total + row[of], 0);
  return sum('found') / sum('planted');
}

function state(
  set: string,
  rows: ReturnType<typeof recallOf>,
  { pairs, wrong }: { pairs: number; wrong: string[] },
) {
  const kinds = rows.map(({ kind, planted: all, found }) => `  ${kind}: ${found} of ${all}`);
  console.info([`${set}: ${pairs - wrong.length} of ${pairs} reported pairs are right`, ...kinds].join('\n'));
}

describeShared('planted copies are found', () => {
  it('in Caltech-101: 200 of ten kinds, and the five pairs that it has itself', async () => {
    const { dataset, copies } = await planted('caltech101-subset', 200);
    const audit = await auditDuplicates([dataset]);
    const known = [
      ['brain/image_0001.jpg', 'brain/image_0048.jpg'],
      ['hedgehog/image_0001.jpg', 'hedgehog/image_0010.jpg'],
      ['minaret/image_0029.jpg', 'minaret/image_0041.jpg'],
      ['pagoda/image_0007.jpg', 'pagoda/image_0013.jpg'],
      ['strawberry/image_0002.jpg', 'strawberry/image_0033.jpg'],
    ];
    const rows = recallOf(audit, copies);
    const precision = precisionOf(audit, copies, known);
    state('Caltech-101', rows, precision);
    expect(share(rows.filter(({ kind }) => isExact(kind)))).toBeGreaterThanOrEqual(0.98);
    expect(share(rows.filter(({ kind }) => !isExact(kind)))).toBeGreaterThanOrEqual(0.95);
    expect(precision.wrong.length / precision.pairs).toBeLessThanOrEqual(0.01);
    const [overlap] = audit.overlaps;
    expect(overlap).toMatchObject({ split: 'test', otherSplit: 'train', exact: 0 });
    const superfluous = audit.within.find(({ split }) => split === 'train');
    expect(superfluous?.images).toBe(known.length);
  });

  it('in satellite tiles, save those that show nothing', async () => {
    const { dataset, copies } = await planted('eurosat-subset', 200);
    const audit = await auditDuplicates([dataset]);
    const root = sharedPath('data', 'classification', 'eurosat-subset');
    const textured = new Map<string, { kind: string; original: string }>();
    for (const [id, copy] of copies) {
      const spectrum = spectrumOf(await renderFile(join(root, copy.original), SPECTRUM_VIEW));
      if (contrastOf(spectrum, 0) >= 1) textured.set(id, copy);
    }
    const precision = precisionOf(audit, copies, []);
    const all = recallOf(audit, copies);
    state('EuroSAT', all, precision);
    expect(share(all)).toBeGreaterThanOrEqual(0.95);
    const rows = recallOf(audit, textured);
    state(`EuroSAT, the ${textured.size} with a contrast of a grey level or more`, rows, precision);
    expect(textured.size).toBeGreaterThan(180);
    expect(share(rows)).toBeGreaterThanOrEqual(0.98);
    expect(precision.wrong).toEqual([]);
  });

  it('in magnetic tiles, where all it finds beside them are photographs of the same tile', async () => {
    const { dataset, copies } = await planted('magnetic-tile', 100);
    const images = [...dataset.splits.train, ...dataset.splits.test];
    const opened = await openSpectra(
      images.map((record) => ({ dataset, record })),
      undefined,
      () => {},
    );
    const { pairs } = await findNearPairs(opened.spectra, images.length, () => {});
    const audit = await auditDuplicates([dataset]);
    const rows = recallOf(audit, copies);
    const masks = await masksOf(dataset.splits.train.map(({ id }) => id));
    const own = pairs.filter(({ b }) => b < dataset.splits.train.length);
    const wrong = own
      .map(({ a, b }) => [images[a].id, images[b].id])
      .filter(([a, b]) => numberDistance(a, b) > 250 && !(overlapOf(masks.get(a), masks.get(b)) > 0.15));
    state('Magnetic tiles', rows, { pairs: own.length, wrong: wrong.map((ids) => ids.join(' and ')) });
    expect(share(rows.filter(({ kind }) => isExact(kind)))).toBeGreaterThanOrEqual(0.98);
    expect(own.length).toBeGreaterThan(150);
    expect(wrong.length / own.length).toBeLessThanOrEqual(0.01);
  });
});

/** Photographs of one tile were mostly taken one after the other: `exp3_num_557.jpg`, `exp5_num_592.jpg`. */
function numberDistance(a: string, b: string): number {
  const number = (id: string) => Number(/num_(\d+)/.exec(id)?.[1]);
  return Math.abs(number(a) - number(b));
}

/** Defect masks, 64 x 64. */
async function masksOf(ids: readonly string[]): Promise<Map<string, Buffer>> {
  const masks = new Map<string, Buffer>();
  for (const id of ids) {
    const file = sharedPath('data', 'segmentation', 'magnetic-tile', 'masks', id.replace(/jpg$/, 'png'));
    masks.set(id, await sharp(file).greyscale().resize(64, 64, { fit: 'fill' }).raw().toBuffer());
  }
  return masks;
}

/** Intersection over union of soft masks; that of empty ones is not a number. */
function overlapOf(a: Buffer | undefined, b: Buffer | undefined): number {
  if (!a || !b) return Number.NaN;
  let [shared, all] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    shared += Math.min(a[i], b[i]);
    all += Math.max(a[i], b[i]);
  }
  return shared / all;
}
