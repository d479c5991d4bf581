/**
 * Training and test transforms on 8-bit pixels, written as normalised float32 planes straight into a batch.
 * All randomness comes from the caller's stream, so a result depends on seed, epoch and image, never on threads.
 */
import type { Random } from '../tensor/random.ts';
import { invariant } from '../util/errors.ts';
import type { DecodedImage } from './contract.ts';

/** Per-channel mean and standard deviation of pixel values scaled to 0..1. */
export interface Normalisation {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** A region of an image in whole pixels. */
export interface CropBox {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

const CHANNELS = 3;
const AREA = { from: 0.08, to: 1 };
const ASPECT = { from: 3 / 4, to: 4 / 3 };
const TRIES = 10;

/**
 * The random crop of Szegedy et al. 2015 ("Going deeper with convolutions", section 6): area uniform in
 * 0.08..1 of the image, aspect log-uniform in 3/4..4/3; after ten boxes that do not fit, the largest central
 * box within the aspects. As torchvision's RandomResizedCrop.
 */
export function drawCropBox(random: Random, width: number, height: number): CropBox {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const area = width * height * random.uniform(AREA.from, AREA.to);
    const aspect = Math.exp(random.uniform(Math.log(ASPECT.from), Math.log(ASPECT.to)));
    const boxWidth = Math.round(Math.sqrt(area * aspect));
    const boxHeight = Math.round(Math.sqrt(area / aspect));
    if (boxWidth < 1 || boxHeight < 1 || boxWidth > width || boxHeight > height) continue;
    const top = random.integer(height - boxHeight + 1);
    const left = random.integer(width - boxWidth + 1);
    return { left, top, width: boxWidth, height: boxHeight };
  }
  const boxWidth = Math.max(1, Math.min(width, Math.round(height * ASPECT.to)));
  const boxHeight = Math.max(1, Math.min(height, Math.round(width / ASPECT.from)));
  const left = Math.floor((width - boxWidth) / 2);
  const top = Math.floor((height - boxHeight) / 2);
  return { left, top, width: boxWidth, height: boxHeight };
}

/**
 * A random resized crop, mirrored with probability 1/2, as image `n` of `batch` (shape N, 3, size, size).
 * `random` must be the stream of this image in this epoch.
 */
export function randomResizedCrop(
  image: DecodedImage,
  random: Random,
  size: number,
  normalisation: Normalisation,
  batch: Float32Array,
  n: number,
): void {
  const box = drawCropBox(random, image.width, image.height);
  const mirrored = random.uniform() < 0.5;
  resizedCrop(image, box, mirrored, size, normalisation, batch, n);
}

/**
 * The region `box` resized to `size` x `size` with the antialiased bilinear filter, as image `n` of `batch`.
 * Pixels outside the box have no influence. Two passes, rows first; agrees with PyTorch's
 * `interpolate(mode='bilinear', antialias=True)`.
 */
export function resizedCrop(
  image: DecodedImage,
  box: CropBox,
  mirrored: boolean,
  size: number,
  normalisation: Normalisation,
  batch: Float32Array,
  n: number,
): void {
  const rows = resizeRows(image, box, mirrored, size);
  const filter = triangleFilter(box.height, size);
  const plane = size * size;
  for (let c = 0; c < CHANNELS; c++) {
    const scale = 1 / (255 * normalisation.std[c]);
    const shift = -normalisation.mean[c] / normalisation.std[c];
    for (let y = 0; y < size; y++) {
      const to = (n * CHANNELS + c) * plane + y * size;
      const out = batch.subarray(to, to + size);
      out.fill(shift);
      for (let k = 0; k < filter.taps; k++) {
        const weight = filter.weights[y * filter.taps + k] * scale;
        if (weight === 0) continue;
        const from = (c * box.height + filter.starts[y] + k) * size;
        for (let x = 0; x < size; x++) out[x] += weight * rows[from + x];
      }
    }
  }
}

/** The rows of the box resized to `size` columns: planes of shape 3, box height, size. */
function resizeRows(image: DecodedImage, box: CropBox, mirrored: boolean, size: number): Float32Array {
  const { starts, weights, taps } = triangleFilter(box.width, size);
  const { pixels } = image;
  const plane = box.height * size;
  const rows = new Float32Array(CHANNELS * plane);
  for (let y = 0; y < box.height; y++) {
    const rowStart = ((box.top + y) * image.width + box.left) * CHANNELS;
    for (let x = 0; x < size; x++) {
      let from = rowStart + starts[x] * CHANNELS;
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let k = x * taps; k < (x + 1) * taps; k++) {
        const weight = weights[k];
        red += weight * pixels[from];
        green += weight * pixels[from + 1];
        blue += weight * pixels[from + 2];
        from += CHANNELS;
      }
      const to = y * size + (mirrored ? size - 1 - x : x);
      rows[to] = red;
      rows[plane + to] = green;
      rows[2 * plane + to] = blue;
    }
  }
  return rows;
}

/**
 * Output position i is the weighted sum of the inputs `starts[i]` .. `starts[i] + taps - 1`. The triangle is
 * one input pixel wide to each side when enlarging and one output pixel when shrinking, which averages away
 * what the smaller grid cannot show. Weights of one output add up to 1; taps beyond the triangle are 0 and inside the input.
 */
function triangleFilter(input: number, output: number) {
  const scale = input / output;
  const reach = Math.max(scale, 1);
  const taps = Math.min(input, Math.ceil(2 * reach));
  const starts = new Int32Array(output);
  const weights = new Float32Array(output * taps);
  for (let i = 0; i < output; i++) {
    const centre = (i + 0.5) * scale;
    const start = Math.min(Math.max(0, Math.floor(centre - reach + 0.5)), input - taps);
    starts[i] = start;
    let sum = 0;
    for (let k = 0; k < taps; k++)
      sum += weights[i * taps + k] = Math.max(0, 1 - Math.abs(start + k + 0.5 - centre) / reach);
    for (let k = 0; k < taps; k++) weights[i * taps + k] /= sum;
  }
  return { starts, weights, taps };
}

/** The central `size` x `size` pixels, as image `n` of `batch`; of an odd rest, the smaller half is left and above. */
export function centreCrop(
  image: DecodedImage,
  size: number,
  normalisation: Normalisation,
  batch: Float32Array,
  n: number,
): void {
  const { width, height, pixels } = image;
  invariant(width >= size && height >= size, `centre crop of ${size} from an image of ${width} x ${height}`);
  const left = Math.floor((width - size) / 2);
  const top = Math.floor((height - size) / 2);
  for (let c = 0; c < CHANNELS; c++) {
    const scale = 1 / (255 * normalisation.std[c]);
    const shift = -normalisation.mean[c] / normalisation.std[c];
    let to = (n * CHANNELS + c) * size * size;
    for (let y = 0; y < size; y++) {
      let from = ((top + y) * width + left) * CHANNELS + c;
      for (let x = 0; x < size; x++) {
        batch[to++] = pixels[from] * scale + shift;
        from += CHANNELS;
      }
    }
  }
}
