/**
 * Separable resampling with the filters of PIL and torchvision: pixel centres lie at half integers, the filter is
 * widened when shrinking (antialiased), and at the border the weights that are left are scaled to add up to 1.
 */
import type { DecodedImage, View } from '../contract.ts';

/** A region of an image in whole pixels. */
export interface CropBox {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** How each of `output` positions is a weighted sum of `taps` neighbouring inputs. */
export interface FilterWeights {
  readonly output: number;
  readonly taps: number;
  /** The first input of each output. */
  readonly starts: Int32Array;
  /** `taps` weights per output; they add up to 1. */
  readonly weights: Float32Array;
}

interface Filter {
  /** Half the width, in pixels of the coarser grid. */
  readonly reach: number;
  readonly at: (distance: number) => number;
}

const FILTERS: Readonly<Record<View['filter'], Filter>> = {
  bilinear: { reach: 1, at: (distance) => Math.max(0, 1 - distance) },
  // Keys 1981 with a = -1/2.
  bicubic: {
    reach: 2,
    at: (d) => {
      if (d < 1) return (1.5 * d - 2.5) * d * d + 1;
      return d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0;
    },
  },
};

/** The weights that bring `input` pixels in a line to `output` pixels. */
export function filterWeights(name: View['filter'], input: number, output: number): FilterWeights {
  const filter = FILTERS[name];
  const scale = input / output;
  const widening = Math.max(scale, 1);
  const reach = filter.reach * widening;
  const taps = Math.min(input, Math.ceil(2 * reach));
  const starts = new Int32Array(output);
  const weights = new Float32Array(output * taps);
  for (let i = 0; i < output; i++) {
    const centre = (i + 0.5) * scale;
    const start = Math.min(Math.max(0, Math.floor(centre - reach + 0.5)), input - taps);
    starts[i] = start;
    let sum = 0;
    for (let k = 0; k < taps; k++)
      sum += weights[i * taps + k] = filter.at(Math.abs(start + k + 0.5 - centre) / widening);
    for (let k = 0; k < taps; k++) weights[i * taps + k] /= sum;
  }
  return { output, taps, starts, weights };
}

/**
 * The rows of a region resampled to `columns.output` pixels each, mirrored on request: three planes of shape
 * box height x `columns.output`, values 0..255 (a bicubic filter may overshoot).
 */
export function resampleRows(
  image: DecodedImage,
  box: CropBox,
  columns: FilterWeights,
  mirrored: boolean,
): Float32Array {
  const { output, taps, starts, weights } = columns;
  const { pixels } = image;
  const plane = box.height * output;
  const rows = new Float32Array(3 * plane);
  for (let y = 0; y < box.height; y++) {
    const rowStart = ((box.top + y) * image.width + box.left) * 3;
    for (let x = 0; x < output; x++) {
      let from = rowStart + starts[x] * 3;
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let k = x * taps; k < (x + 1) * taps; k++) {
        const weight = weights[k];
        red += weight * pixels[from];
        green += weight * pixels[from + 1];
        blue += weight * pixels[from + 2];
        from += 3;
      }
      const to = y * output + (mirrored ? output - 1 - x : x);
      rows[to] = red;
      rows[plane + to] = green;
      rows[2 * plane + to] = blue;
    }
  }
  return rows;
}

/**
 * One plane of `rows` (height x width) resampled to `lines.output` lines: line y is added up, times `scale`
 * and plus `shift`, in `target` from `to` on.
 */
export function resampleLines(
  rows: Float32Array,
  lines: FilterWeights,
  width: number,
  scale: number,
  shift: number,
  target: Float32Array,
  to: number,
): void {
  const { output, taps, starts, weights } = lines;
  for (let y = 0; y < output; y++) {
    const line = target.subarray(to + y * width, to + (y + 1) * width);
    line.fill(shift);
    for (let k = 0; k < taps; k++) {
      const weight = weights[y * taps + k] * scale;
      if (weight === 0) continue;
      const from = (starts[y] + k) * width;
      for (let x = 0; x < width; x++) line[x] += weight * rows[from + x];
    }
  }
}

/** The whole image at another size, rounded to 8 bits. */
export function resample(
  image: DecodedImage,
  width: number,
  height: number,
  filter: View['filter'],
): DecodedImage {
  const box = { left: 0, top: 0, width: image.width, height: image.height };
  const rows = resampleRows(image, box, filterWeights(filter, image.width, width), false);
  const lines = filterWeights(filter, image.height, height);
  const plane = image.height * width;
  const pixels = new Uint8ClampedArray(3 * width * height);
  const channel = new Float32Array(width * height);
  for (let c = 0; c < 3; c++) {
    resampleLines(rows.subarray(c * plane, (c + 1) * plane), lines, width, 1, 0, channel, 0);
    // A clamped array rounds to the nearest integer in 0..255.
    for (let i = 0; i < channel.length; i++) pixels[3 * i + c] = channel[i];
  }
  return { width, height, pixels: new Uint8Array(pixels.buffer) };
}
