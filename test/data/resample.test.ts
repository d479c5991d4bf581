/**
 * Resampling in WebAssembly against the sums that define it, over drawn images, boxes and sizes, so that every number
 * of taps occurs; the filters themselves are held against PIL and PyTorch in render.test.ts and augment.test.ts.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DecodedImage, View } from '../../src/data/contract.ts';
import {
  type CropBox,
  type FilterWeights,
  filterWeights,
  resample,
  resampleToPlanes,
} from '../../src/data/image/resample.ts';
import { noise } from './pictures.ts';

/** Value of channel `c` at output pixel x, y. */
function definition(image: DecodedImage, box: CropBox, columns: FilterWeights, lines: FilterWeights) {
  return (x: number, y: number, c: number): number => {
    let sum = 0;
    for (let j = 0; j < lines.taps; j++)
      for (let i = 0; i < columns.taps; i++) {
        const row = box.top + lines.starts[y] + j;
        const column = box.left + columns.starts[x] + i;
        const weight = lines.weights[y * lines.taps + j] * columns.weights[x * columns.taps + i];
        sum += weight * image.pixels[3 * (row * image.width + column) + c];
      }
    return sum;
  };
}

const drawn = fc
  .record({
    seed: fc.nat(),
    width: fc.integer({ min: 1, max: 70 }),
    height: fc.integer({ min: 1, max: 70 }),
    outputWidth: fc.integer({ min: 1, max: 40 }),
    outputHeight: fc.integer({ min: 1, max: 40 }),
    filter: fc.constantFrom<View['filter']>('bilinear', 'bicubic'),
    mirrored: fc.boolean(),
    corner: fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
  })
  .map(({ seed, width, height, corner, ...rest }) => {
    const left = Math.floor(corner[0] * (width - 1));
    const top = Math.floor(corner[1] * (height - 1));
    const box = { left, top, width: width - left, height: Math.ceil((height - top) / 2) };
    return { image: noise(seed, width, height), box, ...rest };
  });

describe('resampling', () => {
  test('to planes', () => {
    fc.assert(
      fc.property(drawn, ({ image, box, outputWidth, outputHeight, filter, mirrored }) => {
        const columns = filterWeights(filter, box.width, outputWidth);
        const lines = filterWeights(filter, box.height, outputHeight);
        const channels = [1, 2, 3].map((k) => ({ scale: k / 10, shift: -k }));
        const plane = outputWidth * outputHeight;
        const target = new Float32Array(3 * plane + 5).fill(-1);
        resampleToPlanes(image, box, columns, lines, mirrored, channels, target, 2);
        expect([...target.subarray(0, 2), ...target.subarray(3 * plane + 2)]).toEqual([-1, -1, -1, -1, -1]);
        const at = definition(image, box, columns, lines);
        let largest = 0;
        for (let y = 0; y < outputHeight; y++)
          for (let x = 0; x < outputWidth; x++)
            for (const [c, { scale, shift }] of channels.entries()) {
              const place = mirrored ? outputWidth - 1 - x : x;
              const value = target[2 + c * plane + y * outputWidth + place];
              largest = Math.max(largest, Math.abs(value - (at(x, y, c) * scale + shift)));
            }
        expect(largest).toBeLessThan(1e-4);
      }),
    );
  });

  test('to bytes, rounded and clamped', () => {
    fc.assert(
      fc.property(drawn, ({ image, box, outputWidth, outputHeight, filter }) => {
        const at = definition(
          image,
          box,
          filterWeights(filter, box.width, outputWidth),
          filterWeights(filter, box.height, outputHeight),
        );
        const { width, height, pixels } = resample(image, box, outputWidth, outputHeight, filter);
        expect([width, height, pixels.length]).toEqual([outputWidth, outputHeight, 3 * width * height]);
        let largest = 0;
        for (const [i, value] of pixels.entries()) {
          const pixel = Math.floor(i / 3);
          const exact = at(pixel % width, Math.floor(pixel / width), i % 3);
          largest = Math.max(largest, Math.abs(value - Math.max(0, Math.min(255, exact))));
        }
        // A half, and the error of float32 where it is rounded the other way.
        expect(largest).toBeLessThan(0.5001);
      }),
    );
  });

  test('a part with fractional sides is where it lies in the image', () => {
    const ramp = {
      width: 60,
      height: 8,
      pixels: Uint8Array.from({ length: 60 * 8 * 3 }, (_, i) => 4 * (Math.floor(i / 3) % 60)),
    };
    const { pixels } = resample(ramp, { left: 10.25, top: 1, width: 20.5, height: 6 }, 4, 2, 'bilinear');
    // Centres at 10.25 + 20.5 * (i + 1/2) / 4, where pixel k has its centre at k + 1/2 and the value 4 k.
    // The filters of the first and the last reach over the part's border and are cut there.
    for (const i of [1, 2])
      expect(Math.abs(pixels[3 * i] - 4 * (10.25 + (20.5 * (i + 0.5)) / 4 - 0.5))).toBeLessThan(0.6);
  });
});
