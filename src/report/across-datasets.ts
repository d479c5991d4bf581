/** Candidates over several data sets, on the logit scale with the data sets' difficulty taken out. */
import {
  adjusted,
  adjustedScores,
  type Correction,
  grandMean,
  inverseLogit,
  logitOfCounts,
  pairedTTest,
} from '../stats/index.ts';
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
  const centre = grandMean(logits);
  const scored = adjustedScores(logits)
    .map((score, i) => ({ ...complete[i], ...score, logits: logits[i] }))
    .sort((a, b) => b.mean - a.mean);
  const tests = scored.slice(1).map((row) => pairedTTest(row.logits, scored[0].logits));
  const adjustedPs = adjusted(
    tests.map((test) => test.pValue),
    correction,
  );
  return {
    datasets: ranked.map((ranking) => ranking.dataset),
    grandMean: centre,
    candidates: scored.map((row, i) => ({
      rank: i + 1,
      model: row.model,
      setting: row.setting,
      score: row.mean,
      standardError: Number.isFinite(row.standardError) ? row.standardError : null,
      accuracy: inverseLogit(row.mean + centre),
      seconds: row.results.reduce((sum, result) => sum + result.seconds, 0),
      comparison:
        i === 0
          ? null
          : {
              difference: tests[i - 1].meanDifference,
              pValue: tests[i - 1].pValue,
              adjustedP: adjustedPs[i - 1],
            },
      tied: i === 0 || tests[i - 1].pValue >= ALPHA,
    })),
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
