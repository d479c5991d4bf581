/**
 * Transforms: resizing against PyTorch (fixture; float32, so agreement to a ten-thousandth of an 8-bit step),
 * crop boxes by properties and by the distribution that the paper states, and layout of the batch.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { centreCrop, drawCropBox, randomResizedCrop, resizedCrop } from '../../src/data/augment.ts';
import type { CropBox } from '../../src/data/image/resample.ts';
import { Random } from '../../src/tensor/random.ts';
import { noise } from './pictures.ts';

interface ResizeFixture {
  readonly width: number;
  readonly height: number;
  readonly pixels: string;
  readonly torch: readonly { box: CropBox; size: number; planes: string }[];
}

const fixture: ResizeFixture = JSON.parse(
  readFileSync(new URL('../fixtures/data/resize.json', import.meta.url), 'utf8'),
);
const picture = { ...fixture, pixels: Buffer.from(fixture.pixels, 'base64') };
/** Leaves pixel values as they are, 0..255. */
const PLAIN = { mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] };
const NORMALISATION = { mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3] };

describe('resized crop', () => {
  test.each(fixture.torch.map((row) => [`${JSON.stringify(row.box)} to ${row.size}`, row] as const))(
    'as PyTorch: %s',
    (_name, { box, size, planes }) => {
      const bytes = Buffer.from(planes, 'base64');
      const expected = Array.from({ length: 3 * size * size }, (_, i) => bytes.readFloatLE(4 * i));
      const batch = new Float32Array(2 * expected.length).fill(-1);
      resizedCrop(picture, box, false, size, PLAIN, batch, 1);
      expect(batch.subarray(0, expected.length).every((value) => value === -1)).toBe(true);
      const largest = Math.max(...expected.map((value, i) => Math.abs(value - batch[expected.length + i])));
      expect(largest).toBeLessThan(1e-4);
    },
  );

  test('mirrored is the same, right to left', () => {
    const box = { left: 3, top: 5, width: 30, height: 20 };
    const [plain, mirrored] = [false, true].map((flag) => {
      const batch = new Float32Array(3 * 64);
      resizedCrop(picture, box, flag, 8, NORMALISATION, batch, 0);
      return batch;
    });
    for (let line = 0; line < 24; line++)
      expect([...mirrored.subarray(8 * line, 8 * line + 8)].reverse()).toEqual([
        ...plain.subarray(8 * line, 8 * line + 8),
      ]);
  });

  test('normalises each channel', () => {
    const grey = { width: 4, height: 4, pixels: new Uint8Array(48).fill(51) };
    const batch = new Float32Array(12);
    resizedCrop(grey, { left: 0, top: 0, width: 3, height: 4 }, false, 2, NORMALISATION, batch, 0);
    for (let c = 0; c < 3; c++)
      for (let i = 0; i < 4; i++)
        expect(batch[4 * c + i]).toBeCloseTo((0.2 - NORMALISATION.mean[c]) / NORMALISATION.std[c], 5);
  });
});

describe('crop boxes', () => {
  test('lie in the image, whatever its shape', () => {
    const side = fc.integer({ min: 1, max: 2000 });
    fc.assert(
      fc.property(side, side, fc.nat(), (width, height, seed) => {
        const box = drawCropBox(new Random(seed, 'augment', 0, 0), width, height);
        for (const value of Object.values(box)) expect(Number.isInteger(value)).toBe(true);
        expect(Math.min(box.left, box.top)).toBeGreaterThanOrEqual(0);
        expect(Math.min(box.width, box.height)).toBeGreaterThanOrEqual(1);
        expect(box.left + box.width).toBeLessThanOrEqual(width);
        expect(box.top + box.height).toBeLessThanOrEqual(height);
      }),
      { numRuns: 500 },
    );
  });

  test('have areas of 0.08..1 and aspects of 3/4..4/3, as many wide as high', () => {
    const boxes = Array.from({ length: 2000 }, (_, i) =>
      drawCropBox(new Random(1, 'augment', 0, i), 400, 400),
    );
    // Rounding the sides to whole pixels moves area and aspect by at most about one part in a hundred.
    for (const { width, height } of boxes) {
      expect((width * height) / 160_000).toBeGreaterThan(0.079);
      expect(width / height).toBeGreaterThan(0.74);
      expect(width / height).toBeLessThan(1.35);
    }
    const wide = boxes.filter(({ width, height }) => width > height).length / boxes.length;
    const small = boxes.filter(({ width, height }) => width * height < 0.3 * 160_000).length / boxes.length;
    // 2000 draws: one standard deviation is 0.011. Large areas are refused more often, so the small ones,
    // 0.22 / 0.92 = 0.239 of all draws, are a little more than that of the boxes.
    expect(Math.abs(wide - 0.5)).toBeLessThan(0.045);
    expect(small).toBeGreaterThan(0.2);
    expect(small).toBeLessThan(0.32);
  });

  test('fall back to the middle of a very long image', () => {
    const box = drawCropBox(new Random(1, 'augment', 0, 0), 3000, 30);
    expect(box).toEqual({ left: 1480, top: 0, width: 40, height: 30 });
  });
});

test('a random crop depends on its stream only, and mirrors half of the time', () => {
  const draw = (...labels: number[]) => {
    const batch = new Float32Array(3 * 36);
    randomResizedCrop(picture, new Random(1, 'augment', ...labels), 6, NORMALISATION, batch, 0);
    return batch;
  };
  expect(draw(0, 5)).toEqual(draw(0, 5));
  expect(draw(0, 5)).not.toEqual(draw(1, 5));
  // A ramp to the right falls to the right when it is mirrored.
  const ramp = {
    width: 64,
    height: 64,
    pixels: new Uint8Array(64 * 64 * 3).map((_, i) => ((i / 3) % 64) * 3),
  };
  const mirrored = Array.from({ length: 400 }, (_, i) => {
    const batch = new Float32Array(3 * 16);
    randomResizedCrop(ramp, new Random(2, 'augment', 0, i), 4, NORMALISATION, batch, 0);
    return batch[0] > batch[3];
  }).filter(Boolean).length;
  // Binomial with 400 draws: standard deviation 10.
  expect(Math.abs(mirrored - 200)).toBeLessThan(45);
});

test('the centre crop is the central pixels, normalised, of any size and at any place of a batch', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 13 }),
      fc.nat(6),
      fc.nat(6),
      fc.nat(2),
      (size, wider, higher, n) => {
        const image = noise(size, size + wider, size + higher);
        const batch = new Float32Array(3 * 3 * size * size).fill(-1);
        centreCrop(image, size, NORMALISATION, batch, n);
        const middle = (rest: number) => (rest % 4 === 3 ? (rest + 1) / 2 : Math.floor(rest / 2));
        const expected = new Float32Array(batch.length).fill(-1);
        for (let c = 0; c < 3; c++)
          for (let y = 0; y < size; y++)
            for (let x = 0; x < size; x++) {
              const pixel = (y + middle(higher)) * image.width + x + middle(wider);
              const value = image.pixels[3 * pixel + c] / 255 - NORMALISATION.mean[c];
              expected[((3 * n + c) * size + y) * size + x] = value / NORMALISATION.std[c];
            }
        for (const [i, value] of expected.entries()) expect(batch[i]).toBeCloseTo(value, 5);
      },
    ),
  );
  expect(() => centreCrop(noise(1, 9, 6), 7, PLAIN, new Float32Array(147), 0)).toThrow('internal:');
});
