/**
 * Training and test transforms on 8-bit pixels, written as normalised float32 planes straight into a batch.
 * All randomness comes from the caller's stream, so a result depends on seed, epoch and image, never on threads.
 */
import type { Random } from '../tensor/random.ts';
import { invariant } from '../util/errors.ts';
import type { DecodedImage } from './contract.ts';
import {
  type ChannelScale,
  type CropBox,
  cropToPlanes,
  filterWeights,
  resampleToPlanes,
} from './image/resample.ts';

/** Per-channel mean and standard deviation of pixel values scaled to 0..1. */
export interface Normalisation {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

const CHANNELS = 3;
/** Share of the image that the smallest random crop covers, unless told otherwise. */
const SMALLEST_CROP = 0.08;
const ASPECT = { from: 3 / 4, to: 4 / 3 };
const TRIES = 10;

/**
 * The random crop of Szegedy et al. 2015 ("Going deeper with convolutions", section 6): area uniform in
 * `smallest`..1 of the image (published: 0.08), aspect log-uniform in 3/4..4/3; after ten boxes that do not fit, the largest central
 * box within the aspects. As torchvision's RandomResizedCrop.
 */
export function drawCropBox(
  random: Random,
  width: number,
  height: number,
  smallest = SMALLEST_CROP,
): CropBox {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const area = width * height * random.uniform(smallest, 1);
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
  smallest = SMALLEST_CROP,
): void {
  const box = drawCropBox(random, image.width, image.height, smallest);
  const mirrored = random.uniform() < 0.5;
  resizedCrop(image, box, mirrored, size, normalisation, batch, n);
}

/**
 * The region `box` resized to `size` x `size` with the antialiased bilinear filter, as image `n` of `batch`.
 * Pixels outside the box have no influence. Agrees with PyTorch's
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
  const columns = filterWeights('bilinear', box.width, size);
  const lines = filterWeights('bilinear', box.height, size);
  const channels = [0, 1, 2].map((c) => channelScale(normalisation, c));
  resampleToPlanes(image, box, columns, lines, mirrored, channels, batch, n * CHANNELS * size * size);
}

/** The central `size` x `size` pixels, as image `n` of `batch`; half pixels are rounded to even, as torchvision does. */
export function centreCrop(
  image: DecodedImage,
  size: number,
  normalisation: Normalisation,
  batch: Float32Array,
  n: number,
): void {
  const { width, height } = image;
  invariant(width >= size && height >= size, `centre crop of ${size} from an image of ${width} x ${height}`);
  const left = roundHalfToEven((width - size) / 2);
  const top = roundHalfToEven((height - size) / 2);
  const channels = [0, 1, 2].map((c) => channelScale(normalisation, c));
  const box = { left, top, width: size, height: size };
  cropToPlanes(image, box, channels, batch, n * CHANNELS * size * size);
}

function roundHalfToEven(value: number): number {
  const low = Math.floor(value);
  return value - low === 0.5 ? low + (low % 2) : Math.round(value);
}

/** (x / 255 - mean) / std as x * scale + shift. */
function channelScale({ mean, std }: Normalisation, channel: number): ChannelScale {
  return { scale: 1 / (255 * std[channel]), shift: -mean[channel] / std[channel] };
}
