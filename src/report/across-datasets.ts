/** Candidates over several data sets, on the logit scale with the data sets' difficulty taken out. */
import { analyseTable, type Correction, logitOfCounts } from '../stats/index.ts';
import { ALPHA } from './ranking.ts';
import type { AcrossDatasets, Candidate, Ranking } from './schema.ts';

/**
 * Adjusted scores with Morey's standard errors, best first, each compared with the best by a paired t-test
 * over data sets. Ties are marked by the p-value of each test by itself, as in Kornblith et al. 2019, figure 2:
 * after a correction, the two or three data sets of most comparisons could tell nothing apart. Null unless two candidates have a result on two data sets.
 */
export function acrossDatasets(
  rankings: readonly Ranking[],
  correction: Correction = 'holm',
): AcrossDatasets | null {
  const ranked = rankings.filter((ranking) => ranking.candidates.length > 0);
  const rows = candidateRows(ranked);
  const complete = rows.filter((row) => row.missing.length === 0);
  if (ranked.length < 2 || complete.length < 2) return null;
  const logits = complete.map((row) => row.results.map(logitOfCandidate));
  const { grandMean, rows: analysed } = analyseTable(logits, { correction })!;
  const scored = [...analysed].sort((a, b) => b.score - a.score);
  return {
    datasets: ranked.map((ranking) => ranking.dataset),
    grandMean,
    candidates: scored.map(({ score, standardError, accuracy, difference, pValue, adjustedP, ...row }, i) => {
      const { model, setting, results } = complete[row.model];
      return {
        ...{ rank: i + 1, model, setting, score, standardError, accuracy },
        seconds: results.reduce((sum, result) => sum + result.seconds, 0),
        comparison: i === 0 ? null : { difference: difference!.mean, pValue: pValue!, adjustedP: adjustedP! },
        tied: i === 0 || pValue! >= ALPHA,
      };
    }),
    excluded: rows
      .filter((row) => row.missing.length > 0)
      .map(({ model, setting, missing }) => ({ model, setting, missing })),
  };
}

/** Each candidate with its results in the order of the data sets, and the data sets where it has none. */
function candidateRows(rankings: readonly Ranking[]) {
  const all = new Map<string, Candidate>();
  for (const { candidates } of rankings) {
    for (const candidate of candidates) all.set(`${candidate.setting} ${candidate.model}`, candidate);
  }
  return [...all.values()].map(({ model, setting }) => {
    const found = rankings.map((ranking) => ({
      dataset: ranking.dataset,
      result: ranking.candidates.find((c) => c.model === model && c.setting === setting),
    }));
    return {
      model,
      setting,
      results: found.flatMap(({ result }) => result ?? []),
      missing: found.filter(({ result }) => !result).map(({ dataset }) => dataset),
    };
  });
}

/** Of the mean metric over seeds, as if that share of the test images were right. */
export function logitOfCandidate(candidate: Candidate): number {
  return logitOfCounts(Math.min(candidate.n, candidate.test.value * candidate.n), candidate.n);
}
