/** Drawing train, validation and test parts by a seeded, stratified rule. */
import { Random } from '../tensor/random.ts';
import { UserError } from '../util/errors.ts';
import type { SplitName } from './contract.ts';

/** Shares of the images of each class; they add up to 1. */
export type SplitFractions = Readonly<Record<SplitName, number>>;

export const DEFAULT_FRACTIONS: SplitFractions = { train: 0.6, validation: 0.2, test: 0.2 };

/** Throws `DATA_FRACTIONS` unless every share is positive and they add up to 1. */
export function requireFractions(fractions: SplitFractions): void {
  const { train, validation, test } = fractions;
  const positive = [train, validation, test].every((share) => share > 0);
  if (positive && Math.abs(train + validation + test - 1) < 1e-6) return;
  throw new UserError(
    'DATA_FRACTIONS',
    `The shares train ${train}, validation ${validation} and test ${test} were asked for.`,
    'Every share must be above 0 and together they must be 1, for example 0.6, 0.2 and 0.2.',
  );
}

/**
 * Images with equal content form one group, which is never torn apart: a copy of a training image in test
 * would make the test easier than the task. A group belongs to the class of its first image.
 */
export interface ContentGroup<T> {
  readonly label: number;
  readonly images: readonly T[];
}

/** Groups images, given in a stable order, by content. Groups are in the order of their first images. */
export function groupByContent<T extends { readonly label: number; readonly contentHash: string }>(
  images: readonly T[],
): ContentGroup<T>[] {
  const groups = new Map<string, T[]>();
  for (const image of images) {
    const group = groups.get(image.contentHash);
    if (group) group.push(image);
    else groups.set(image.contentHash, [image]);
  }
  return [...groups.values()].map((group) => ({ label: group[0].label, images: group }));
}

/**
 * Divides groups among `train` and the `drawn` parts, class by class, in proportion to `fractions`. A class
 * with as many groups as there are parts has at least one in each. Depends on the order of the groups
 * (sorted ids) and the seed only; a change in one class leaves the others as they are.
 */
export function drawParts<T>(
  groups: readonly ContentGroup<T>[],
  classes: readonly string[],
  drawn: readonly SplitName[],
  fractions: SplitFractions,
  seed: number,
): Record<SplitName, T[]> {
  const parts: Record<SplitName, T[]> = { train: [], validation: [], test: [] };
  const byLabel: ContentGroup<T>[][] = classes.map(() => []);
  for (const group of groups) byLabel[group.label].push(group);
  for (const [label, name] of classes.entries()) {
    const own = byLabel[label];
    const shuffled = new Random(seed, 'split', name).shuffle(own);
    const counts = partCounts(own.length, drawn, fractions);
    let next = 0;
    for (const [i, part] of drawn.entries()) {
      for (const group of shuffled.slice(next, next + counts[i])) parts[part].push(...group.images);
      next += counts[i];
    }
    for (const group of shuffled.slice(next)) parts.train.push(...group.images);
  }
  return parts;
}

/** How many of `count` groups go to each drawn part: rounded, at least one, and at least one left for train. */
function partCounts(count: number, drawn: readonly SplitName[], fractions: SplitFractions): number[] {
  const whole = drawn.reduce((sum, part) => sum + fractions[part], fractions.train);
  const counts = drawn.map((part) => Math.max(1, Math.round((count * fractions[part]) / whole)));
  while (counts.length > 0 && counts.reduce((a, b) => a + b) >= count) {
    const largest = counts.indexOf(Math.max(...counts));
    if (counts[largest] === 1) break;
    counts[largest]--;
  }
  return counts;
}
