/**
 * 11-point average precision of scores, the metric of PASCAL VOC classification until 2009, and its mean over classes.
 *
 * Reference: Everingham et al., "The PASCAL visual object classes (VOC) challenge", 2010, section 4.2: the mean over
 * t = 0, 0.1 .. 1 of the largest precision at a recall of at least t; 0 where no recall reaches t.
 *
 * Labels are 1 (present), 0 (absent) and -1 (difficult: neither right nor wrong, as if the image were not there).
 * Images with equal scores cannot be ordered, so they are taken together: the result does not depend on the order in
 * which images are given.
 */
import { invariant } from '../util/errors.ts';

/** NaN where no image is labelled 1. */
export function averagePrecision(labels: ArrayLike<number>, scores: ArrayLike<number>): number {
  invariant(labels.length === scores.length, `${labels.length} labels with ${scores.length} scores`);
  const ranking = rankingOf(labels, scores);
  return averagePrecisionOf(ranking, new Float64Array(labels.length).fill(1));
}

/**
 * Mean over the classes that occur (have an image labelled 1).
 * @param labels images x classes, row-major
 * @param scores images x classes, row-major; larger means more likely present
 */
export function meanAveragePrecision(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  classes: number,
): number {
  return meanOfKnown(averagePrecisions(labels, scores, classes));
}

/** Average precision of every class; NaN for a class that does not occur. Arguments as `meanAveragePrecision`. */
export function averagePrecisions(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  classes: number,
): number[] {
  const images = labels.length / classes;
  invariant(
    labels.length === scores.length && Number.isInteger(images) && images > 0,
    `${labels.length} labels with ${scores.length} scores of ${classes} classes`,
  );
  const column = (matrix: ArrayLike<number>, k: number) =>
    Float64Array.from({ length: images }, (_, i) => matrix[i * classes + k]);
  return Array.from({ length: classes }, (_, k) => averagePrecision(column(labels, k), column(scores, k)));
}

/**
 * The mean average precision of images drawn from some: ranks are found once, so that thousands of draws are cheap.
 * @returns a function from how often each image is drawn to the mean over the classes that occur among them; NaN where
 *   none does
 */
export function resampledMeanAveragePrecision(
  labels: ArrayLike<number>,
  scores: ArrayLike<number>,
  classes: number,
): (times: Float64Array) => number {
  const images = labels.length / classes;
  const rankings = Array.from({ length: classes }, (_, k) => {
    const column = (matrix: ArrayLike<number>) =>
      Float64Array.from({ length: images }, (_, i) => matrix[i * classes + k]);
    return rankingOf(column(labels), column(scores));
  });
  return (times) => meanOfKnown(rankings.map((ranking) => averagePrecisionOf(ranking, times)));
}

/** Images that count, best first. */
interface Ranking {
  readonly order: Int32Array;
  readonly present: Uint8Array;
  /** 1 where the next image has a lower score, so that the images up to here can be told from the others. */
  readonly last: Uint8Array;
}

function rankingOf(labels: ArrayLike<number>, scores: ArrayLike<number>): Ranking {
  const counted: number[] = [];
  for (let i = 0; i < labels.length; i++) {
    invariant(!Number.isNaN(scores[i]), `the score of image ${i} is not a number`);
    if (labels[i] >= 0) counted.push(i);
  }
  counted.sort((a, b) => (scores[a] === scores[b] ? a - b : scores[a] < scores[b] ? 1 : -1));
  return {
    order: Int32Array.from(counted),
    present: Uint8Array.from(counted, (i) => Number(labels[i] > 0)),
    last: Uint8Array.from(counted, (i, rank) => Number(scores[i] !== scores[counted[rank + 1]])),
  };
}

function averagePrecisionOf({ order, present, last }: Ranking, times: Float64Array): number {
  let positives = 0;
  for (let rank = 0; rank < order.length; rank++) if (present[rank]) positives += times[order[rank]];
  if (positives === 0) return Number.NaN;
  // best[t]: the largest precision among recalls that reach t / 10 but not (t + 1) / 10.
  const best = new Float64Array(11);
  let [found, seen] = [0, 0];
  for (let rank = 0; rank < order.length; rank++) {
    const weight = times[order[rank]];
    seen += weight;
    if (present[rank]) found += weight;
    if (!last[rank] || seen === 0) continue;
    // In whole numbers, so that a recall of exactly 0.3 reaches 0.3.
    const reached = Math.floor((found * 10) / positives);
    if (found / seen > best[reached]) best[reached] = found / seen;
  }
  let [sum, highest] = [0, 0];
  for (let t = 10; t >= 0; t--) {
    highest = Math.max(highest, best[t]);
    sum += highest;
  }
  return sum / 11;
}

function meanOfKnown(values: readonly number[]): number {
  let [sum, known] = [0, 0];
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    sum += value;
    known++;
  }
  return sum / known;
}
