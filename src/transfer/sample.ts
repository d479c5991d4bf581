/** Some images of a part, the same for every network that is asked about them. */

import { lineUp } from '../data/designs/sample.ts';
import type { ImageDataset, ImageRecord, SplitName } from '../data/index.ts';

/**
 * At most `count` images of each class by their place in a line that the seed and their own ids decide, one list per
 * class. Of a multi-label set images with exactly one class.
 */
export function firstOfClass(
  { splits, classes }: ImageDataset,
  part: SplitName,
  count: number,
  seed: number,
): ImageRecord[][] {
  const plain = splits[part].filter(
    ({ labels }) => !labels || labels.filter((one) => one === 1).length === 1,
  );
  return lineUp(plain, classes.length, seed).map((line) => line.slice(0, count));
}
