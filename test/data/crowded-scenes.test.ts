/**
 * The procedural scenes for detection: annotations agree with one another and with the pixels, nothing changes between
 * runs, and the set in COCO's form reads back equal.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openCocoDetection } from '../../src/data/datasets/coco.ts';
import { writeCoco } from '../../src/data/datasets/write-coco.ts';
import type { DetectionDataset, RunLengthMask } from '../../src/data/detection.ts';
import { openProceduralDetection } from '../../src/data/procedural/detection-dataset.ts';
import { areaOfRuns, pixelsOfRuns } from '../../src/data/run-lengths.ts';
import { sha256 } from '../../src/util/hash.ts';
import { temporaryFolder } from './pictures.ts';

const dataset = openProceduralDetection();
const scenes = dataset.splits.train.slice(0, 60);

/** The set with the first scenes of each part only. */
function firstOf(most: number): DetectionDataset {
  const { train, validation, test: last } = dataset.splits;
  return {
    ...dataset,
    splits: { train: train.slice(0, most), validation: validation.slice(0, most), test: last.slice(0, most) },
  };
}

describe('annotations', () => {
  test('box, area and mask are one another, and masks share no pixel', () => {
    for (const { width, height, instances } of scenes) {
      const owners = new Uint8Array(width * height);
      for (const { mask, box, area } of instances) {
        const pixels = pixelsOfRuns(mask as RunLengthMask);
        expect(areaOfRuns(mask as RunLengthMask)).toBe(area);
        const inside = [...pixels.keys()].filter((at) => pixels[at] === 1);
        for (const at of inside) owners[at]++;
        const columns = inside.map((at) => at % width);
        const rows = inside.map((at) => Math.floor(at / width));
        expect(box).toEqual({
          x0: Math.min(...columns),
          y0: Math.min(...rows),
          x1: Math.max(...columns) + 1,
          y1: Math.max(...rows) + 1,
        });
      }
      expect(Math.max(...owners)).toBeLessThanOrEqual(1);
    }
  });

  test('keypoints that are seen lie on the mask, hidden ones beside it, in the frame', () => {
    const seen = [0, 0, 0];
    for (const { width, height, instances } of scenes)
      for (const { mask, keypoints } of instances) {
        expect(keypoints).toHaveLength(4);
        const pixels = pixelsOfRuns(mask as RunLengthMask);
        for (const { x, y, visibility } of keypoints!) {
          seen[visibility]++;
          if (visibility === 0) continue;
          expect(x > 0 && y > 0 && x < width && y < height).toBe(true);
          expect(pixels[Math.floor(y) * width + Math.floor(x)]).toBe(visibility === 2 ? 1 : 0);
        }
      }
    // Most are seen, and some are hidden and some outside.
    expect(seen[2]).toBeGreaterThan(seen[0] + seen[1]);
    expect(Math.min(...seen)).toBeGreaterThan(10);
  });

  test('an upright object has its top above its bottom and its right to the right of its left', () => {
    // Objects are turned by 0.6 radians at most, so this holds for those of which all four points are seen.
    for (const { instances } of scenes)
      for (const { keypoints } of instances) {
        if (keypoints!.some(({ visibility }) => visibility === 0)) continue;
        const [top, right, bottom, left] = keypoints!;
        expect(top.y).toBeLessThan(bottom.y);
        expect(left.x).toBeLessThan(right.x);
      }
  });

  test('scenes are crowded and varied: all classes, one to five objects, difficult ones among them', () => {
    const counts = scenes.map(({ instances }) => instances.length);
    expect(Math.max(...counts)).toBeLessThanOrEqual(5);
    expect(new Set(counts).size).toBeGreaterThanOrEqual(5);
    const all = scenes.flatMap(({ instances }) => instances);
    expect(new Set(all.map(({ label }) => label)).size).toBe(dataset.classes.length);
    expect(all.some(({ difficult }) => difficult)).toBe(true);
    expect(all.filter(({ difficult }) => difficult).length).toBeLessThan(0.2 * all.length);
  });

  test('objects can be seen: their pixels differ from those around them', async () => {
    let [distinct, all] = [0, 0];
    for (const scene of scenes.slice(0, 20)) {
      const { pixels } = await dataset.decode(scene);
      for (const { mask, area, difficult } of scene.instances) {
        if (difficult || area < 60) continue;
        const inside = pixelsOfRuns(mask as RunLengthMask);
        const means = [0, 0, 0].map((_, c) => {
          let [own, others] = [0, 0];
          for (const [at, value] of inside.entries()) {
            if (value === 1) own += pixels[at * 3 + c];
            else others += pixels[at * 3 + c];
          }
          return Math.abs(own / area - others / (inside.length - area));
        });
        all++;
        if (Math.max(...means) > 12) distinct++;
      }
    }
    expect(distinct / all).toBeGreaterThan(0.9);
  });
});

describe('the set', () => {
  test('is the same for the same seed and another for another', async () => {
    const [again, other] = [openProceduralDetection({ seed: 0 }), openProceduralDetection({ seed: 1 })];
    expect(again.fingerprint).toBe(dataset.fingerprint);
    expect(other.fingerprint).not.toBe(dataset.fingerprint);
    const hashOf = async (set: DetectionDataset) => sha256((await set.decode(set.splits.test[3])).pixels);
    expect(await hashOf(again)).toBe(await hashOf(dataset));
    expect(await hashOf(other)).not.toBe(await hashOf(dataset));
    expect(again.splits.test[3].instances).toEqual(dataset.splits.test[3].instances);
    expect(() => openProceduralDetection({ seed: 0.5 })).toThrow(
      expect.objectContaining({ code: 'DATASET_SEED' }),
    );
  });

  test('repeats no image', () => {
    const { train, validation, test: last } = dataset.splits;
    expect([train.length, validation.length, last.length]).toEqual([400, 100, 200]);
    const hashes = [...train, ...validation, ...last].map(({ contentHash }) => contentHash);
    expect(new Set(hashes).size).toBe(700);
  });

  test("written in COCO's form reads back equal, pixels too", async () => {
    const folder = await mkdtemp(join(tmpdir(), 'transferlab-coco-'));
    try {
      const some = firstOf(8);
      await writeCoco(some, folder);
      const read = await openCocoDetection(folder, { cacheFolder: await temporaryFolder() });
      expect(read.problems).toEqual([]);
      expect(read.classes).toEqual(some.classes);
      for (const part of ['train', 'validation', 'test'] as const) {
        expect(read.splits[part]).toHaveLength(8);
        for (const [i, image] of read.splits[part].entries()) {
          const given = some.splits[part][i];
          expect([image.id, image.width, image.height]).toEqual([given.id, given.width, given.height]);
          // COCO has no word for objects that are difficult.
          expect(image.instances).toEqual(
            given.instances.map((instance) => ({ ...instance, difficult: false })),
          );
          expect(sha256((await read.decode(image)).pixels)).toBe(
            sha256((await dataset.decode(given)).pixels),
          );
        }
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
