/**
 * From stored image to the pixels of a view: decode, turn upright (EXIF), drop alpha, convert to sRGB with
 * three channels, crop, resize. Decoding runs in libuv's threads, the rest on the calling thread.
 */
import { readFile } from 'node:fs/promises';
import sharp, { type Sharp } from 'sharp';
import { messageOf, UserError } from '../../util/errors.ts';
import { isFileChanged } from '../content.ts';
import type { DecodedImage, View } from '../contract.ts';
import { renderOnThread } from './render-threads.ts';
import { resample } from './resample.ts';

/** Above this a picture is refused: its pixels alone would fill 600 MB, which is more likely an attack or a scan. */
export const MAX_PIXELS = 200_000_000;

/** A short-side view keeps at most this many times its short side of a long panorama, from the middle. */
const LONGEST_ASPECT = 2;

/** Photographs whose short side is this many times that of a view are first made smaller while they are decoded. */
const REDUCED_FROM = 6;
/** And this many times the view's is then left, so that the exact filter still decides. */
const REDUCED_TO = 3;
/**
 * Decoders reduce by 2, 4 or 8. Where that leaves a rest, the result is shifted by up to a pixel of the photograph;
 * cameras make sides that are divisible.
 */
const REDUCIBLE = 8;
/** JPEG files with fewer bytes are decoded without asking for their size, which takes a tenth of the time. */
const SMALL_FILE = 100_000;

/** The version of the decoder: its verdicts on damaged files may change with it. */
export const DECODER_VERSION = sharp.versions.sharp;

// Many images are decoded at a time, so a thread per image is enough, and no image is decoded twice.
sharp.concurrency(1);
sharp.cache(false);

/**
 * The view of the image file at `path`.
 *
 * Errors: `IMAGE_UNREADABLE` (missing, damaged, not an image, more than `MAX_PIXELS`).
 */
export function renderFile(path: string, view: View): Promise<DecodedImage> {
  return renderContent(readFile(path), path, view);
}

/**
 * The view of an encoded image, or of pixels, that is being read.
 * @param place where it lies, for the error
 *
 * Errors: `IMAGE_UNREADABLE`, as of `renderFile`; `FILE_CHANGED` of what is being read.
 */
export function renderContent(
  reading: Promise<Uint8Array | DecodedImage>,
  place: string,
  view: View,
): Promise<DecodedImage> {
  return readable(place, async () => {
    const content = await reading;
    if (!(content instanceof Uint8Array)) return renderPixels(content, view);
    return (await renderOnThread(content, view)) ?? renderBytes(content, view);
  });
}

/**
 * The pixels of an encoded image as they are stored: an EXIF orientation turns nothing. Errors: those of
 * `renderContent`.
 */
export function decodeContent(reading: Promise<Uint8Array>, place: string): Promise<DecodedImage> {
  return readable(place, async () => pixelsOf(open(await reading)));
}

/** Width and height as they are stored, from the header alone; EXIF turns nothing. Throws what the decoder throws. */
export async function storedSize(bytes: Uint8Array): Promise<{ width: number; height: number }> {
  const { width, height } = await open(bytes).metadata();
  return { width, height };
}

async function readable<T>(place: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isFileChanged(error)) throw error;
    throw new UserError(
      'IMAGE_UNREADABLE',
      `The image ${place} cannot be read: ${reasonOf(error)}.`,
      'Repair or remove the file.',
      { cause: error },
    );
  }
}

/** The view of an encoded image, made on this thread. Throws what the decoder throws. */
export async function renderBytes(bytes: Uint8Array, view: View): Promise<DecodedImage> {
  const upright = open(bytes).autoOrient();
  const mayBeLarge = isJpeg(bytes) && bytes.length >= SMALL_FILE;
  const size = mayBeLarge ? await uprightSize(bytes) : { width: 0, height: 0 };
  const short = Math.min(size.width, size.height);
  const divisible = size.width % REDUCIBLE === 0 && size.height % REDUCIBLE === 0;
  if (short < REDUCED_FROM * view.size || !divisible) return renderPixels(await pixelsOf(upright), view);
  // The decoder leaves out detail that is not wanted, and most of the work with it.
  const scale = (REDUCED_TO * view.size) / short;
  const [width, height] = [size.width, size.height].map((side) => Math.round(scale * side));
  const reduced = await pixelsOf(upright.resize(width, height, { fit: 'fill', kernel: 'cubic' }));
  const whole = viewGeometry(size.width, size.height, view);
  const across = width / size.width;
  const down = height / size.height;
  const part = {
    left: whole.region.left * across,
    top: whole.region.top * down,
    width: whole.region.width * across,
    height: whole.region.height * down,
  };
  return resample(reduced, part, whole.width, whole.height, view.filter);
}

const isJpeg = (bytes: Uint8Array): boolean => bytes[0] === 0xff && bytes[1] === 0xd8;

/** The view of pixels that are already in memory, for example of a procedural image. */
export function renderPixels(image: DecodedImage, view: View): DecodedImage {
  const { region, width, height } = viewGeometry(image.width, image.height, view);
  return resample(image, region, width, height, view.filter);
}

/**
 * Why the bytes of an image file cannot be decoded to the last row, as half a sentence; null when they can.
 * All compressed data is read, so a truncated file is found; the pixels are made small on the way to save memory.
 */
export async function findDecodeError(bytes: Uint8Array): Promise<string | null> {
  try {
    await uprightSize(bytes);
    await open(bytes).resize(32, 32, { fit: 'fill' }).raw().toBuffer();
    return null;
  } catch (error) {
    return reasonOf(error);
  }
}

/** `failOn: 'error'` stops at truncated or broken data but lets harmless oddities pass, as other readers do. */
function open(bytes: Uint8Array, limitInputPixels = MAX_PIXELS): Sharp {
  return sharp(bytes, { failOn: 'error', limitInputPixels });
}

/** Width and height after the EXIF rotation, from the header alone. Throws when there are too many pixels. */
async function uprightSize(bytes: Uint8Array): Promise<{ width: number; height: number }> {
  if (bytes.length === 0) throw new Error('the file is empty');
  const { width, height } = (await open(bytes, Number.MAX_SAFE_INTEGER).metadata()).autoOrient;
  if (width * height > MAX_PIXELS)
    throw new Error(`${width} x ${height} pixels are more than the limit of ${MAX_PIXELS / 1e6} million`);
  return { width, height };
}

async function pixelsOf(image: Sharp): Promise<DecodedImage> {
  const plain = image.removeAlpha().toColourspace('srgb').raw({ depth: 'uchar' });
  const { data, info } = await plain.toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new Error(`${info.channels} channels were decoded where 3 were expected`);
  return { width: info.width, height: info.height, pixels: data };
}

/**
 * Which region of a `width` x `height` image a view shows, and at what size. The long side of a short-side
 * view is rounded down, as in torchvision.
 */
export function viewGeometry(width: number, height: number, view: View) {
  if (view.kind === 'stretched')
    return { region: { left: 0, top: 0, width, height }, width: view.size, height: view.size };
  const short = Math.min(width, height);
  const longest = view.kind === 'central-square' ? short : LONGEST_ASPECT * short;
  const shownWidth = Math.min(width, longest);
  const shownHeight = Math.min(height, longest);
  return {
    region: {
      left: Math.floor((width - shownWidth) / 2),
      top: Math.floor((height - shownHeight) / 2),
      width: shownWidth,
      height: shownHeight,
    },
    width: Math.floor((view.size * shownWidth) / short),
    height: Math.floor((view.size * shownHeight) / short),
  };
}

/** Why an image cannot be had as half a sentence: the first line, without the decoder's own prefix and the full stop. */
export function reasonOf(error: unknown): string {
  const message = error instanceof UserError ? error.given : messageOf(error);
  const line = message.split('\n')[0].trim().replace(/\.$/, '');
  return line
    .replace(/^Input buffer /, 'the file ')
    .replace(
      /^Input image exceeds pixel limit/,
      `the image has more than ${MAX_PIXELS / 1e6} million pixels`,
    );
}

/** A JPEG file's bytes of an image, for showing it. */
export function encodeJpeg({ width, height, pixels }: DecodedImage): Promise<Buffer> {
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 80 })
    .toBuffer();
}

/** A PNG file's bytes of an image, from which exactly its pixels come back. */
export function encodePng({ width, height, pixels }: DecodedImage): Promise<Buffer> {
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}
