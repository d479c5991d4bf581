/** Images that are stored as numbers rather than as image files. */
import type { DecodedImage } from '../contract.ts';

/** Grey values, rows first, as the same value in all three channels. */
export function fromGrey(values: Uint8Array, width: number, height: number): DecodedImage {
  const pixels = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++) pixels.fill(values[i], 3 * i, 3 * i + 3);
  return { width, height, pixels };
}

/** A plane of red, one of green and one of blue values, each rows first. */
export function fromPlanes(planes: Uint8Array, width: number, height: number): DecodedImage {
  const size = width * height;
  const pixels = new Uint8Array(3 * size);
  for (let i = 0; i < size; i++)
    for (let channel = 0; channel < 3; channel++) pixels[3 * i + channel] = planes[channel * size + i];
  return { width, height, pixels };
}

/** An image with rows and columns exchanged. */
export function transposed(values: Uint8Array, width: number, height: number): Uint8Array {
  return Uint8Array.from(values, (_, i) => values[(i % width) * height + Math.floor(i / width)]);
}

/** `train/000042`: numbers with leading zeros sort as they count. */
export const numbered = (prefix: string, index: number): string =>
  `${prefix}/${String(index).padStart(6, '0')}`;

/** The prefix and the number of such an id. */
export function numberOf(id: string): { prefix: string; index: number } {
  const slash = id.lastIndexOf('/');
  return { prefix: id.slice(0, slash), index: Number(id.slice(slash + 1)) };
}
