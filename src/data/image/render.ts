/**
 * From stored image to the pixels of a view: decode, turn upright (EXIF), drop alpha, convert to sRGB with
 * three channels, crop, resize. The work of sharp runs in libuv's threads.
 */
import { readFile } from 'node:fs/promises';
import sharp, { type Sharp } from 'sharp';
import { messageOf, UserError } from '../../util/errors.ts';
import type { DecodedImage, View } from '../contract.ts';
import { resample } from './resample.ts';

/** Above this a picture is refused: its pixels alone would fill 600 MB, which is more likely an attack or a scan. */
export const MAX_PIXELS = 200_000_000;

/** A short-side view keeps at most this many times its short side of a long panorama, from the middle. */
const LONGEST_ASPECT = 2;

const KERNELS = { bilinear: 'linear', bicubic: 'cubic' } as const;

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
export async function renderFile(path: string, view: View): Promise<DecodedImage> {
  try {
    const bytes = await readFile(path);
    const size = await uprightSize(bytes);
    return await renderView(open(bytes).autoOrient(), size, view);
  } catch (error) {
    throw new UserError(
      'IMAGE_UNREADABLE',
      `The image ${path} cannot be read: ${reasonOf(error)}.`,
      'Repair or remove the file.',
      { cause: error },
    );
  }
}

/** The view of pixels that are already in memory, for example of a procedural image. */
export function renderPixels(image: DecodedImage, view: View): Promise<DecodedImage> {
  const { width, height, pixels } = image;
  return renderView(sharp(pixels, { raw: { width, height, channels: 3 } }), { width, height }, view);
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
function open(bytes: Uint8Array): Sharp {
  return sharp(bytes, { failOn: 'error', limitInputPixels: false });
}

/** Width and height after the EXIF rotation, from the header alone. Throws when there are too many pixels. */
async function uprightSize(bytes: Uint8Array): Promise<{ width: number; height: number }> {
  if (bytes.length === 0) throw new Error('the file is empty');
  const { width, height } = (await open(bytes).metadata()).autoOrient;
  if (width * height > MAX_PIXELS)
    throw new Error(`${width} x ${height} pixels are more than the limit of ${MAX_PIXELS / 1e6} million`);
  return { width, height };
}

async function renderView(
  upright: Sharp,
  size: { width: number; height: number },
  view: View,
): Promise<DecodedImage> {
  const { region, width, height } = viewGeometry(size.width, size.height, view);
  const shown = upright.extract(region).removeAlpha().toColourspace('srgb');
  // libvips shifts an image that it enlarges by half a pixel, so enlarging is done here.
  if (width > region.width) return resample(await pixelsOf(shown), width, height, view.filter);
  return pixelsOf(shown.resize(width, height, { fit: 'fill', kernel: KERNELS[view.filter] }));
}

async function pixelsOf(image: Sharp): Promise<DecodedImage> {
  const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new Error(`${info.channels} channels were decoded where 3 were expected`);
  return { width: info.width, height: info.height, pixels: data };
}

/**
 * Which region of a `width` x `height` image a view shows, and at what size. The long side of a short-side
 * view is rounded down, as in torchvision.
 */
export function viewGeometry(width: number, height: number, view: View) {
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

/** The decoder's reason as half a sentence: its first line, without its own prefix and full stop. */
function reasonOf(error: unknown): string {
  const line = messageOf(error).split('\n')[0].trim().replace(/\.$/, '');
  return line.replace(/^Input buffer /, 'the file ');
}

/** A JPEG file's bytes of an image, for showing it. */
export function encodeJpeg({ width, height, pixels }: DecodedImage): Promise<Buffer> {
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 80 })
    .toBuffer();
}
