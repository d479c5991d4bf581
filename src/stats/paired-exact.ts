/**
 * Exact test of two models on the same images (McNemar's test in its exact binomial form).
 *
 * Purpose: images that both models get right or both get wrong say nothing about which is better. Of the
 * others, half should favour each model if they are equally good, so the count is Binomial(n, 1/2). For
 * top-1 accuracy it is the limit of the permutation test that swaps the two models image by image.
 * Reference: Q. McNemar, "Note on the sampling error of the difference between correlated proportions", 1947.
 * Example: 10 images only model a gets right, 2 only b: p = 0.0386.
 */
import { invariant } from '../util/errors.ts';
import { signTest } from './sign-test.ts';

export interface PairedExactTest {
  /** Images that only model a gets right. */
  readonly aOnly: number;
  /** Images that only model b gets right. */
  readonly bOnly: number;
  /** Share of images that model a gets right minus that of b; 0 without images. */
  readonly difference: number;
  /** Two-sided; 1 when the models never differ. */
  readonly pValue: number;
}

/** `a[i]` and `b[i]`: whether the model is right about image i. The lists are equally long. */
export function pairedExactTest(a: readonly boolean[], b: readonly boolean[]): PairedExactTest {
  invariant(a.length === b.length, `paired test of ${a.length} and ${b.length} images`);
  let aOnly = 0;
  let bOnly = 0;
  for (let i = 0; i < a.length; i++) {
    if (a[i] && !b[i]) aOnly++;
    else if (b[i] && !a[i]) bOnly++;
  }
  const difference = (aOnly - bOnly) / Math.max(1, a.length);
  return { aOnly, bOnly, difference, pValue: signTest(aOnly, bOnly) };
}
