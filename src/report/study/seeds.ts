/**
 * How much results differ between seeds, beside what paired tests see: they compare two networks on the same images and
 * know nothing of how either would have come out with another seed.
 */
import { pairedSeedsTest, spread, varianceComponents } from '../../stats/index.ts';
import { compareImages, mean } from '../accuracy.ts';
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
    significant: candidates.filter(({ pValue }) => pValue < ALPHA).length,
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
  return {
    dataset,
    model,
    setting,
    values,
    mean: centre,
    standardDeviation,
    samplingError,
    pValue: compareImages(ordered[0].result, ordered[ordered.length - 1].result).pValue,
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle) - 1]) / 2;
}

/** The share of the variance that is due to seeds, after the mean of each data set and setting is taken out. */
function seedShareOf(results: readonly Result[]): number | null {
  const groups = grouped(results, ({ dataset, setting }) => [dataset, setting]).flatMap((group) => {
    const centre = mean(group.map(({ logit }) => logit));
    return group.map(({ runs, n }) => runs.map(({ result }) => logitOfShare(result.test.value, n) - centre));
  });
  if (groups.length < 2) return null;
  const { seedShare } = varianceComponents(groups);
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
  const images = best.runs[0].result.predictions.map(({ image }) => image);
  const { difference, imagesError, seedsError, pValue } = pairedSeedsTest(
    answersOf(other, images),
    answersOf(best, images),
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

/** Per seed, 1 for every image that is right. */
function answersOf({ runs }: Result, images: readonly string[]): number[][] {
  return runs.map(({ result }) => {
    const right = new Map(result.predictions.map((p) => [p.image, Number(p.label === p.predicted)]));
    return images.map((image) => right.get(image) ?? 0);
  });
}
