/**
 * What a data set of objects in images is to the rest of the program: boxes, masks and keypoints by image. As with
 * `contract.ts`, it is opened once and immutable afterwards, and says nothing of the files that it came from.
 *
 * Coordinates are pixels from the top left corner of the image: the first pixel covers 0..1, so an image of 640 x 480
 * ends at x = 640 and y = 480, and a box that covers one pixel is 1 wide.
 */
import type { DataProblem, DecodedImage, SplitName } from './contract.ts';

export interface Box {
  readonly x0: number;
  readonly y0: number;
  /** Greater than `x0`. */
  readonly x1: number;
  /** Greater than `y0`. */
  readonly y1: number;
}

/** Outlines, each a flat list x, y, x, y, ... of at least three points; together they are one object. */
interface PolygonMask {
  readonly kind: 'polygons';
  readonly polygons: readonly (readonly number[])[];
}

/**
 * Run lengths, column by column from the top left pixel: how many pixels are out, in, out, ... The first run may be 0;
 * together they are width x height.
 */
export interface RunLengthMask {
  readonly kind: 'runs';
  readonly width: number;
  readonly height: number;
  readonly runs: readonly number[];
}

export type Mask = PolygonMask | RunLengthMask;

export interface Keypoint {
  readonly x: number;
  readonly y: number;
  /** 0: not labelled (x and y mean nothing). 1: labelled but hidden. 2: labelled and visible. */
  readonly visibility: 0 | 1 | 2;
}

/** An object in an image. */
export interface DetectionInstance {
  /** Index into the data set's `classes`. */
  readonly label: number;
  readonly box: Box;
  /** Of the mask, or of the box where there is none, as the source states it where it does; square pixels. */
  readonly area: number;
  /** A region with many objects that are not told apart: neither a hit nor a mistake. */
  readonly crowd: boolean;
  /** Hard to recognise, in PASCAL VOC's sense: neither a hit nor a mistake. */
  readonly difficult: boolean;
  readonly mask?: Mask;
  /** As many as the class has `keypoints`. */
  readonly keypoints?: readonly Keypoint[];
}

export interface DetectionImage {
  /** Unique in the data set and stable between runs. */
  readonly id: string;
  readonly width: number;
  readonly height: number;
  /** SHA-256 of the file's bytes, or of the recipe of a procedural image. */
  readonly contentHash: string;
  readonly instances: readonly DetectionInstance[];
}

export interface DetectionClass {
  readonly name: string;
  /** Names of the keypoints that objects of the class have. */
  readonly keypoints?: readonly string[];
  /** Pairs of positions in `keypoints` that are joined in drawings. */
  readonly skeleton?: readonly (readonly [number, number])[];
}

export interface DetectionDataset {
  readonly name: string;
  readonly classes: readonly DetectionClass[];
  /** A part that the source lacks is empty. */
  readonly splits: Readonly<Record<SplitName, readonly DetectionImage[]>>;
  readonly problems: readonly DataProblem[];
  /** Annotations that cannot be right, such as empty boxes, and are no instances; `problems` names them. */
  readonly leftOut: number;
  /** Content address of classes, annotations and splits. */
  readonly fingerprint: string;
  /** The image at its own size, decoded off the calling thread. */
  decode(image: DetectionImage): Promise<DecodedImage>;
}
