/**
 * How much results differ between seeds, beside what paired tests see: they compare two networks on the same images and
 * know nothing of how either would have come out with another seed.
 */
import { pairedSeedsTest, spread, varianceComponents } from '../../stats/index.ts';
import type { CellResult } from '../../store/records.ts';
import { compareImages, correctness, mean } from '../accuracy.ts';
import { ALPHA, testOfCommonSeed } from '../ranking.ts';
import type { CellSummary } from '../schema.ts';
import { grouped, logitOfShare, type Result } from './results.ts';
import type { Seeds } from './schema.ts';

/**
 * Of candidates with two seeds or more; null where there is none.
 * @param cells summaries of at least their runs
 */
export function seedSpread(results: readonly Result[], cells: readonly CellSummary[]): Seeds | null {
  const summaries = new Map(cells.map((cell) => [cell.key, cell]));
  const candidates = results
    .filter(({ runs }) => runs.length > 1)
    .map((result) => {
      const errors = result.runs.flatMap(({ cell }) => summaries.get(cell.key)?.test ?? []);
      return spreadOf(result, mean(errors.map(({ low, high }) => (high - low) / 4)));
    });
  if (candidates.length === 0) return null;
  return {
    candidates,
    medianStandardDeviation: median(candidates.map(({ standardDeviation }) => standardDeviation)),
    medianSamplingError: median(candidates.map(({ samplingError }) => samplingError)),
    significant: candidates.filter(({ adjustedP }) => adjustedP < ALPHA).length,
    seedShare: seedShareOf(results),
    comparisons: seedComparisons(results),
  };
}

function spreadOf(
  { dataset, model, setting, runs }: Result,
  samplingError: number,
): Seeds['candidates'][number] {
  const values = runs.map(({ cell, result }) => ({
    seed: cell.seed,
    value: result.test.value,
    key: cell.key,
  }));
  const { mean: centre, standardDeviation } = spread(values.map(({ value }) => value));
  const ordered = [...runs].sort((a, b) => b.result.test.value - a.result.test.value);
  const { pValue } = compareImages(ordered[0].result, ordered[ordered.length - 1].result);
  // The extremes of several seeds are the likeliest of all pairs to differ by chance.
  const pairs = (runs.length * (runs.length - 1)) / 2;
  return {
    dataset,
    model,
    setting,
    values,
    mean: centre,
    standardDeviation,
    samplingError,
    pValue,
    adjustedP: Math.min(1, pairs * pValue),
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle) - 1]) / 2;
}

/** The share of the variance within a data set and setting that is due to seeds; null where none has two networks. */
function seedShareOf(results: readonly Result[]): number | null {
  const blocks = results.map(({ dataset, setting }) => JSON.stringify([dataset, setting]));
  if (new Set(blocks).size === blocks.length) return null;
  const groups = results.map(({ runs, n }) => runs.map(({ result }) => logitOfShare(result.test.value, n)));
  const { seedShare } = varianceComponents(groups, blocks);
  return Number.isNaN(seedShare) ? null : seedShare;
}

/** The best of a data set and setting against each other network that has several seeds. */
function seedComparisons(results: readonly Result[]): Seeds['comparisons'] {
  const single = results.filter(({ runs }) => runs[0].result.metric !== 'meanAveragePrecision');
  return grouped(single, ({ dataset, setting }) => [dataset, setting]).flatMap((group) => {
    const [best, ...others] = [...group].sort((a, b) => b.value - a.value);
    if (best.runs.length < 2) return [];
    return others.filter(({ runs }) => runs.length > 1).map((other) => comparisonOf(best, other));
  });
}

function comparisonOf(best: Result, other: Result): Seeds['comparisons'][number] {
  const weights = imageWeights(best.runs[0].result);
  const { difference, imagesError, seedsError, pValue } = pairedSeedsTest(
    answersOf(other, weights),
    answersOf(best, weights),
  );
  return {
    dataset: best.dataset,
    setting: best.setting,
    best: best.model,
    model: other.model,
    difference,
    imagesError,
    seedsError,
    pairedP: testOfCommonSeed(best.runs, other.runs).test.pValue,
    seedsP: pValue,
  };
}

/** What each image counts, 1 on average: alike, or for mean per-class accuracy by the size of its class. */
function imageWeights({ metric, predictions }: CellResult): ReadonlyMap<string, number> {
  const sizes = new Map<number, number>();
  for (const { label } of predictions) sizes.set(label, (sizes.get(label) ?? 0) + 1);
  return new Map(
    predictions.map(({ image, label }) => {
      const alike = predictions.length / sizes.size;
      return [image, metric === 'meanPerClass' ? alike / (sizes.get(label) ?? alike) : 1];
    }),
  );
}

/** Per seed, the weight of every image that is right and 0 for the others: their mean is the metric. */
function answersOf({ runs }: Result, weights: ReadonlyMap<string, number>): number[][] {
  return runs.map(({ result }) => {
    const right = correctness(result);
    return [...weights].map(([image, weight]) => (right.get(image) ? weight : 0));
  });
}
