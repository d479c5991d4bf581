/** A published data set that is not here, by its published numbers: enough to plan work on it. */
import { contentHash } from '../../util/hash.ts';
import { type ImageDataset, type ImageRecord, SPLITS, type SplitName } from '../contract.ts';
import { HELD_OUT } from './open.ts';
import { findOfficial } from './registry.ts';

/**
 * Its classes have numbers for names and its images cannot be rendered; a validation part that is drawn from the training
 * part has the size that it would be drawn with.
 *
 * Errors: `UNKNOWN_DATASET`, `DATASET_TASK`.
 */
export function publishedDataset(name: string): ImageDataset {
  const { task, metric, classes, images } = findOfficial(name);
  const heldOut = images.validation === 'held out' ? Math.round(HELD_OUT * images.train) : 0;
  const counts: Record<SplitName, number> = {
    train: images.train - heldOut,
    validation: images.validation === 'held out' ? heldOut : images.validation,
    test: images.test,
  };
  const splits = Object.fromEntries(
    SPLITS.map((split) => [
      split,
      Array.from({ length: counts[split] }, (_, i): ImageRecord => {
        const id = `${split}/${i}`;
        return { id, label: i % classes, contentHash: id };
      }),
    ]),
  ) as Record<SplitName, ImageRecord[]>;
  return {
    name,
    task,
    metric,
    classes: Array.from({ length: classes }, (_, i) => `class ${i}`),
    splits,
    problems: [],
    fingerprint: contentHash({ published: name }),
    render: async () => {
      throw new Error(`internal: ${name} is known by its numbers only`);
    },
  };
}
