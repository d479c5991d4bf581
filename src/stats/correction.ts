/**
 * Corrections of p-values for multiple comparisons, as an option.
 *
 * Purpose: one place where the choice is made, so that a study can name its correction.
 * Example: `adjusted([0.01, 0.04, 0.03], 'holm')` is [0.03, 0.06, 0.06].
 */
import { benjaminiHochberg } from './benjamini-hochberg.ts';
import { holm } from './holm.ts';

/** `holm`: chance of any false rejection; `benjamini-hochberg`: share of false ones among the rejections. */
export type Correction = 'none' | 'holm' | 'benjamini-hochberg';

const CORRECTIONS: Record<Correction, (pValues: readonly number[]) => number[]> = {
  none: (pValues) => [...pValues],
  holm,
  'benjamini-hochberg': benjaminiHochberg,
};

/** The p-values of one family of tests, adjusted, in the order given. */
export function adjusted(pValues: readonly number[], method: Correction): number[] {
  return CORRECTIONS[method](pValues);
}
