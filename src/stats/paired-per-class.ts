/**
 * Permutation test of two models on the same images for mean per-class accuracy.
 *
 * Purpose: where classes count alike, an image of a small class weighs more, so the exact tests of counts do not apply.
 * If the models are equally good, each image's two answers may be swapped; the difference of mean per-class accuracies
 * is computed for many random choices of swaps. It is not valid for average precision, which ranks images against each
 * other, and it ignores what another seed would change (`pairedSeedsTest`).
 * Reference: R. A. Fisher, "The design of experiments", 1935, section 21; 100,000 swaps in Kornblith, Shlens & Le,
 * "Do better ImageNet models transfer better?", 2019. The p-value counts the observed choice among the drawn ones: B.
 * Phipson & G. K. Smyth, "Permutation p-values should never be zero", 2010.
 * Example: classes of equal size weigh all images alike, so the test is the exact one, `signTest`.
 */
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { invariant } from '../util/errors.ts';
import { signTest } from './sign-test.ts';

export interface PairedPerClassTest {
  /** Images that only model a gets right. */
  readonly aOnly: number;
  /** Images that only model b gets right. */
  readonly bOnly: number;
  /** Mean per-class accuracy of a minus that of b, over the classes that occur. */
  readonly difference: number;
  /** Two-sided, (1 + swaps at least as extreme) / (1 + swaps); exact where all classes are of one size. */
  readonly pValue: number;
}

/**
 * @param a, b whether the model is right about image i
 * @param labels class of image i, 0 or above
 */
export function pairedPerClassTest(
  a: readonly boolean[],
  b: readonly boolean[],
  labels: ArrayLike<number>,
  { seed = 0, swaps = 100_000 }: { seed?: number; swaps?: number } = {},
): PairedPerClassTest {
  invariant(
    a.length === b.length && a.length === labels.length && a.length > 0,
    `paired test of ${a.length} and ${b.length} images with ${labels.length} labels`,
  );
  const classes = new Map<number, { images: number; aOnly: number; bOnly: number }>();
  a.forEach((right, i) => {
    const counts = classes.get(labels[i]) ?? { images: 0, aOnly: 0, bOnly: 0 };
    counts.images++;
    if (right && !b[i]) counts.aOnly++;
    if (b[i] && !right) counts.bOnly++;
    classes.set(labels[i], counts);
  });
  const terms = [...classes.values()].map(({ images, aOnly, bOnly }) => ({
    weight: 1 / (images * classes.size),
    aOnly,
    bOnly,
  }));
  const difference = terms.reduce((sum, { weight, aOnly, bOnly }) => sum + weight * (aOnly - bOnly), 0);
  const aOnly = terms.reduce((sum, term) => sum + term.aOnly, 0);
  const bOnly = terms.reduce((sum, term) => sum + term.bOnly, 0);
  const alike = terms.every(({ weight }) => weight === terms[0].weight);
  const pValue = alike ? signTest(aOnly, bOnly) : tail(terms, Math.abs(difference), seed, swaps);
  return { aOnly, bOnly, difference, pValue };
}

/** Share of random swaps, the observed one included, whose absolute difference is at least `observed`. */
function tail(
  terms: readonly { readonly weight: number; readonly aOnly: number; readonly bOnly: number }[],
  observed: number,
  seed: number,
  swaps: number,
): number {
  const active = terms
    .map(({ weight, aOnly, bOnly }) => ({ weight, swapped: aOnly + bOnly }))
    .filter(({ swapped }) => swapped > 0);
  const generator = xoroshiro128plus(seed);
  // Sums of the same terms in another order differ in their last digits, and still count as equal.
  const least = observed * (1 - 1e-12);
  let extreme = 0;
  for (let swap = 0; swap < swaps; swap++) {
    let sum = 0;
    for (const { weight, swapped } of active) {
      let heads = 0;
      for (let left = swapped; left > 0; left -= 32) {
        const bits = generator.next();
        heads += bitsSet(left >= 32 ? bits : bits & ((1 << left) - 1));
      }
      sum += weight * (2 * heads - swapped);
    }
    if (Math.abs(sum) >= least) extreme++;
  }
  return (1 + extreme) / (1 + swaps);
}

/** The number of ones among 32 bits, added up in pairs, fours, eights, and all at once. */
function bitsSet(bits: number): number {
  const pairs = bits - ((bits >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
