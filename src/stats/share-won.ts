/**
 * In how many cells of models x data sets one way wins over another, as in "fine-tuning beats logistic regression in
 * 179 of 192 cells".
 *
 * Purpose: cells of one model or of one data set resemble each other, so 192 cells are less than 192 witnesses. Wilson's
 * interval and the sign test take them as independent and are too sure; the pigeonhole bootstrap draws models and data
 * sets with replacement, each for itself, and is the honest interval for other models and other data sets.
 * Reference: E. B. Wilson, 1927 (`wilsonInterval`); A. B. Owen, "The pigeonhole bootstrap", 2007.
 * Example: `shareWon([[0.1, 0.2], [0.3, -0.1]])` has won 3 of 4, Wilson 0.301 .. 0.954, p = 0.625.
 */
import { invariant } from '../util/errors.ts';
import { type BootstrapOptions, drawer, percentileInterval } from './bootstrap.ts';
import { type Interval, wilsonInterval } from './intervals.ts';
import { signTest } from './sign-test.ts';

export interface ShareWon {
  readonly won: number;
  readonly tied: number;
  readonly lost: number;
  /** won / (won + tied + lost). */
  readonly share: number;
  /** Of the share, cells taken as independent. */
  readonly wilson: Interval;
  /** Of the share, by the pigeonhole bootstrap over models and data sets. */
  readonly bootstrap: Interval;
  /** Sign test, two-sided, ties left out, cells taken as independent. */
  readonly pValue: number;
}

/**
 * @param differences `differences[m][d]`: the first way minus the second with model m on data set d; null where there
 *   is no result. At least one result.
 */
export function shareWon(
  differences: readonly (readonly (number | null)[])[],
  { seed = 0, resamples = 2000, confidence = 0.95 }: BootstrapOptions = {},
): ShareWon {
  const cells = differences.flat().filter((difference) => difference !== null);
  invariant(cells.length > 0 && !cells.some(Number.isNaN), 'the share won of no cells, or of NaN');
  const won = cells.filter((difference) => difference > 0).length;
  const lost = cells.filter((difference) => difference < 0).length;
  const draw = drawer(seed);
  const results = new Float64Array(resamples);
  for (let resample = 0; resample < resamples; ) {
    const share = shareOfDraw(differences, draw);
    if (!Number.isNaN(share)) results[resample++] = share;
  }
  return {
    won,
    tied: cells.length - won - lost,
    lost,
    share: won / cells.length,
    wilson: wilsonInterval(won, cells.length, confidence),
    bootstrap: percentileInterval(results.sort(), confidence),
    pValue: signTest(won, lost),
  };
}

/** The share won in as many drawn rows and drawn columns as there are; NaN when only holes were drawn. */
function shareOfDraw(
  differences: readonly (readonly (number | null)[])[],
  draw: (n: number) => number,
): number {
  const columns = differences[0].map(() => draw(differences[0].length));
  let [won, n] = [0, 0];
  for (let i = 0; i < differences.length; i++) {
    const row = differences[draw(differences.length)];
    for (const column of columns) {
      const difference = row[column];
      if (difference === null) continue;
      n++;
      if (difference > 0) won++;
    }
  }
  return won / n;
}
