/** Finished cells of a study as numbers to compute with: means over seeds on both scales, and source accuracies. */
import { logit, logitOfCounts } from '../../stats/index.ts';
import type { CellOutcome, FinishedCell, Setting } from '../../store/records.ts';
import { invariant } from '../../util/errors.ts';
import { mean } from '../accuracy.ts';
import type { Candidate } from '../schema.ts';
import type { CellReference, StudyInput, StudyModelInput } from './input.ts';
import type { SourceAccuracy } from './schema.ts';

/** One network on one data set in one setting, over its seeds. */
export interface Result {
  readonly dataset: string;
  readonly model: string;
  readonly setting: Setting;
  /** Mean test metric over seeds, 0..1. */
  readonly value: number;
  /** Test images. */
  readonly n: number;
  /** Of `value`, as if that share of the test images were right; finite at 0 and 1. */
  readonly logit: number;
  /** By ascending seed. */
  readonly runs: readonly FinishedCell[];
}

/** A cell under one of its names, as a key of maps. */
export function referenceId({ key, dataset, model }: CellReference): string {
  return JSON.stringify([key, dataset, model]);
}

/** The finished ones of these cells, each once, in their order. */
export function finishedOf(
  outcomes: readonly CellOutcome[],
  cells: readonly CellReference[],
): FinishedCell[] {
  const found = new Map(outcomes.map((outcome) => [referenceId(outcome.cell), outcome]));
  return [...new Set(cells.map(referenceId))].flatMap((id) => {
    const outcome = found.get(id);
    return outcome?.status === 'done' ? outcome : [];
  });
}

/** Finished cells by key, under whichever name. */
export function finishedByKey(outcomes: readonly CellOutcome[]): Map<string, FinishedCell> {
  return new Map(
    outcomes.flatMap((outcome) => (outcome.status === 'done' ? [[outcome.cell.key, outcome]] : [])),
  );
}

/** Means over the seeds of cells that agree in data set, network and setting, in the order of their first cells. */
export function meanResults(finished: readonly FinishedCell[]): Result[] {
  return grouped(finished, ({ cell }) => [cell.dataset, cell.model, cell.setting]).map((group) => {
    const runs = [...group].sort((a, b) => a.cell.seed - b.cell.seed);
    const { dataset, model, setting } = runs[0].cell;
    return { dataset, model, setting, ...meanTest(runs), runs };
  });
}

/** The runs of a candidate of a ranking, which was made of these results. */
export function runsOf(
  results: readonly Result[],
  dataset: string,
  { model, setting }: Candidate,
): Result['runs'] {
  const result = results.find((r) => r.dataset === dataset && r.model === model && r.setting === setting);
  invariant(result, `${model} ${setting} on ${dataset} has no result`);
  return result.runs;
}

/** Mean test metric of runs, its logit and the number of test images. */
export function meanTest(runs: readonly FinishedCell[]): { value: number; n: number; logit: number } {
  const value = mean(runs.map(({ result }) => result.test.value));
  const { n } = runs[0].result.test;
  return { value, n, logit: logitOfShare(value, n) };
}

/** Logit of a share of n images, within what 0 and 1 have with half an image added to both sides. */
export function logitOfShare(share: number, n: number): number {
  return logitOfCounts(Math.min(n, share * n), n);
}

/** Items in groups of equal keys, both in the order of their first occurrence. */
export function grouped<T>(items: readonly T[], keyOf: (item: T) => readonly (string | number)[]): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = JSON.stringify(keyOf(item));
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return [...groups.values()];
}

/** Test images that a source accuracy of 0 or 1 is taken to come from where their number is not known. */
const ASSUMED_SOURCE_IMAGES = 1000;

/** With its logit; null where the accuracy is not known. */
export function sourceAccuracyOf({ sourceAccuracy, sourceImages }: StudyModelInput): SourceAccuracy {
  if (sourceAccuracy === null) return null;
  const extreme = sourceAccuracy === 0 || sourceAccuracy === 1;
  return {
    value: sourceAccuracy,
    logit: extreme
      ? logitOfShare(sourceAccuracy, sourceImages ?? ASSUMED_SOURCE_IMAGES)
      : logit(sourceAccuracy),
    images: sourceImages,
  };
}

/** Source accuracies by name of the network. */
export function sourceAccuracies(input: StudyInput): ReadonlyMap<string, SourceAccuracy> {
  return new Map(input.models.map((model) => [model.name, sourceAccuracyOf(model)]));
}
