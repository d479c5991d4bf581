/**
 * Scores of models over several data sets, with the data sets' own difficulty taken out.
 *
 * Purpose: a model's plain mean mixes how good it is with how hard the data sets are; most of its spread
 * over data sets is the latter. Taking the mean over models out of each data set leaves the model's share,
 * and Morey's factor undoes the shrinkage that taking out a mean of M values causes.
 * Reference: R. D. Morey, "Confidence intervals from normalized data: a correction to Cousineau (2005)",
 * 2008; used on logits by Kornblith, Shlens & Le, "Do better ImageNet models transfer better?", 2019.
 * Example: models [[2, 1], [0, 1]] on two data sets have adjusted means 0.5 and -0.5.
 */
import { invariant } from '../util/errors.ts';

export interface AdjustedScore {
  /** Mean over data sets of (score - mean of all models on that data set); the means of all models sum to 0. */
  readonly mean: number;
  /**
   * Standard error of `mean`: sd over data sets / sqrt(D), times sqrt(M / (M - 1)). NaN with one data set
   * or one model, which show no spread.
   */
  readonly standardError: number;
  /** Score minus the mean of all models on that data set, for every data set: `mean` is their mean. */
  readonly perDataset: readonly number[];
}

/** `scores[m][d]`: logit accuracy of model m on data set d; every model on every data set. */
export function adjustedScores(scores: readonly (readonly number[])[]): AdjustedScore[] {
  const models = scores.length;
  const datasets = rectangular(scores);
  const difficulty = Array.from({ length: datasets }, (_, d) => mean(scores.map((row) => row[d])));
  return scores.map((row) => {
    const perDataset = row.map((score, d) => score - difficulty[d]);
    const average = mean(perDataset);
    const squares = perDataset.reduce((sum, x) => sum + (x - average) ** 2, 0);
    const variance = (squares / (datasets - 1)) * (models / (models - 1));
    return { mean: average, standardError: Math.sqrt(variance / datasets), perDataset };
  });
}

/** Mean of all scores: added to the adjusted means for display, it puts them back on the scale of the scores. */
export function grandMean(scores: readonly (readonly number[])[]): number {
  rectangular(scores);
  return mean(scores.flat());
}

/** The number of data sets, the same in every row. */
function rectangular(scores: readonly (readonly number[])[]): number {
  const datasets = scores[0]?.length ?? 0;
  invariant(datasets > 0, 'no scores');
  invariant(
    scores.every((row) => row.length === datasets),
    'every model needs a score on every data set',
  );
  return datasets;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, x) => sum + x, 0) / values.length;
}
