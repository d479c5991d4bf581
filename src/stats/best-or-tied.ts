/**
 * Which candidates do not differ from the best.
 *
 * Purpose: the best of sixteen is best partly by luck; whatever a test does not tell from it deserves the same mark.
 * Across data sets the test is `pairedTTest`, on one data set a paired test of the same images.
 * Reference: Kornblith, Shlens & Le, "Do better ImageNet models transfer better?", 2019, figure 2, which marks p > .05
 * without a correction.
 * Example: scores [3, 1, 2] with p-values .01 and .2 of the second and third against the first: the third is tied.
 */
import { invariant } from '../util/errors.ts';
import { adjusted, type Correction } from './correction.ts';

export interface Standing {
  /** 1 for the best; equal scores share the better rank. */
  readonly rank: number;
  /** p-value of the test against the best; null for the best itself, and where there is no test. */
  readonly pValue: number | null;
  /** After the correction over all tests against the best. */
  readonly adjustedP: number | null;
  /** Whether this one is the best or was not shown to differ: `adjustedP` > alpha, or no test was possible. */
  readonly tied: boolean;
}

/**
 * Standings in the order given. The best is the first of those with the highest score.
 * @param against p-value of candidate i against the best, or null where they cannot be compared
 */
export function bestOrTied(
  scores: readonly number[],
  against: (candidate: number, best: number) => number | null,
  { alpha = 0.05, correction = 'none' }: { alpha?: number; correction?: Correction } = {},
): Standing[] {
  invariant(scores.length > 0 && !scores.some(Number.isNaN), 'the best of no scores, or of NaN');
  const best = scores.indexOf(Math.max(...scores));
  const tests = scores.map((_, i) => (i === best ? null : against(i, best)));
  const corrected = adjusted(
    tests.filter((p) => p !== null),
    correction,
  );
  let next = 0;
  return scores.map((score, i) => {
    const pValue = tests[i];
    const adjustedP = pValue === null ? null : corrected[next++];
    return {
      rank: 1 + scores.filter((other) => other > score).length,
      pValue,
      adjustedP,
      tied: adjustedP === null || adjustedP > alpha,
    };
  });
}
