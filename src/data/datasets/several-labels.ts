/** Images with several labels: their marks, and parts drawn so that every class is in each. */
import { UserError } from '../../util/errors.ts';
import type { ImageRecord, SplitName } from '../contract.ts';
import type { ListedImage } from '../readers/listing.ts';

/** An entry per class: 1 present, 0 absent, -1 not known. Names that are no classes are passed over. */
export function marksOf(
  { present, unknown }: NonNullable<ListedImage['several']>,
  labels: ReadonlyMap<string, number>,
): number[] {
  const marks = Array.from({ length: labels.size }, () => 0);
  for (const [names, mark] of [
    [unknown, -1],
    [present, 1],
  ] as const)
    for (const name of names) {
      const label = labels.get(name);
      if (label !== undefined) marks[label] = mark;
    }
  return marks;
}

const presentIn = ({ labels = [] }: ImageRecord): number[] =>
  labels.flatMap((mark, label) => (mark === 1 ? [label] : []));

/**
 * Records whose label is the rarest class that they show, for drawing parts by class: the rarest class is then in every
 * part, and commoner ones are with it or by themselves. Images that show none are a class of their own, the last.
 */
export function byRarest<T extends ImageRecord>(
  images: readonly T[],
  classes: readonly string[],
): { strata: readonly string[]; records: T[] } {
  const counts = classes.map(() => 0);
  for (const image of images) for (const label of presentIn(image)) counts[label]++;
  const records = images.map((image) => {
    const [rarest = classes.length] = presentIn(image).sort((a, b) => counts[a] - counts[b] || a - b);
    return { ...image, label: rarest };
  });
  return { strata: [...classes, ''], records };
}

/** @throws UserError DATA_CLASS_TOO_SMALL where a part that was drawn does not show a class at all */
export function requirePresent(
  parts: Readonly<Record<SplitName, readonly ImageRecord[]>>,
  drawn: readonly SplitName[],
  classes: readonly string[],
  root: string,
): void {
  for (const part of drawn) {
    const present = new Set(parts[part].flatMap(presentIn));
    const lacking = classes.filter((_, label) => !present.has(label));
    if (lacking.length > 0)
      throw new UserError(
        'DATA_CLASS_TOO_SMALL',
        `No image of the drawn ${part} part of ${root} shows ${lacking.slice(0, 10).join(', ')}.`,
        'Add images of these classes, state the parts in a column, or draw with another --split-seed.',
      );
  }
}
