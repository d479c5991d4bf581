/**
 * What is lost by trusting a score: train only the models that it likes best, and see how far the best of them stays
 * behind the best of all.
 *
 * Purpose: a rank correlation does not say what a wrong pick costs; the regret does, in accuracy.
 * Example: `rankRegret([3, 2, 1], [0.8, 0.9, 0.7])` picks model 0, which has rank 2 and regret 0.1; a random pick would
 * lose 0.1 too on average.
 */
import { invariant } from '../util/errors.ts';

export interface RankRegret {
  /** The best model among those that the score likes best. */
  readonly picked: number;
  /** Its rank among all by outcome, 1 = best. */
  readonly rank: number;
  /** Best outcome of all minus the outcome of `picked`; 0 or above. */
  readonly regret: number;
  /** The regret that as many models picked at random have on average. */
  readonly chanceRegret: number;
}

/**
 * @param scores larger promises more
 * @param outcomes what the models then reached, larger is better
 * @param shortlist how many models the score may pick, 1 .. number of models. Equal scores are picked in the order that
 *   is worst for the score, so that a score which does not decide gains nothing by the order of the lists.
 */
export function rankRegret(
  scores: readonly number[],
  outcomes: readonly number[],
  shortlist = 1,
): RankRegret {
  const n = scores.length;
  invariant(n === outcomes.length && n > 0, `${n} scores for ${outcomes.length} outcomes`);
  invariant(shortlist >= 1 && shortlist <= n, `a shortlist of ${shortlist} from ${n}`);
  const models = scores.map((_, i) => i);
  const liked = models.sort((i, j) => scores[j] - scores[i] || outcomes[i] - outcomes[j]).slice(0, shortlist);
  const picked = liked.reduce((best, i) => (outcomes[i] > outcomes[best] ? i : best));
  const descending = [...outcomes].sort((a, b) => b - a);
  return {
    picked,
    rank: 1 + descending.filter((outcome) => outcome > outcomes[picked]).length,
    regret: descending[0] - outcomes[picked],
    chanceRegret: descending[0] - expectedBest(descending, shortlist),
  };
}

/** The expected maximum of `k` of the values drawn without replacement. */
function expectedBest(descending: readonly number[], k: number): number {
  const n = descending.length;
  let expected = 0;
  // That none of the better i was drawn, and then that the next one is: k of the n - i that are left.
  let noneBetter = 1;
  for (let i = 0; i <= n - k; i++) {
    const drawn = k / (n - i);
    expected += noneBetter * drawn * descending[i];
    noneBetter *= 1 - drawn;
  }
  return expected;
}
