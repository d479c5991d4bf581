/** The ranking of candidates (a model in a setting, averaged over seeds) on one data set. */
import { adjusted, type Correction, type PairedExactTest } from '../stats/index.ts';
import type { FinishedCell, Setting } from '../store/records.ts';
import { invariant } from '../util/errors.ts';
import { baselineOf, compareImages, mean, powerOf, testEstimate } from './accuracy.ts';
import type { Candidate, CellSummary, DatasetSummary, Ranking } from './schema.ts';
import { datasetVerdict } from './verdict.ts';

/** Level below which a difference counts as significant. */
export const ALPHA = 0.05;

export const SETTINGS: readonly Setting[] = ['fixed', 'finetune', 'scratch'];

/** The part of a comparison with the best that the test gives. */
type Tested = Pick<NonNullable<Candidate['comparison']>, 'adjustedP' | 'testedDifference'>;

/** The finished cells of one candidate on one data set, by ascending seed. */
type Runs = readonly FinishedCell[];

/**
 * Candidates of a data set, best first by test metric; of equal ones the cheaper setting, then in the order of cells: no
 * time decides, so that equal results have equal ranks. Every other candidate is compared
 * with the best on the same test images, with the networks of the first seed that both have: the test takes
 * no account of how results differ between seeds, which is why their spread stands beside it. The ranking is by
 * the mean over seeds, so the tested network of a candidate may be ahead of that of the best.
 * @param cells summaries of at least `finished`
 * @param correction of the tests of this data set
 */
export function rankDataset(
  dataset: DatasetSummary,
  finished: readonly FinishedCell[],
  cells: readonly CellSummary[],
  correction: Correction = 'holm',
): Ranking {
  const groups = candidateRuns(finished)
    .map((runs) => ({ runs, plain: withoutComparison(runs, cells) }))
    .sort(
      (a, b) =>
        b.plain.test.value - a.plain.test.value ||
        SETTINGS.indexOf(a.plain.setting) - SETTINGS.indexOf(b.plain.setting),
    );
  const [best, ...others] = groups;
  const tests = others.map(({ runs }) => testOfCommonSeed(best.runs, runs));
  const adjustedPs = adjusted(
    tests.map(({ test }) => test.pValue),
    correction,
  );
  const candidates = groups.map(({ plain }, i): Candidate => {
    if (i === 0) return { ...plain, rank: 1, comparison: null, tied: true };
    const { seed, test } = tests[i - 1];
    const comparison = {
      difference: plain.test.value - best.plain.test.value,
      seed,
      testedDifference: 0 - test.difference,
      bestOnly: test.aOnly,
      thisOnly: test.bOnly,
      pValue: test.pValue,
      adjustedP: adjustedPs[i - 1],
    };
    return { ...plain, rank: i + 1, comparison, tied: isTied(comparison) };
  });
  const unjudged = {
    dataset: dataset.name,
    metric: dataset.metric,
    baseline: best ? baselineOf(best.runs[0].result) : null,
    candidates,
    settings: settingSummaries(candidates),
    // What is tested of multi-label answers is the number of right decisions, not the metric.
    power: dataset.metric === 'meanAveragePrecision' ? null : powerOfRunnerUp(candidates),
  };
  return { ...unjudged, verdict: datasetVerdict(unjudged, dataset) };
}

/** Not significantly worse than the best: the test is two-sided, so p alone does not tell worse from better. */
export function isTied({ adjustedP, testedDifference }: Tested): boolean {
  return adjustedP >= ALPHA || testedDifference > 0;
}

function candidateRuns(finished: readonly FinishedCell[]): Runs[] {
  const groups = new Map<string, FinishedCell[]>();
  for (const outcome of finished) {
    const id = JSON.stringify([outcome.cell.model, outcome.cell.setting]);
    const group = groups.get(id);
    if (group) group.push(outcome);
    else groups.set(id, [outcome]);
  }
  return [...groups.values()].map((group) => group.sort((a, b) => a.cell.seed - b.cell.seed));
}

function withoutComparison(
  runs: Runs,
  cells: readonly CellSummary[],
): Omit<Candidate, 'rank' | 'comparison' | 'tied'> {
  const results = runs.map((run) => run.result);
  const values = results.map((result) => result.test.value);
  return {
    model: runs[0].cell.model,
    setting: runs[0].cell.setting,
    seeds: runs.map((run) => run.cell.seed),
    test: runs.length > 1 ? testEstimate(results) : estimateOf(runs[0], cells),
    correct: mean(results.map((result) => result.test.correct)),
    n: results[0].test.n,
    spread: runs.length > 1 ? { low: Math.min(...values), high: Math.max(...values) } : null,
    seconds: mean(results.map((result) => result.seconds.total)),
    keys: runs.map((run) => run.cell.key),
  };
}

/** Of a single network, whose interval the cells have already: the bootstrap takes a while. */
function estimateOf({ cell }: FinishedCell, cells: readonly CellSummary[]): Candidate['test'] {
  const summary = cells.find(({ key }) => key === cell.key);
  invariant(summary, `cell ${cell.key} has no summary`);
  const { value, low, high } = summary.test;
  return { value, low, high };
}

/** Paired test with the first seed that both have, or with the first of each when a failed cell leaves none in common. */
export function testOfCommonSeed(best: Runs, other: Runs): { seed: number; test: PairedExactTest } {
  const shared = best.find((run) => other.some(({ cell }) => cell.seed === run.cell.seed)) ?? best[0];
  const partner = other.find((run) => run.cell.seed === shared.cell.seed) ?? other[0];
  return { seed: shared.cell.seed, test: compareImages(shared.result, partner.result) };
}

function settingSummaries(candidates: readonly Candidate[]): Ranking['settings'] {
  const scratch = candidates.find(({ setting }) => setting === 'scratch');
  return SETTINGS.flatMap((setting) => {
    const best = candidates.find((candidate) => candidate.setting === setting);
    if (!best) return [];
    const gainOverScratch = scratch && scratch !== best ? best.test.value - scratch.test.value : null;
    return [{ setting, model: best.model, value: best.test.value, gainOverScratch }];
  });
}

function powerOfRunnerUp(candidates: readonly Candidate[]): Ranking['power'] {
  const comparison = candidates[1]?.comparison;
  if (!comparison) return null;
  return powerOf(comparison.bestOnly + comparison.thisOnly, candidates[0].n, -comparison.difference);
}
