/**
 * Training steps to reach a share of the highest odds of a correct answer: the figure of merit of convergence.
 *
 * Purpose: the last percent of accuracy can take most of the steps, so the number of steps "to convergence" is ill
 * defined; 90% of the maximum odds p / (1 - p) is reached at a clear place. Several budgets were run, each to the end of
 * its own schedule; between neighbouring ones the log odds are taken as linear in the logarithm of the steps.
 * Reference: Kornblith, Shlens & Le, "Do better ImageNet models transfer better?", 2019, section 4.7: 1,151 steps
 * fine-tuned against 19,531 from scratch, 17 times as many.
 * Example: `stepsToOdds([10, 100, 1000], [0, 1, 1.1])` reaches 0.9 of e^1.1 at 98.8 steps.
 */
import { invariant } from '../util/errors.ts';

export interface StepsToOdds {
  readonly steps: number;
  /** The log odds that had to be reached: their maximum + ln share. */
  readonly target: number;
  /** Whether the smallest budget reached it already, so that fewer steps might have done. */
  readonly atMost: boolean;
  /** Whether the largest budget has the maximum, so that more steps might have reached more. */
  readonly stillRising: boolean;
}

/**
 * @param steps budgets, ascending, above 0
 * @param logits log odds of a correct answer at each budget (`logitOfCounts`), finite
 * @param share of the maximum odds, between 0 and 1
 */
export function stepsToOdds(steps: readonly number[], logits: readonly number[], share = 0.9): StepsToOdds {
  invariant(
    steps.length === logits.length && steps.length > 0 && logits.every(Number.isFinite),
    `${steps.length} budgets with ${logits.length} log odds, which must be finite`,
  );
  invariant(
    steps.every((count, k) => count > (k === 0 ? 0 : steps[k - 1])),
    'budgets must be ascending',
  );
  const maximum = Math.max(...logits);
  const target = maximum + Math.log(share);
  const first = logits.findIndex((value) => value >= target);
  const stillRising = logits.indexOf(maximum) === steps.length - 1;
  if (first === 0) return { steps: steps[0], target, atMost: true, stillRising };
  const part = (target - logits[first - 1]) / (logits[first] - logits[first - 1]);
  return {
    steps: steps[first - 1] * (steps[first] / steps[first - 1]) ** part,
    target,
    atMost: false,
    stillRising,
  };
}
