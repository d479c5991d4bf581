/**
 * Permutation test of two models on the same images, where an image can be more or less right: in a multi-label set the
 * number of its classes that were told right.
 *
 * Purpose: if the models are equally good, each image's difference is as likely to favour one as the other, so all
 * choices of its sign are equally likely. Whole images are exchanged, because the classes of one image are not
 * independent. The distribution of the sum over all choices of signs is computed, not drawn; where each image is right
 * or wrong the test is McNemar's exact one (`paired-exact.ts`).
 * Reference: R. A. Fisher, "The design of experiments", 1935, section 21.
 * Example: differences 2, 1, 1 sum to 4, as does one of eight choices, and one to -4: p = 0.25.
 */
import jstat from 'jstat';
import { invariant } from '../util/errors.ts';

export interface PairedPermutationTest {
  /** Images of which model a has more right. */
  readonly aOnly: number;
  /** Images of which model b has more right. */
  readonly bOnly: number;
  /** Mean over images of what model a has right minus what b has; 0 without images. */
  readonly difference: number;
  /** Two-sided; 1 when the sums are equal. */
  readonly pValue: number;
}

/** Above so many additions there are ten thousand differences or more, whose sum is normal to what is printed of p. */
const MOST_ADDITIONS = 5e8;

/** `a[i]` and `b[i]`: how much the model has right of image i, whole numbers. The lists are equally long. */
export function pairedPermutationTest(a: readonly number[], b: readonly number[]): PairedPermutationTest {
  invariant(a.length === b.length, `paired test of ${a.length} and ${b.length} images`);
  const differences = a.map((value, i) => value - b[i]);
  invariant(differences.every(Number.isSafeInteger), 'a paired permutation test takes whole numbers');
  const sizes = differences.flatMap((difference) => (difference === 0 ? [] : [Math.abs(difference)]));
  const sum = differences.reduce((total, difference) => total + difference, 0);
  const observed = Math.abs(sum);
  const largest = sizes.reduce((sum, size) => sum + size, 0);
  return {
    aOnly: differences.filter((difference) => difference > 0).length,
    bOnly: differences.filter((difference) => difference < 0).length,
    difference: sum / Math.max(1, a.length),
    pValue:
      observed === 0
        ? 1
        : sizes.length * largest <= MOST_ADDITIONS
          ? exactTail(sizes, largest, observed)
          : normalTail(sizes, observed),
  };
}

/** P(|sum| >= observed), of the distribution of the sum of the sizes with random signs. */
function exactTail(sizes: readonly number[], largest: number, observed: number): number {
  // probability[s]: that the sizes with a plus sum to s; the sum is then 2 s - largest. Small sizes first, so that the
  // part of the table in use grows slowly.
  const probability = new Float64Array(largest + 1);
  probability[0] = 1;
  let reached = 0;
  for (const size of [...sizes].sort((x, y) => x - y)) {
    reached += size;
    for (let s = reached; s >= 0; s--)
      probability[s] = (probability[s] + (s >= size ? probability[s - size] : 0)) / 2;
  }
  let tail = 0;
  for (let s = 0; 2 * s - largest <= -observed; s++) tail += probability[s];
  return Math.min(1, 2 * tail);
}

/** The sums are twice the greatest common divisor apart, so half of that is taken off (continuity correction). */
function normalTail(sizes: readonly number[], observed: number): number {
  const deviation = Math.sqrt(sizes.reduce((sum, size) => sum + size * size, 0));
  const step = sizes.reduce((a, b) => divisor(a, b), 0);
  return Math.min(1, 2 * jstat.jStat.normal.cdf(step - observed, 0, deviation));
}

const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
