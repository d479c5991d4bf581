/** The three settings held against each other: per data set, over all of them, and cell by cell. */
import { adjusted, type Correction, shareWon } from '../../stats/index.ts';
import type { Setting } from '../../store/records.ts';
import { mean } from '../accuracy.ts';
import { logitOfCandidate } from '../across-datasets.ts';
import { SETTINGS, testOfCommonSeed } from '../ranking.ts';
import type { Candidate, Ranking } from '../schema.ts';
import { trainingImages } from './correlations.ts';
import type { StudyInput } from './input.ts';
import { meanDifference, withAdjustedP } from './paired.ts';
import { type Result, runsOf } from './results.ts';
import type { SettingPair, SettingsCompared } from './schema.ts';

/** The better one by the paper first. */
const PAIRS: readonly (readonly [Setting, Setting])[] = [
  ['finetune', 'fixed'],
  ['finetune', 'scratch'],
  ['fixed', 'scratch'],
];

type Pair = Omit<SettingPair, 'adjustedP'>;
type DatasetPart = SettingsCompared['datasets'][number];

/** Families of tests: the same two settings on all data sets; the three pairs over data sets. */
export function settingsCompared(
  input: StudyInput,
  results: readonly Result[],
  rankings: readonly Ranking[],
): SettingsCompared {
  const ranked = rankings.filter(({ candidates }) => candidates.length > 0);
  const pairs = PAIRS.flatMap(([a, b]) =>
    withAdjustedP(
      ranked.flatMap(({ dataset }) => {
        const differences = differencesOn(results, dataset, a, b);
        return differences.length === 0 ? [] : { dataset, ...pairOf(a, b, differences) };
      }),
      input.correction,
    ),
  );
  const best = bestPairs(ranked, results, input.correction);
  const datasets = ranked.map(({ dataset, metric, candidates }): DatasetPart => {
    const described = input.datasets.find(({ name }) => name === dataset);
    return {
      dataset,
      metric,
      images: described ? trainingImages(described) : 0,
      settings: SETTINGS.flatMap((setting) => settingPart(setting, candidates)),
      pairs: pairs.flatMap(({ dataset: of, ...pair }) => (of === dataset ? pair : [])),
      best: best.flatMap(({ dataset: of, ...pair }) => (of === dataset ? pair : [])),
    };
  });
  return { datasets, overall: overallPairs(ranked, results, input.correction), wins: wins(results) };
}

function settingPart(setting: Setting, candidates: readonly Candidate[]): DatasetPart['settings'] {
  const own = candidates.filter((candidate) => candidate.setting === setting);
  if (own.length === 0) return [];
  const [{ model, test }] = own;
  return [
    {
      setting,
      models: own.length,
      best: { model, test },
      mean: mean(own.map((candidate) => candidate.test.value)),
      meanLogit: mean(own.map(logitOfCandidate)),
    },
  ];
}

interface Difference {
  readonly value: number;
  readonly logit: number;
}

/** a - b of every network that has both on the data set. */
function differencesOn(results: readonly Result[], dataset: string, a: Setting, b: Setting): Difference[] {
  const on = results.filter((result) => result.dataset === dataset);
  return on
    .filter(({ setting }) => setting === a)
    .flatMap((first) => {
      const second = on.find(({ model, setting }) => setting === b && model === first.model);
      return second ? { value: first.value - second.value, logit: first.logit - second.logit } : [];
    });
}

function pairOf(a: Setting, b: Setting, differences: readonly Difference[]): Pair {
  const {
    n,
    mean: logitDifference,
    interval,
    pValue,
  } = meanDifference(differences.map(({ logit }) => logit));
  return {
    a,
    b,
    n,
    difference: mean(differences.map(({ value }) => value)),
    logitDifference,
    interval,
    pValue,
  };
}

/** Data sets are the sample: what counts of each is the mean over networks. */
function overallPairs(rankings: readonly Ranking[], results: readonly Result[], correction: Correction) {
  const pairs = PAIRS.flatMap(([a, b]) => {
    const means = rankings.flatMap(({ dataset }) => {
      const differences = differencesOn(results, dataset, a, b);
      if (differences.length === 0) return [];
      const { difference: value, logitDifference: logit } = pairOf(a, b, differences);
      return { value, logit };
    });
    return means.length === 0 ? [] : pairOf(a, b, means);
  });
  return withAdjustedP(pairs, correction);
}

/**
 * The best networks of two settings, on the same test images; one family per pair of settings. Which is best goes by
 * means over seeds and the test by one seed, so the difference that was tested stands beside that of the means.
 */
function bestPairs(rankings: readonly Ranking[], results: readonly Result[], correction: Correction) {
  return PAIRS.flatMap(([a, b]) => {
    const tested = rankings.flatMap(({ dataset, candidates }) => {
      const first = candidates.find(({ setting }) => setting === a);
      const second = candidates.find(({ setting }) => setting === b);
      if (!first || !second) return [];
      const { seed, test } = testOfCommonSeed(
        runsOf(results, dataset, first),
        runsOf(results, dataset, second),
      );
      const difference = first.test.value - second.test.value;
      return { dataset, a, b, difference, seed, testedDifference: test.difference, pValue: test.pValue };
    });
    const adjustedPs = adjusted(
      tested.map(({ pValue }) => pValue),
      correction,
    );
    return tested.map((test, i) => ({ ...test, adjustedP: adjustedPs[i] }));
  });
}

/** In how many pairs of a network and a data set one setting is ahead of another. */
function wins(results: readonly Result[]): SettingsCompared['wins'] {
  const [datasets, models] = (['dataset', 'model'] as const).map((key) => [
    ...new Set(results.map((result) => result[key])),
  ]);
  return PAIRS.flatMap(([a, b]) => {
    const value = (setting: Setting, model: string, dataset: string) =>
      results.find((r) => r.setting === setting && r.model === model && r.dataset === dataset)?.value;
    const table = models.map((model) =>
      datasets.map((dataset) => {
        const [first, second] = [value(a, model, dataset), value(b, model, dataset)];
        return first === undefined || second === undefined ? null : first - second;
      }),
    );
    const cells = table.flat().filter((difference) => difference !== null).length;
    if (cells === 0) return [];
    const { won, tied, lost, share, wilson, bootstrap, pValue } = shareWon(table);
    return { a, b, cells, won, tied, lost, share, interval: bootstrap, wilson, pValue };
  });
}
