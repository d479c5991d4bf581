/**
 * Views: geometry, resizing against PIL (fixture), and what becomes of rotated, grey, transparent, 16-bit and
 * CMYK files. Tolerances against PIL are in 8-bit steps: PIL rounds to 8 bits between both passes.
 */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, test } from 'vitest';
import type { DecodedImage, View } from '../../src/data/contract.ts';
import {
  findDecodeError,
  MAX_PIXELS,
  renderFile,
  renderPixels,
  viewGeometry,
} from '../../src/data/image/render.ts';
import { encoder, jpeg, noise, temporaryFolder } from './pictures.ts';

interface ResizeFixture {
  readonly width: number;
  readonly height: number;
  readonly pixels: string;
  readonly pil: readonly { filter: View['filter']; width: number; height: number; pixels: string }[];
}

const fixture: ResizeFixture = JSON.parse(
  readFileSync(new URL('../fixtures/data/resize.json', import.meta.url), 'utf8'),
);
const picture = { ...fixture, pixels: Buffer.from(fixture.pixels, 'base64') };

function difference(actual: Uint8Array, expected: Uint8Array) {
  expect(actual.length).toBe(expected.length);
  const steps = Array.from(expected, (value, i) => Math.abs(value - actual[i]));
  return { largest: Math.max(...steps), mean: steps.reduce((a, b) => a + b) / steps.length };
}

/** Writes a file and renders it at its own size, so that pixels come through unchanged. */
async function renderAsIs(file: Sharp, name: string, size: number): Promise<DecodedImage> {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, await file.toBuffer());
  return renderFile(path, { kind: 'short-side', size, filter: 'bilinear' });
}

test.each(fixture.pil.map((row) => [`${row.filter} to ${row.width} x ${row.height}`, row] as const))(
  'resizes as PIL: %s',
  async (_name, { filter, width, height, pixels }) => {
    const view = renderPixels(picture, { kind: 'short-side', size: height, filter });
    expect([view.width, view.height]).toEqual([width, height]);
    const { largest, mean } = difference(view.pixels, Buffer.from(pixels, 'base64'));
    expect(largest).toBeLessThanOrEqual(1);
    expect(mean).toBeLessThan(0.25);
  },
);

describe('a large photograph, which is made smaller while it is decoded', () => {
  /** Soft shapes with noise of the size of a few pixels, as photographs have; file in `folder`. */
  async function photograph(folder: string, orientation: number) {
    const { pixels } = noise(12, 60, 45);
    const file = join(folder, `${orientation}.jpg`);
    const shapes = sharp(pixels, { raw: { width: 60, height: 45, channels: 3 } });
    await shapes
      .resize(1200, 904, { fit: 'fill' })
      .withMetadata({ orientation })
      .jpeg({ quality: 95 })
      .toFile(file);
    const decoded = await sharp(file).autoOrient().raw().toBuffer({ resolveWithObject: true });
    return { file, whole: { ...decoded.info, pixels: decoded.data } };
  }

  test.each([
    ['short-side', 'bilinear', 1],
    ['short-side', 'bicubic', 6],
    ['central-square', 'bilinear', 6],
    ['central-square', 'bicubic', 1],
  ] as const)('%s, %s, orientation %i: as from all its pixels', async (kind, filter, orientation) => {
    const { file, whole } = await photograph(await temporaryFolder(), orientation);
    const view: View = { kind, size: 72, filter };
    const [reduced, exact] = [await renderFile(file, view), renderPixels(whole, view)];
    expect([reduced.width, reduced.height]).toEqual([exact.width, exact.height]);
    const { largest, mean } = difference(reduced.pixels, exact.pixels);
    // Not 0, or it would be no other way.
    expect(mean).toBeGreaterThan(0);
    // Noise of full contrast is the worst case; of photographs the mean is 0.15 to 0.3.
    expect(mean).toBeLessThan(0.7);
    expect(largest).toBeLessThanOrEqual(6);
  });
});

describe('geometry', () => {
  test('known cases', () => {
    const of = (width: number, height: number, kind: View['kind'], size: number) => {
      const { region, ...target } = viewGeometry(width, height, { kind, size, filter: 'bilinear' });
      return [region.left, region.top, region.width, region.height, target.width, target.height];
    };
    expect(of(500, 375, 'short-side', 256)).toEqual([0, 0, 500, 375, 341, 256]);
    expect(of(375, 500, 'short-side', 256)).toEqual([0, 0, 375, 500, 256, 341]);
    expect(of(500, 375, 'central-square', 224)).toEqual([62, 0, 375, 375, 224, 224]);
    // A panorama: its middle, twice as wide as high.
    expect(of(3001, 100, 'short-side', 32)).toEqual([1400, 0, 200, 100, 64, 32]);
    expect(of(1, 4000, 'short-side', 8)).toEqual([0, 1999, 1, 2, 8, 16]);
  });

  test('the region lies in the image and the short side is exact', () => {
    const side = fc.integer({ min: 1, max: 20_000 });
    const kind = fc.constantFrom<View['kind']>('short-side', 'central-square');
    fc.assert(
      fc.property(side, side, kind, fc.integer({ min: 1, max: 1024 }), (width, height, kind, size) => {
        const { region, ...target } = viewGeometry(width, height, { kind, size, filter: 'bilinear' });
        expect(Math.min(region.left, region.top)).toBeGreaterThanOrEqual(0);
        expect(region.left + region.width).toBeLessThanOrEqual(width);
        expect(region.top + region.height).toBeLessThanOrEqual(height);
        expect(Math.min(target.width, target.height)).toBe(size);
        expect(Math.max(target.width, target.height)).toBeLessThanOrEqual(2 * size);
      }),
    );
  });
});

describe('files', () => {
  const image = noise(3, 12, 8);

  test('PNG pixels come through unchanged', async () => {
    const view = await renderAsIs(encoder(image).png(), 'x.png', 8);
    expect(view).toEqual(image);
  });

  test('an EXIF rotation is applied before cropping', async () => {
    // Orientation 6: the first stored row is the right edge of the upright image.
    const view = await renderAsIs(encoder(image).withMetadata({ orientation: 6 }).png(), 'x.png', 8);
    expect([view.width, view.height]).toEqual([8, 12]);
    const at = (one: DecodedImage, x: number, y: number) =>
      [...one.pixels.subarray(3 * (y * one.width + x))].slice(0, 3);
    for (const [x, y] of [
      [0, 0],
      [5, 0],
      [11, 7],
      [3, 6],
    ])
      expect(at(view, 7 - y, x)).toEqual(at(image, x, y));
    const panorama = encoder(noise(4, 60, 8))
      .withMetadata({ orientation: 6 })
      .png();
    const tall = await renderAsIs(panorama, 'y.png', 8);
    expect([tall.width, tall.height]).toEqual([8, 16]);
    expect(at(tall, 7, 0)).toEqual(at(noise(4, 60, 8), 22, 0));
  });

  test('grey becomes RGB, transparency and 16 bits become plain 8-bit colour', async () => {
    const grey = await renderAsIs(encoder(image).greyscale().png(), 'grey.png', 8);
    expect(grey.pixels).toHaveLength(8 * 12 * 3);
    for (let i = 0; i < grey.pixels.length; i += 3)
      expect([grey.pixels[i + 1], grey.pixels[i + 2]]).toEqual([grey.pixels[i], grey.pixels[i]]);
    const clear = await renderAsIs(encoder(image).ensureAlpha(0.5).png(), 'alpha.png', 8);
    expect(clear.pixels).toEqual(image.pixels);
    const deep = await renderAsIs(encoder(image).toColourspace('rgb16').png(), 'deep.png', 8);
    expect(difference(deep.pixels, image.pixels).largest).toBeLessThanOrEqual(1);
    const print = await renderAsIs(
      encoder(image).toColourspace('cmyk').jpeg({ quality: 100 }),
      'cmyk.jpg',
      8,
    );
    expect(print.pixels).toHaveLength(8 * 12 * 3);
  });

  test.each(['webp', 'gif', 'tiff', 'avif'] as const)('%s is read', async (format) => {
    const view = await renderAsIs(encoder(image).toFormat(format), `x.${format}`, 4);
    expect([view.width, view.height]).toEqual([6, 4]);
  });

  test('a picture with too many pixels is refused from its header', async () => {
    const png = await encoder(image).png().toBuffer();
    // The header chunk: its name at byte 12, width and height after it, and at byte 29 its check sum.
    png.writeUInt32BE(20_000, 16);
    png.writeUInt32BE(10_001, 20);
    png.writeUInt32BE(crc32(png.subarray(12, 29)), 29);
    const reason = await findDecodeError(png);
    expect(reason).toBe(`20000 x 10001 pixels are more than the limit of ${MAX_PIXELS / 1e6} million`);
  });

  test('any truncation of a JPEG is found', async () => {
    const whole = await jpeg(9, 64, 48);
    expect(await findDecodeError(whole)).toBeNull();
    for (const length of [1, 100, whole.length >> 1, whole.length - 100, whole.length - 8])
      expect(await findDecodeError(whole.subarray(0, length)), `${length} bytes`).not.toBeNull();
  });
});
