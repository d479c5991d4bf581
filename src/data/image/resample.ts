/**
 * Separable resampling with the filters of PIL and torchvision: pixel centres lie at half integers, the filter is
 * widened when shrinking (antialiased), and at the border the weights that are left are scaled to add up to 1.
 */
import type { DecodedImage, View } from '../contract.ts';
import { instantiateMixKernels, type MixKernels, SLACK } from './mix-kernels.ts';

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

/**
 * The weights that bring `input` pixels in a line to `output` pixels, or only a part of them: `length` pixels from
 * `from` on, where both may be fractions.
 */
export function filterWeights(
  name: View['filter'],
  input: number,
  output: number,
  from = 0,
  length = input,
): FilterWeights {
  const filter = FILTERS[name];
  const scale = length / output;
  const widening = Math.max(scale, 1);
  const reach = filter.reach * widening;
  const taps = Math.min(input, Math.ceil(2 * reach));
  const starts = new Int32Array(output);
  const weights = new Float32Array(output * taps);
  for (let i = 0; i < output; i++) {
    const centre = from + (i + 0.5) * scale;
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

/** Bytes of a float32, and of one pixel of a line between both passes. */
const FLOAT = 4;
const LINE_PIXEL = 3 * FLOAT;
const PAGE = 1 << 16;

/** Where the parts of one resampling lie in the kernels' memory. */
interface Layout {
  readonly scales: number;
  readonly starts: number;
  readonly columnWeights: number;
  readonly lineWeights: number;
  readonly line: number;
  /** The rows of the image that make one line, as they lie in the image. */
  readonly rows: number;
  readonly output: number;
}

/** The kernels of this thread, and their memory as bytes and as numbers; made when first needed. */
let kernels: MixKernels | undefined;
let bytes = new Uint8Array();
let floats = new Float32Array();
let integers = new Int32Array();

/** Makes the kernels, and their memory of at least `size` bytes. */
function reserve(size: number): void {
  kernels ??= instantiateMixKernels();
  const { memory } = kernels;
  const missing = size - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
  if (bytes.buffer === memory.buffer) return;
  bytes = new Uint8Array(memory.buffer);
  floats = new Float32Array(memory.buffer);
  integers = new Int32Array(memory.buffer);
}

/** Scales, then shifts, of three channels at the beginning of the kernels' memory. */
function placeScales(channels: readonly ChannelScale[]): void {
  for (const [c, { scale, shift }] of channels.entries()) {
    floats[c] = scale;
    floats[4 + c] = shift;
  }
}

/** Copies what does not change from line to line into the kernels' memory, which grows as needed. */
function prepare(
  image: DecodedImage,
  box: CropBox,
  columns: FilterWeights,
  lines: FilterWeights,
  outputBytes: number,
): Layout {
  let end = 8 * FLOAT;
  const place = (size: number) => {
    const start = end;
    end = (end + size + SLACK + SLACK - 1) & -SLACK;
    return start;
  };
  const layout = {
    scales: 0,
    starts: place(FLOAT * columns.output),
    columnWeights: place(FLOAT * columns.weights.length),
    lineWeights: place(FLOAT * lines.weights.length),
    // Rows are mixed eight values at a time.
    line: place(LINE_PIXEL * (box.width + 8)),
    rows: place(3 * image.width * lines.taps),
    output: place(outputBytes),
  };
  reserve(end);
  floats.set(columns.weights, layout.columnWeights / FLOAT);
  floats.set(lines.weights, layout.lineWeights / FLOAT);
  for (let x = 0; x < columns.output; x++)
    integers[layout.starts / FLOAT + x] = LINE_PIXEL * columns.starts[x];
  return layout;
}

/** The rows of the box that make line `y`, as one row of interleaved float32 pixels at `layout.line`. */
function mixLine(image: DecodedImage, box: CropBox, lines: FilterWeights, y: number, layout: Layout): void {
  const { taps, starts } = lines;
  const stride = 3 * image.width;
  const from = (box.top + starts[y]) * stride + 3 * box.left;
  bytes.set(image.pixels.subarray(from, from + (taps - 1) * stride + 3 * box.width), layout.rows);
  const weights = layout.lineWeights + FLOAT * y * taps;
  const length = (3 * box.width + 7) & -8;
  kernels!.mixRows(layout.rows, stride, taps, weights, length, layout.line);
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
  const width = columns.output;
  const plane = width * lines.output;
  const layout = prepare(image, box, columns, lines, 3 * plane * FLOAT);
  placeScales(channels);
  const { line, starts, columnWeights, output, scales } = layout;
  for (let y = 0; y < lines.output; y++) {
    mixLine(image, box, lines, y, layout);
    // One pixel after the other from this place, or before it.
    const first = output + FLOAT * (y * width + (mirrored ? width - 1 : 0));
    const step = mirrored ? -FLOAT : FLOAT;
    const { taps } = columns;
    kernels!.mixColumnsToPlanes(line, starts, taps, columnWeights, width, first, plane * FLOAT, step, scales);
  }
  target.set(floats.subarray(output / FLOAT, output / FLOAT + 3 * plane), to);
}

/**
 * The region `part` of an image at another size, rounded to 8 bits. Its sides may be fractions of pixels; where they
 * are whole numbers, pixels outside have no influence.
 */
export function resample(
  image: DecodedImage,
  part: CropBox,
  width: number,
  height: number,
  filter: View['filter'],
): DecodedImage {
  const [left, top] = [Math.floor(part.left), Math.floor(part.top)];
  const right = Math.min(image.width, Math.ceil(part.left + part.width));
  const bottom = Math.min(image.height, Math.ceil(part.top + part.height));
  const box = { left, top, width: right - left, height: bottom - top };
  const columns = filterWeights(filter, box.width, width, part.left - left, part.width);
  const lines = filterWeights(filter, box.height, height, part.top - top, part.height);
  const layout = prepare(image, box, columns, lines, 3 * width * height);
  const { line, starts, columnWeights, output } = layout;
  for (let y = 0; y < height; y++) {
    mixLine(image, box, lines, y, layout);
    kernels!.mixColumnsToBytes(line, starts, columns.taps, columnWeights, width, output + 3 * y * width);
  }
  return { width, height, pixels: bytes.slice(output, output + 3 * width * height) };
}

/** A region as it is, as three planes in `target` from `to` on, after `channels` scaled its values of 0..255. */
export function cropToPlanes(
  { width, pixels }: DecodedImage,
  box: CropBox,
  channels: readonly ChannelScale[],
  target: Float32Array,
  to: number,
): void {
  // Four pixels at a time: what is made of those behind a line is written over by the next, or lies between planes.
  const count = (box.width + 3) & -4;
  const area = box.width * box.height;
  const plane = FLOAT * area + SLACK;
  const source = 8 * FLOAT;
  const output = (source + 3 * count + SLACK + SLACK) & -SLACK;
  reserve(output + 3 * plane);
  placeScales(channels);
  for (let y = 0; y < box.height; y++) {
    const from = 3 * ((box.top + y) * width + box.left);
    bytes.set(pixels.subarray(from, from + 3 * box.width), source);
    kernels!.bytesToPlanes(source, count, output + FLOAT * y * box.width, plane, 0);
  }
  for (let c = 0; c < 3; c++) {
    const first = (output + c * plane) / FLOAT;
    target.set(floats.subarray(first, first + area), to + c * area);
  }
}
