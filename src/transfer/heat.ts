/** A map laid over an image as heat: the image grey, the map from clear over yellow to red. */
import type { DecodedImage } from '../data/index.ts';

/** Light yellow, orange, red. */
const RAMP = [
  [255, 237, 160],
  [253, 141, 60],
  [227, 26, 28],
] as const;
/** How much of the image the strongest heat hides. */
const OPACITY = 0.65;

/** @param map rows of numbers in 0..1 over the whole image; between the middles of its places it is interpolated */
export function withHeat(
  { width, height, pixels }: DecodedImage,
  map: readonly (readonly number[])[],
): DecodedImage {
  const heated = new Uint8Array(pixels.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = 3 * (y * width + x);
      const heat = interpolated(map, (y + 0.5) / height, (x + 0.5) / width);
      const grey = 0.299 * pixels[at] + 0.587 * pixels[at + 1] + 0.114 * pixels[at + 2];
      const hidden = OPACITY * heat;
      for (let c = 0; c < 3; c++) heated[at + c] = Math.round((1 - hidden) * grey + hidden * rampAt(heat, c));
    }
  }
  return { width, height, pixels: heated };
}

/** The map at a point, `down` and `across` as shares of the image. */
function interpolated(map: readonly (readonly number[])[], down: number, across: number): number {
  const [top, bottom, downShare] = between(down, map.length);
  const [left, right, acrossShare] = between(across, map[0].length);
  const upper = (1 - acrossShare) * map[top][left] + acrossShare * map[top][right];
  const lower = (1 - acrossShare) * map[bottom][left] + acrossShare * map[bottom][right];
  return (1 - downShare) * upper + downShare * lower;
}

/** The places whose middles lie before and after a point, and how far it is from the first to the second. */
function between(share: number, count: number): [before: number, after: number, share: number] {
  const position = Math.min(Math.max(share * count - 0.5, 0), count - 1);
  const before = Math.floor(position);
  return [before, Math.min(before + 1, count - 1), position - before];
}

function rampAt(heat: number, channel: number): number {
  const [before, after, share] = between((heat * (RAMP.length - 1) + 0.5) / RAMP.length, RAMP.length);
  return (1 - share) * RAMP[before][channel] + share * RAMP[after][channel];
}
