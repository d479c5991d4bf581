/**
 * Wilson's score interval of a share, for top-1 accuracy.
 *
 * Purpose: unlike the textbook p +- z se it stays inside 0..1, and it is sound for small n and at 0 or n correct.
 * Reference: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
 * Example: `wilsonInterval(8, 10)` is { low: 0.490, high: 0.943 }.
 */
import jstat from 'jstat';
import { invariant } from '../util/errors.ts';

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * Two-sided interval of the true share after `correct` of `n` independent successes.
 * @param n at least 1
 * @param confidence coverage, between 0 and 1
 */
export function wilsonInterval(correct: number, n: number, confidence = 0.95): Interval {
  invariant(n > 0 && correct >= 0 && correct <= n, `wilsonInterval given ${correct} of ${n}`);
  invariant(confidence > 0 && confidence < 1, `confidence ${confidence} is not between 0 and 1`);
  const z = jstat.jStat.normal.inv(0.5 + confidence / 2, 0, 1);
  const share = correct / n;
  const centre = (share + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z / (1 + (z * z) / n)) * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n));
  // The ends are exact at 0 and n correct; rounding would leave them a hair off.
  return {
    low: correct === 0 ? 0 : Math.max(0, centre - half),
    high: correct === n ? 1 : Math.min(1, centre + half),
  };
}
