/**
 * How well scores that need no training tell which network transfers best: rank correlation with the outcome, what
 * trusting them costs, and the accuracy that they predict. Source accuracy itself is judged beside them.
 */
import { inverseLogit, kendall, linePrediction, rankRegret, weightedKendall } from '../../stats/index.ts';
import type { Setting } from '../../store/records.ts';
import { mean } from '../accuracy.ts';
import { correlationOf } from './correlations.ts';
import type { StudyInput } from './input.ts';
import { meanCorrelation } from './paired.ts';
import { grouped, type Result, sourceAccuracies } from './results.ts';
import type { CorrelationSummary, Transferability } from './schema.ts';

type Judged = Transferability['scores'][number];

/** Training from scratch does not use the pre-trained network, so no score can say anything of it. */
const JUDGED: readonly Setting[] = ['fixed', 'finetune'];

const SOURCE_ACCURACY = 'source accuracy';

/** With fewer data sets a line through the others says nothing of the one left out. */
const FEWEST_DATASETS = 3;

interface Point {
  readonly dataset: string;
  readonly model: string;
  readonly score: number;
  readonly value: number;
  readonly logit: number;
}

export function transferability(input: StudyInput, results: readonly Result[]): Transferability | null {
  if (input.scores.length === 0) return null;
  const names = [...new Set(input.scores.flatMap(({ values }) => Object.keys(values)))];
  const scores = JUDGED.flatMap((setting) => {
    const outcomes = results.filter((result) => result.setting === setting);
    return [...names, SOURCE_ACCURACY].flatMap((name) => {
      const points = pointsOf(input, name, outcomes);
      return points.length === 0 ? [] : (judged(name, setting, points) ?? []);
    });
  });
  return {
    scores,
    values: input.scores.flatMap(({ model, dataset, values }) =>
      Object.entries(values).map(([score, value]) => ({ model, dataset, score, value })),
    ),
  };
}

/** The outcomes for which the score is known. */
function pointsOf(input: StudyInput, name: string, outcomes: readonly Result[]): Point[] {
  const sources = sourceAccuracies(input);
  const known = new Map(
    input.scores.map(({ model, dataset, values }) => [JSON.stringify([model, dataset]), values[name]]),
  );
  return outcomes.flatMap(({ model, dataset, value, logit }) => {
    const score =
      name === SOURCE_ACCURACY ? sources.get(model)?.logit : known.get(JSON.stringify([model, dataset]));
    return score === undefined ? [] : { dataset, model, score, value, logit };
  });
}

/** Null where no data set has two networks to choose from. */
function judged(name: string, setting: Setting, points: readonly Point[]): Judged | null {
  const groups = grouped(points, ({ dataset }) => [dataset]).filter((group) => group.length > 1);
  if (groups.length === 0) return null;
  const datasets = groups.map(onDataset);
  const rhos = datasets.flatMap(({ spearman }) => spearman?.coefficient ?? []);
  const taus = datasets.flatMap((dataset) => dataset.weightedKendall ?? []);
  const rho = rhos.length === 0 ? null : meanCorrelation(rhos);
  return {
    name,
    setting,
    datasets,
    meanRho: rho?.mean ?? null,
    meanRhoInterval: rho?.interval ?? null,
    pooled: pooledRho(groups),
    meanWeightedKendall: taus.length === 0 ? null : mean(taus),
    meanRegret: mean(datasets.map(({ regret }) => regret)),
    worstRegret: Math.max(...datasets.map(({ regret }) => regret)),
    meanChanceRegret: mean(datasets.map(({ chanceRegret }) => chanceRegret)),
    prediction: predictionOf(groups),
  };
}

function onDataset(points: readonly Point[]): Judged['datasets'][number] {
  const scores = points.map(({ score }) => score);
  const logits = points.map(({ logit }) => logit);
  const values = points.map(({ value }) => value);
  const { picked, rank, regret, chanceRegret } = rankRegret(scores, values);
  return {
    dataset: points[0].dataset,
    n: points.length,
    pearson: correlationOf(scores, logits, 'pearson'),
    spearman: correlationOf(scores, logits, 'spearman'),
    kendall: finite(kendall(scores, logits).coefficient),
    weightedKendall: finite(weightedKendall(scores, logits)),
    chosen: points[picked].model,
    best: points[values.indexOf(Math.max(...values))].model,
    chosenRank: rank,
    regret,
    chanceRegret,
  };
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/** Over all data sets, with the mean of each taken out: how hard it is says nothing of networks. */
function pooledRho(groups: readonly (readonly Point[])[]): CorrelationSummary {
  const centred = groups.flatMap((group) => {
    const [score, logit] = [mean(group.map((p) => p.score)), mean(group.map((p) => p.logit))];
    return group.map((point) => ({ x: point.score - score, y: point.logit - logit }));
  });
  return correlationOf(
    centred.map(({ x }) => x),
    centred.map(({ y }) => y),
    'spearman',
  );
}

/** Each data set in turn is predicted from a line through all points of the others. */
function predictionOf(groups: readonly (readonly Point[])[]): Judged['prediction'] {
  if (groups.length < FEWEST_DATASETS) return null;
  const predictions = groups.flatMap((group) => {
    const others = groups.filter((other) => other !== group).flat();
    const [x, y] = [others.map(({ score }) => score), others.map(({ logit }) => logit)];
    if (x.every((value) => value === x[0])) return [];
    return group.map((point) => ({ point, guess: mean(y), line: linePrediction(x, y, point.score) }));
  });
  if (predictions.length === 0) return null;
  const rootMeanSquare = (errors: readonly number[]) => Math.sqrt(mean(errors.map((error) => error ** 2)));
  return {
    n: predictions.length,
    error: rootMeanSquare(predictions.map(({ point, line }) => line.value - point.logit)),
    baseline: rootMeanSquare(predictions.map(({ point, guess }) => guess - point.logit)),
    coverage: mean(
      predictions.map(({ point, line }) => Number(point.logit >= line.low && point.logit <= line.high)),
    ),
    points: predictions.map(({ point: { dataset, model, score, value }, line }) => ({
      dataset,
      model,
      score,
      predicted: inverseLogit(line.value),
      low: inverseLogit(line.low),
      high: inverseLogit(line.high),
      measured: value,
    })),
  };
}
