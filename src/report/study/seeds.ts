/**
 * How much results differ between seeds, beside what paired tests see: they compare two networks on the same images and
 * know nothing of how either would have come out with another seed.
 */
import { compareImages, mean } from '../accuracy.ts';
import { ALPHA } from '../ranking.ts';
import type { CellSummary } from '../schema.ts';
import type { Result } from './results.ts';
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
  const centre = mean(values.map(({ value }) => value));
  const squares = values.reduce((sum, { value }) => sum + (value - centre) ** 2, 0);
  const ordered = [...runs].sort((a, b) => b.result.test.value - a.result.test.value);
  return {
    dataset,
    model,
    setting,
    values,
    mean: centre,
    standardDeviation: Math.sqrt(squares / (values.length - 1)),
    samplingError,
    pValue: compareImages(ordered[0].result, ordered[ordered.length - 1].result).pValue,
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle) - 1]) / 2;
}
