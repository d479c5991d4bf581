/**
 * A network's opinion on pairs whose spectra resemble each other without deciding, such as a picture and a part of it
 * that was cut out. Features of different photographs have much in common; so the mean of a sample is taken off first.
 */
import type { ProgressListener } from '../../util/progress.ts';
import { isFileChanged } from '../content.ts';
import type { DecodedImage, ImageDataset, ImageRecord } from '../contract.ts';
import type { NearPair } from './near.ts';

/** What a network makes of images: a row of features for each. */
export interface FeatureExtractor {
  /** Side of the square images that it takes, pixels. */
  readonly size: number;
  of(images: readonly DecodedImage[]): Promise<Float32Array[]>;
}

/** Cosine of centred features from which on two images are copies: photographs of equal things stay below .83. */
const LEAST_COSINE = 0.9;
/** Images whose mean is taken off. */
const SAMPLE = 160;
/** Images rendered and handed to the network at a time. */
const TOGETHER = 64;

interface Shown {
  readonly dataset: ImageDataset;
  readonly record: ImageRecord;
}

/** Those of `doubtful` that the network takes for copies. Images that cannot be decoded any more are none. */
export async function confirmPairs(
  images: readonly Shown[],
  doubtful: readonly NearPair[],
  network: FeatureExtractor,
  onProgress: ProgressListener,
): Promise<NearPair[]> {
  if (doubtful.length === 0) return [];
  const sample = Math.min(SAMPLE, images.length);
  const wanted = new Map<number, { image: number; mirrored: boolean }>();
  const key = (image: number, mirrored: boolean) => 2 * image + Number(mirrored);
  const want = (image: number, mirrored: boolean) => wanted.set(key(image, mirrored), { image, mirrored });
  for (let i = 0; i < sample; i++) want(Math.floor((i * images.length) / sample), false);
  const samples = new Set(wanted.keys());
  for (const { a, b, mirrored } of doubtful) {
    want(a, false);
    want(b, mirrored);
  }
  const features = new Map<number, Float32Array>();
  const all = [...wanted];
  for (let start = 0; start < all.length; start += TOGETHER) {
    onProgress({ phase: 'ask the network', done: start, total: all.length });
    const part = all.slice(start, start + TOGETHER);
    const pictures = await Promise.all(
      part.map(([, { image, mirrored }]) => show(images[image], mirrored, network)),
    );
    const shown = part.flatMap(([id], i) => (pictures[i] ? [{ id, picture: pictures[i] }] : []));
    const rows = await network.of(shown.map(({ picture }) => picture));
    for (const [i, { id }] of shown.entries()) features.set(id, rows[i]);
  }
  onProgress({ phase: 'ask the network', done: all.length, total: all.length });
  const mean = meanOf([...samples].flatMap((id) => features.get(id) ?? []));
  return doubtful.filter(({ a, b, mirrored }) => {
    const [first, second] = [features.get(key(a, false)), features.get(key(b, mirrored))];
    return first && second && centredCosine(first, second, mean) >= LEAST_COSINE;
  });
}

async function show(
  { dataset, record }: Shown,
  mirrored: boolean,
  { size }: FeatureExtractor,
): Promise<DecodedImage | null> {
  try {
    const image = await dataset.render(record, { kind: 'stretched', size, filter: 'bilinear' });
    return mirrored ? mirrorImage(image) : image;
  } catch (error) {
    if (isFileChanged(error)) throw error;
    return null;
  }
}

function mirrorImage({ width, height, pixels }: DecodedImage): DecodedImage {
  const turned = new Uint8Array(pixels.length);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const from = 3 * (y * width + width - 1 - x);
      turned.set(pixels.subarray(from, from + 3), 3 * (y * width + x));
    }
  return { width, height, pixels: turned };
}

function meanOf(rows: readonly Float32Array[]): Float64Array {
  const mean = new Float64Array(rows[0]?.length ?? 0);
  for (const row of rows) for (let i = 0; i < row.length; i++) mean[i] += row[i] / rows.length;
  return mean;
}

function centredCosine(a: Float32Array, b: Float32Array, mean: Float64Array): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] - mean[i], b[i] - mean[i]];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return ab / (Math.sqrt(aa * bb) || 1);
}
