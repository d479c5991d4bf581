/**
 * Which images a smaller part keeps. Every image has a place in line that depends on the seed and its own id alone, so
 * a smaller n keeps some of the images of a larger one, and images or classes left out before change nothing.
 */
import { sha256 } from '../../util/hash.ts';
import type { ImageRecord } from '../contract.ts';

/** The images of each class in their order in line; `classes` entries, some of which may be empty. */
export function lineUp(records: readonly ImageRecord[], classes: number, seed: number): ImageRecord[][] {
  const lines: { record: ImageRecord; place: string }[][] = Array.from({ length: classes }, () => []);
  for (const record of records)
    lines[record.label].push({ record, place: placeOf(seed, 'image', record.id) });
  return lines.map((line) => line.sort((a, b) => (a.place < b.place ? -1 : 1)).map(({ record }) => record));
}

/** A place in a line named by a seed and what is lined up. */
export function placeOf(seed: number, what: 'image' | 'class', name: string): string {
  return sha256(`design\u0000${seed}\u0000${what}\u0000${name}`);
}

/**
 * The first `n` images of a stratified order: first one image of every class, then images of all classes mixed so
 * evenly that any beginning of the order has each class by its share, give or take one image.
 */
export function firstStratified(
  records: readonly ImageRecord[],
  classes: readonly string[],
  n: number,
  seed: number,
): ImageRecord[] {
  const order = lineUp(records, classes.length, seed).flatMap((line, label) => {
    // Without an offset of its own every class would come at the same moments.
    const offset = Number.parseInt(placeOf(seed, 'class', classes[label]).slice(0, 8), 16) / 2 ** 32;
    return line.map((record, rank) => ({ record, rank, moment: (rank + offset) / line.length, label }));
  });
  return order
    .sort((a, b) => Math.min(a.rank, 1) - Math.min(b.rank, 1) || a.moment - b.moment || a.label - b.label)
    .slice(0, n)
    .map(({ record }) => record);
}
