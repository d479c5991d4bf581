/**
 * What four switches of pre-training do to source accuracy and to transfer. Variants that differ in one switch alone
 * are pairs; with one switch changed at a time there is one pair per switch, with a full design several.
 */
import { analyseTable, type Correction } from '../../stats/index.ts';
import type { Setting } from '../../store/records.ts';
import { mean } from '../accuracy.ts';
import { SETTINGS } from '../ranking.ts';
import type { RegularisationInput, StudyInput, Switches } from './input.ts';
import { meanDifference, withAdjustedP } from './paired.ts';
import { finishedOf, meanResults, type Result, sourceAccuracies } from './results.ts';
import type { Regularisation, SourceAccuracy } from './schema.ts';

const SWITCHES = ['gamma', 'labelSmoothing', 'dropout', 'auxiliary'] as const;

type SwitchName = (typeof SWITCHES)[number];
type Effect = Regularisation['effects'][number];
type Variant = RegularisationInput['variants'][number];

/** Families of tests: the switches of one setting. */
export function regularisation(input: StudyInput): Regularisation | null {
  const experiment = input.experiments.regularisation;
  if (!experiment) return null;
  const results = meanResults(finishedOf(input.outcomes, experiment.cells));
  const sources = sourceAccuracies(input);
  const scores = SETTINGS.flatMap((setting) => variantScores(experiment.variants, results, setting));
  const transfer = SETTINGS.flatMap((setting) =>
    effectsIn(setting, experiment.variants, results, input.correction),
  );
  return {
    base: experiment.base,
    variants: experiment.variants.map((variant) => ({
      model: variant.model,
      ...switchesOf(variant),
      source: sources.get(variant.model) ?? null,
      scores: scores.flatMap(({ model, ...score }) => (model === variant.model ? score : [])),
    })),
    effects: SWITCHES.map((name) => ({
      switch: name,
      pairs: pairsOf(experiment.variants, name).map(({ on, off }) => ({ on: on.model, off: off.model })),
      source: sourceEffect(pairsOf(experiment.variants, name), sources),
      transfer: transfer.flatMap(({ name: of, ...effect }) => (of === name ? effect : [])),
    })),
  };
}

function switchesOf({ gamma, labelSmoothing, dropout, auxiliary }: Switches): Switches {
  return { gamma, labelSmoothing, dropout, auxiliary };
}

/** Adjusted scores of the variants in one setting, over the data sets on which they all have results. */
function variantScores(variants: readonly Variant[], results: readonly Result[], setting: Setting) {
  const own = results.filter((result) => result.setting === setting);
  const models = variants.map(({ model }) => model);
  const datasets = [...new Set(own.map(({ dataset }) => dataset))];
  const table = models.map((model) =>
    datasets.map((dataset) => own.find((r) => r.model === model && r.dataset === dataset)?.logit ?? null),
  );
  const analysis = analyseTable(table);
  if (!analysis) return [];
  return analysis.rows.map(({ model, score, standardError }) => ({
    model: models[model],
    setting,
    score,
    standardError,
    n: analysis.datasets.length,
  }));
}

/** Variants that differ in this switch alone. */
function pairsOf(variants: readonly Variant[], name: SwitchName) {
  const others = SWITCHES.filter((other) => other !== name);
  return variants
    .filter((on) => on[name])
    .flatMap((on) =>
      variants
        .filter((off) => !off[name] && others.every((other) => on[other] === off[other]))
        .map((off) => ({ on, off })),
    );
}

function sourceEffect(
  pairs: ReturnType<typeof pairsOf>,
  sources: ReadonlyMap<string, SourceAccuracy>,
): Effect['source'] {
  const differences = pairs.flatMap(({ on, off }) => {
    const [a, b] = [sources.get(on.model), sources.get(off.model)];
    return a && b ? { value: a.value - b.value, logit: a.logit - b.logit } : [];
  });
  if (differences.length === 0) return null;
  return {
    difference: mean(differences.map(({ value }) => value)),
    logitDifference: mean(differences.map(({ logit }) => logit)),
    n: differences.length,
  };
}

function effectsIn(
  setting: Setting,
  variants: readonly Variant[],
  results: readonly Result[],
  correction: Correction,
): (Effect['transfer'][number] & { name: SwitchName })[] {
  const own = results.filter((result) => result.setting === setting);
  const effects = SWITCHES.flatMap((name) => {
    const datasets = effectPerDataset(pairsOf(variants, name), own);
    if (datasets.length === 0) return [];
    const {
      n,
      mean: logitDifference,
      interval,
      pValue,
    } = meanDifference(datasets.map((dataset) => dataset.logitDifference));
    const difference = mean(datasets.map((dataset) => dataset.difference));
    return { name, setting, n, difference, logitDifference, interval, pValue, datasets };
  });
  return withAdjustedP(effects, correction);
}

/** On minus off per data set, the mean over pairs of variants that both have a result there. */
function effectPerDataset(pairs: ReturnType<typeof pairsOf>, results: readonly Result[]) {
  const datasets = [...new Set(results.map(({ dataset }) => dataset))];
  return datasets.flatMap((dataset) => {
    const find = (model: string) => results.find((r) => r.dataset === dataset && r.model === model);
    const differences = pairs.flatMap(({ on, off }) => {
      const [a, b] = [find(on.model), find(off.model)];
      return a && b ? { value: a.value - b.value, logit: a.logit - b.logit } : [];
    });
    if (differences.length === 0) return [];
    return {
      dataset,
      difference: mean(differences.map(({ value }) => value)),
      logitDifference: mean(differences.map(({ logit }) => logit)),
    };
  });
}
