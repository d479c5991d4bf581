/** Source accuracy against transfer: the panels of the paper's figures 1 and 2, and r by size of the data sets. */
import {
  adjusted,
  analyseTable,
  fisherInterval,
  pearson,
  regressionBand,
  regressionLine,
  spearman,
  type TableRow,
} from '../../stats/index.ts';
import type { Setting } from '../../store/records.ts';
import { logitOfCandidate } from '../across-datasets.ts';
import { isTied, SETTINGS, testOfCommonSeed } from '../ranking.ts';
import type { Candidate, DatasetSummary, Ranking } from '../schema.ts';
import type { StudyInput } from './input.ts';
import { type Result, runsOf, sourceAccuracies } from './results.ts';
import type { CorrelationSummary, Figure1Panel, Figure2Panel, Trend } from './schema.ts';

/** Training images, validation included, that divide small data sets from large ones (the paper's section 4.4). */
const LARGE = 10_000;

/** Draws of each bootstrap band: there is one per panel. */
const RESAMPLES = 1000;

const BAND_STEPS = 40;

/** Figure 1: one panel per setting that has results. */
export function figure1(input: StudyInput, results: readonly Result[]): Figure1Panel[] {
  return SETTINGS.flatMap((setting) => {
    const panel = transferPanel(
      input,
      setting,
      results.filter((result) => result.setting === setting),
    );
    return panel ?? [];
  });
}

function transferPanel(input: StudyInput, setting: Setting, results: readonly Result[]): Figure1Panel | null {
  const models = input.models.filter(({ name }) => results.some(({ model }) => model === name));
  const datasets = input.datasets.filter(({ name }) => results.some(({ dataset }) => dataset === name));
  const sources = sourceAccuracies(input);
  const source = models.map(({ name }) => sources.get(name)?.logit ?? null);
  const table = models.map((model) => datasets.map((dataset) => logitAt(results, model.name, dataset.name)));
  const analysis = analyseTable(table, { correction: input.correction });
  if (!analysis) return null;
  const used = new Set(analysis.datasets);
  const present = new Set(analysis.rows.map(({ model }) => model));
  const point = ({ model, adjusted, ...row }: TableRow) => ({
    model: models[model].name,
    source: sources.get(models[model].name) ?? null,
    adjusted: [...adjusted],
    ...row,
  });
  return {
    setting,
    datasets: analysis.datasets.map((d) => datasets[d].name),
    grandMean: analysis.grandMean,
    points: analysis.rows.map(point).sort((a, b) => b.score - a.score),
    excluded: {
      models: models
        .filter((_, m) => !present.has(m))
        .map(({ name }) => ({
          model: name,
          missing: datasets.filter((d) => logitAt(results, name, d.name) === null).map((d) => d.name),
        })),
      datasets: datasets.filter((_, d) => !used.has(d)).map(({ name }) => name),
    },
    ...relationOf(pointsOf(analysis.rows, source)),
    bySize: (['small', 'large'] as const).map((group) => relationOfGroup(group, table, datasets, source)),
  };
}

function logitAt(results: readonly Result[], model: string, dataset: string): number | null {
  return results.find((result) => result.model === model && result.dataset === dataset)?.logit ?? null;
}

function relationOfGroup(
  group: 'small' | 'large',
  table: readonly (readonly (number | null)[])[],
  datasets: readonly DatasetSummary[],
  source: readonly (number | null)[],
): Figure1Panel['bySize'][number] {
  const inGroup = datasets.map((dataset) => trainingImages(dataset) >= LARGE === (group === 'large'));
  const part = table.map((row) => row.filter((_, d) => inGroup[d]));
  const analysis = analyseTable(part);
  const names = datasets.filter((_, d) => inGroup[d]).map(({ name }) => name);
  return {
    group,
    below: LARGE,
    datasets: (analysis?.datasets ?? []).map((d) => names[d]),
    pearson: relationOf(pointsOf(analysis?.rows ?? [], source)).pearson,
  };
}

/** Of the networks whose source accuracy is known. */
function pointsOf(rows: readonly TableRow[], source: readonly (number | null)[]): Point[] {
  return rows.flatMap(({ model, score }) => {
    const x = source[model];
    return x === null ? [] : [{ x, y: score }];
  });
}

/** With Fisher's interval where there is one; null with fewer than three points, or where one list is constant. */
export function correlationOf(
  x: readonly number[],
  y: readonly number[],
  kind: 'pearson' | 'spearman',
): CorrelationSummary {
  if (x.length < 3) return null;
  const { coefficient, pValue } = { pearson, spearman }[kind](x, y);
  if (Number.isNaN(coefficient)) return null;
  // At -1 and 1 Fisher's interval has no width, as if the order of a few networks left nothing open.
  const none = x.length < 4 || Math.abs(coefficient) === 1;
  const interval = none ? null : fisherInterval(coefficient, x.length, { kind });
  return { coefficient, pValue, interval, n: x.length };
}

/** With the validation images, which the final network is trained on too. */
export function trainingImages({ images }: DatasetSummary): number {
  return images.train + images.validation;
}

/** A network's source accuracy and its transfer, both in logits. */
interface Point {
  readonly x: number;
  readonly y: number;
}

/** Both correlations, and the regression line with its band from the smallest to the largest source accuracy. */
function relationOf(points: readonly Point[]): {
  pearson: CorrelationSummary;
  spearman: CorrelationSummary;
  trend: Trend;
} {
  const [x, y] = [points.map((point) => point.x), points.map((point) => point.y)];
  const r = correlationOf(x, y, 'pearson');
  return { pearson: r, spearman: correlationOf(x, y, 'spearman'), trend: r && trendOf(x, y) };
}

function trendOf(x: readonly number[], y: readonly number[]): Trend {
  const [least, most] = [Math.min(...x), Math.max(...x)];
  const places = Array.from({ length: BAND_STEPS + 1 }, (_, i) => least + ((most - least) * i) / BAND_STEPS);
  return { ...regressionLine(x, y), band: regressionBand(x, y, places, { resamples: RESAMPLES }) };
}

/** Figure 2: one panel per data set and setting that has results. */
export function figure2(
  input: StudyInput,
  results: readonly Result[],
  rankings: readonly Ranking[],
): Figure2Panel[] {
  return rankings.flatMap((ranking) =>
    SETTINGS.flatMap((setting) => {
      const candidates = ranking.candidates.filter((candidate) => candidate.setting === setting);
      return candidates.length === 0 ? [] : datasetPanel(input, results, ranking, setting, candidates);
    }),
  );
}

function datasetPanel(
  input: StudyInput,
  results: readonly Result[],
  { dataset, metric }: Ranking,
  setting: Setting,
  candidates: readonly Candidate[],
): Figure2Panel {
  const sources = sourceAccuracies(input);
  const tests = testsWithin(candidates, results, dataset, input);
  const points = candidates.map((candidate, i) => ({
    rank: i + 1,
    model: candidate.model,
    source: sources.get(candidate.model) ?? null,
    test: candidate.test,
    logit: logitOfCandidate(candidate),
    seeds: candidate.seeds,
    spread: candidate.spread,
    ...tests[i],
  }));
  const known = points.flatMap(({ source, logit }) => (source ? [{ x: source.logit, y: logit }] : []));
  return { dataset, metric, setting, points, ...relationOf(known) };
}

/** Paired tests of a panel's networks against its best, on the same test images. */
function testsWithin(
  candidates: readonly Candidate[],
  results: readonly Result[],
  dataset: string,
  { correction }: StudyInput,
): Pick<Figure2Panel['points'][number], 'pValue' | 'adjustedP' | 'testedDifference' | 'tied'>[] {
  const runs = candidates.map((candidate) => runsOf(results, dataset, candidate));
  const tests = runs.slice(1).map((other) => testOfCommonSeed(runs[0], other).test);
  const adjustedPs = adjusted(
    tests.map(({ pValue }) => pValue),
    correction,
  );
  const against = tests.map(({ pValue, difference }, i) => {
    const tested = { adjustedP: adjustedPs[i], testedDifference: 0 - difference };
    return { pValue, ...tested, tied: isTied(tested) };
  });
  return [{ pValue: null, adjustedP: null, testedDifference: null, tied: true }, ...against];
}
