/**
 * Masks as run lengths, in the forms of COCO: plain counts, and counts packed into text.
 *
 * Reference: the masks of the COCO API. Runs go column by column from the top left and alternate between out and in,
 * beginning with out. Packed, each count from the third on is the difference from the one two before it, in groups of
 * five bits, lowest first, a sixth bit saying that more follow; a group is written as the character 48 above it.
 */
import type { RunLengthMask } from './detection.ts';

/** The runs of a mask, `width * height` values row by row, 0 being out. */
export function runsOf(pixels: ArrayLike<number>, width: number, height: number): RunLengthMask {
  const runs: number[] = [];
  let [inside, length] = [false, 0];
  for (let x = 0; x < width; x++)
    for (let y = 0; y < height; y++) {
      const covered = pixels[y * width + x] !== 0;
      if (covered !== inside) {
        runs.push(length);
        length = 0;
        inside = covered;
      }
      length++;
    }
  runs.push(length);
  return { kind: 'runs', width, height, runs };
}

/** The mask's pixels row by row: 1 in, 0 out. */
export function pixelsOfRuns({ width, height, runs }: RunLengthMask): Uint8Array {
  const pixels = new Uint8Array(width * height);
  let at = 0;
  for (const [i, length] of runs.entries()) {
    const end = at + length;
    if (i % 2 === 0) at = end;
    for (; at < end; at++) pixels[(at % height) * width + Math.floor(at / height)] = 1;
  }
  return pixels;
}

/** How many pixels are in. */
export function areaOfRuns({ runs }: RunLengthMask): number {
  return runs.reduce((sum, length, i) => sum + (i % 2 === 1 ? length : 0), 0);
}

/** Packs runs into text. */
export function packRuns(runs: readonly number[]): string {
  let text = '';
  for (const [i, length] of runs.entries()) {
    let rest = i > 2 ? length - runs[i - 2] : length;
    let more = true;
    while (more) {
      let group = rest & 0x1f;
      rest >>= 5;
      more = group & 0x10 ? rest !== -1 : rest !== 0;
      if (more) group |= 0x20;
      text += String.fromCharCode(group + 48);
    }
  }
  return text;
}

/** Runs of packed text; null where it is none. */
export function unpackRuns(text: string): number[] | null {
  const runs: number[] = [];
  let at = 0;
  while (at < text.length) {
    let [value, shift, more] = [0, 0, true];
    while (more) {
      const group = text.charCodeAt(at++) - 48;
      // The end of the text (NaN), a character that is no group, or a number of more than 31 bits.
      if (!(group >= 0 && group < 64) || shift > 30) return null;
      value |= (group & 0x1f) << shift;
      more = (group & 0x20) !== 0;
      shift += 5;
      if (!more && group & 0x10 && shift < 32) value |= -1 << shift;
    }
    runs.push(runs.length > 2 ? value + runs[runs.length - 2] : value);
  }
  return runs;
}

/** Whether runs are whole, not negative, and together as many pixels as the image has. */
export function areRuns(runs: readonly unknown[], width: number, height: number): runs is readonly number[] {
  let sum = 0;
  for (const run of runs) {
    if (typeof run !== 'number' || !Number.isInteger(run) || run < 0) return false;
    sum += run;
  }
  return sum === width * height;
}
