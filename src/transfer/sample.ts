/** Some images of a part, the same for every network that is asked about them. */
import { firstStratified, lineUp } from '../data/designs/sample.ts';
import type { ImageDataset, ImageRecord, SplitName } from '../data/index.ts';

/** Images of a part that have one class: all, or of a multi-label set those with exactly one that is present. */
function plain({ splits }: ImageDataset, part: SplitName): ImageRecord[] {
  return splits[part].filter(({ labels }) => !labels || labels.filter((one) => one === 1).length === 1);
}

/** At most `count` images of each class by their place in a line that the seed and their own ids decide, a list per class. */
export function firstOfClass(
  dataset: ImageDataset,
  part: SplitName,
  count: number,
  seed: number,
): ImageRecord[][] {
  const lines = lineUp(plain(dataset, part), dataset.classes.length, seed);
  return lines.map((line) => line.slice(0, count));
}

/** At most `count` images: first one of each class, then every class by its share. */
export function firstOfAll(
  dataset: ImageDataset,
  part: SplitName,
  count: number,
  seed: number,
): ImageRecord[] {
  return firstStratified(plain(dataset, part), dataset.classes, count, seed);
}
