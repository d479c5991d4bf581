/** What a reader finds: images with their classes and parts, and how to get at them. Nothing is decoded for it. */
import type { DataProblem, DecodedImage, SplitName } from '../contract.ts';

export interface ListedImage {
  /** Unique; the path relative to the root with `/`, or a number where images are no files. */
  readonly id: string;
  readonly className: string;
  /** The official part that it lies in; null where there are no official parts. */
  readonly part: SplitName | null;
}

export interface ImageListing {
  /** Absolute path of the folder or file, for messages. */
  readonly root: string;
  readonly classes: readonly string[];
  /** In a stable order. */
  readonly images: readonly ListedImage[];
  /** Empty where there are no official parts; otherwise `train` and possibly others. */
  readonly officialParts: readonly SplitName[];
  /** What was left out or looks wrong. */
  readonly problems: readonly DataProblem[];
  /** The file of an image as it is stored, or its pixels where the data has no files of images. */
  read(id: string): Promise<Uint8Array | DecodedImage>;
}

/**
 * Endings of image files, lower case. Those from `bmp` on cannot be decoded; they are listed so that they are
 * reported as unreadable rather than silently passed over.
 */
export const IMAGE_ENDING =
  /\.(jpg|jpeg|jpe|jfif|png|webp|gif|tif|tiff|avif|bmp|heic|heif|jp2|jxl|pbm|pgm|ppm|tga)$/i;

const PART_NAMES: Readonly<Record<string, SplitName>> = {
  train: 'train',
  training: 'train',
  validation: 'validation',
  val: 'validation',
  valid: 'validation',
  dev: 'validation',
  test: 'test',
  testing: 'test',
};

/** The part that people call so, as in `val` or `Valid`; undefined for other words. */
export function partNamed(name: string): SplitName | undefined {
  const lower = name.toLowerCase();
  return Object.hasOwn(PART_NAMES, lower) ? PART_NAMES[lower] : undefined;
}
