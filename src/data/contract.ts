/**
 * What a data set is to the rest of the program. A data set is opened once (listing, splitting, duplicate
 * check), is immutable afterwards, and hands out pixels one image at a time; batches and caches are built
 * over this contract and know nothing of where images come from.
 */

export type SplitName = 'train' | 'validation' | 'test';
export const SPLITS: readonly SplitName[] = ['train', 'validation', 'test'];

/** `single-label`: every image has one class. `multi-label`: every class is a question of its own, present or not. */
export type Task = 'single-label' | 'multi-label';

/**
 * `top1`: share of correct images. `meanPerClass`: mean over classes of the share of correct images.
 * `meanAveragePrecision`: mean over classes of the 11-point average precision; the metric of multi-label sets.
 */
export type Metric = 'top1' | 'meanPerClass' | 'meanAveragePrecision';

export interface ImageRecord {
  /** Unique in the data set and stable between runs: the relative path with `/`, or a procedural index. */
  readonly id: string;
  /**
   * Index into `classes`. Of a multi-label image the first class that is present (or, where none is, difficult; 0
   * where there is none either): for lists and samples, never for training.
   */
  readonly label: number;
  /** Multi-label only, one entry per class: 1 present, 0 absent, -1 difficult, which counts neither way. */
  readonly labels?: readonly number[];
  /** SHA-256 of the file's bytes, or of the recipe of a procedural image. */
  readonly contentHash: string;
}

/** 8-bit RGB pixels, rows top to bottom, channels interleaved: `pixels.length === width * height * 3`. */
export interface DecodedImage {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

/** Something that a user should know about the data and that does not stop the work. */
export interface DataProblem {
  /**
   * `unreadable`: skipped. `duplicate`: the same bytes in two splits or under two labels. `annotation`: a box, mask or
   * label that cannot be right and was left out. `deviation`: a published data set that is not as it was published.
   */
  readonly kind: 'unreadable' | 'duplicate' | 'annotation' | 'deviation';
  /** Ids of the images concerned. */
  readonly images: readonly string[];
  /** One full sentence. */
  readonly message: string;
}

export interface ImageDataset {
  readonly name: string;
  readonly task: Task;
  readonly classes: readonly string[];
  readonly metric: Metric;
  readonly splits: Readonly<Record<SplitName, readonly ImageRecord[]>>;
  readonly problems: readonly DataProblem[];
  /** Content address of classes, ids, labels, content hashes and splits: equal data, equal fingerprint. */
  readonly fingerprint: string;
  /** Whether each image is made from random numbers of its own, so that none is a copy of another. */
  readonly generated?: true;
  /** How a view of an image is made; see `image/render.ts`. Decoding runs off the calling thread. */
  render(record: ImageRecord, view: View): Promise<DecodedImage>;
}

/**
 * A deterministic first step from stored image to cached pixels.
 * - `short-side`: the shorter side resized to `size`, aspect kept (source of random resized crops and of
 *   the centre crop at test).
 * - `central-square`: the largest central square resized to `size` x `size` (fixed features).
 * - `stretched`: the whole image resized to `size` x `size`, aspect not kept (comparing images with each other).
 * All use a filter that is widened when shrinking (antialiased).
 */
export interface View {
  readonly kind: 'short-side' | 'central-square' | 'stretched';
  readonly size: number;
  readonly filter: 'bilinear' | 'bicubic';
}
