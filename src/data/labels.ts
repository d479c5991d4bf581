/** The labels of records as the numbers that training and metrics read. */
import { invariant } from '../util/errors.ts';
import type { ImageDataset, ImageRecord } from './contract.ts';

/**
 * Single-label: the class of each record. Multi-label: records x classes, row-major, of 1 (present), 0 (absent) and -1
 * (difficult).
 */
export function labelsOf(
  { task, classes }: Pick<ImageDataset, 'task' | 'classes'>,
  records: readonly ImageRecord[],
): Int32Array {
  if (task === 'single-label') return Int32Array.from(records, ({ label }) => label);
  const all = new Int32Array(records.length * classes.length);
  for (const [row, { id, labels }] of records.entries()) {
    invariant(labels?.length === classes.length, `${id} has no label for each of ${classes.length} classes`);
    all.set(labels, row * classes.length);
  }
  return all;
}
