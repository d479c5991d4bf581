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

/** How a channel's values leave: times `scale`, plus `shift`. */
export interface ChannelScale {
  readonly scale: number;
  readonly shift: number;
}

/**
 * A region resampled to `lines.output` lines of `columns.output` pixels, mirrored on request, as three planes in
 * `target` from `to` on; values are 0..255 (a bicubic filter may overshoot) before `channels` scales them.
 *
 * Line by line, so that what lies between both passes stays in the cache.
 */
export function resampleToPlanes(
  image: DecodedImage,
  box: CropBox,
  columns: FilterWeights,
  lines: FilterWeights,
  mirrored: boolean,
  channels: readonly ChannelScale[],
  target: Float32Array,
  to: number,
): void {
  const { output: width } = columns;
  const line = new Float32Array(3 * box.width);
  const plane = width * lines.output;
  for (let y = 0; y < lines.output; y++) {
    mixRows(image, box, lines, y, line);
    // One pixel after the other from this place, or before it.
    const first = to + y * width + (mirrored ? width - 1 : 0);
    mixColumns(line, columns, mirrored ? -1 : 1, channels, target, first, plane);
  }
}

/** The rows of the box that make line `y`, as one row of interleaved pixels. */
function mixRows(
  image: DecodedImage,
  box: CropBox,
  lines: FilterWeights,
  y: number,
  line: Float32Array,
): void {
  const { pixels } = image;
  const { taps, starts, weights } = lines;
  const stride = 3 * image.width;
  let from = (box.top + starts[y]) * stride + 3 * box.left;
  if (taps === 1) {
    for (let i = 0; i < line.length; i++) line[i] = pixels[from + i];
    return;
  }
  // The first two at once: without a shrink there are no more.
  const first = weights[y * taps];
  const second = weights[y * taps + 1];
  for (let i = 0; i < line.length; i++)
    line[i] = first * pixels[from + i] + second * pixels[from + stride + i];
  for (let k = 2; k < taps; k++) {
    const weight = weights[y * taps + k];
    from += k === 2 ? 2 * stride : stride;
    if (weight !== 0) for (let i = 0; i < line.length; i++) line[i] += weight * pixels[from + i];
  }
}

/** The pixels of a line in three planes, each `plane` behind the one before. */
function mixColumns(
  line: Float32Array,
  { output, taps, starts, weights }: FilterWeights,
  direction: 1 | -1,
  [c0, c1, c2]: readonly ChannelScale[],
  target: Float32Array,
  first: number,
  plane: number,
): void {
  const { scale: scale0, shift: shift0 } = c0;
  const { scale: scale1, shift: shift1 } = c1;
  const { scale: scale2, shift: shift2 } = c2;
  let at = first;
  for (let x = 0; x < output; x++) {
    let from = starts[x] * 3;
    const end = (x + 1) * taps;
    let weight = weights[x * taps];
    let red = weight * line[from];
    let green = weight * line[from + 1];
    let blue = weight * line[from + 2];
    for (let k = x * taps + 1; k < end; k++) {
      weight = weights[k];
      from += 3;
      red += weight * line[from];
      green += weight * line[from + 1];
      blue += weight * line[from + 2];
    }
    target[at] = red * scale0 + shift0;
    target[at + plane] = green * scale1 + shift1;
    target[at + 2 * plane] = blue * scale2 + shift2;
    at += direction;
  }
}

const UNSCALED: readonly ChannelScale[] = [0, 1, 2].map(() => ({ scale: 1, shift: 0 }));

/** The whole image at another size, rounded to 8 bits. */
export function resample(
  image: DecodedImage,
  width: number,
  height: number,
  filter: View['filter'],
): DecodedImage {
  const box = { left: 0, top: 0, width: image.width, height: image.height };
  const columns = filterWeights(filter, image.width, width);
  const lines = filterWeights(filter, image.height, height);
  const planes = new Float32Array(3 * width * height);
  resampleToPlanes(image, box, columns, lines, false, UNSCALED, planes, 0);
  const plane = width * height;
  const pixels = new Uint8ClampedArray(3 * plane);
  // A clamped array rounds to the nearest integer in 0..255.
  for (let c = 0; c < 3; c++) for (let i = 0; i < plane; i++) pixels[3 * i + c] = planes[c * plane + i];
  return { width, height, pixels: new Uint8Array(pixels.buffer) };
}
