/** Drops hopeless networks before anything is trained, by a transferability score of the training images. */
import { join } from 'node:path';
import type { CompareDocument } from '../report/index.ts';
import type { ScoreName } from '../stats/transferability/names.ts';
import type { Store } from '../store/index.ts';
import {
  type CellTask,
  type MeasurementOutcome,
  type MeasurementTask,
  measureAll,
  planMeasurement,
} from '../study/index.ts';
import type { Opened, WorkOptions } from './inputs.ts';
import type { ProgressDisplay } from './progress.ts';

export interface ShortlistOptions {
  /** Networks that are kept per data set. */
  readonly keep: number;
  readonly score: ScoreName;
}

type Shortlist = NonNullable<CompareDocument['shortlist']>;
type Dataset = Opened['datasets'][number];
type DatasetShortlist = Shortlist['datasets'][number];

/** The tasks of networks that are kept; networks without weights have no score, and are kept beside them. */
export async function shortlisted(
  tasks: readonly CellTask[],
  store: Store,
  { datasets, models }: Opened,
  options: WorkOptions & { readonly shortlist?: ShortlistOptions },
  display: ProgressDisplay,
): Promise<{ tasks: readonly CellTask[]; shortlist?: Shortlist }> {
  const scored = models.filter(({ opened }) => opened.weights);
  if (!options.shortlist || scored.length <= options.shortlist.keep) return { tasks };
  const { keep, score } = options.shortlist;
  const measurements = datasets.map((dataset) =>
    scored.map((model) => {
      const inputs = { dataset, model, splitSeed: options.splitSeed, seed: 0, environment: options };
      return planMeasurement('scores', inputs, { scores: [scoreFor(dataset, score)] });
    }),
  );
  const outcomes = await measured(measurements.flat(), store, options, display);
  const lists = datasets.map((dataset, i): DatasetShortlist => {
    const own = outcomes.slice(i * scored.length, (i + 1) * scored.length);
    const name = scoreFor(dataset, score);
    return { dataset: dataset.dataset.name, score: name, candidates: ranked(own, name, keep) };
  });
  const dropped = new Set(
    lists.flatMap(({ dataset, candidates }) =>
      candidates.filter(({ kept }) => !kept).map(({ model }) => identity(dataset, model)),
    ),
  );
  const seconds = outcomes.reduce(
    (sum, one) => sum + (one.status === 'done' ? one.measurement.seconds : 0),
    0,
  );
  return {
    tasks: tasks.filter(({ cell }) => !dropped.has(identity(cell.dataset, cell.model))),
    ...(dropped.size > 0 && { shortlist: { keep, datasets: lists, seconds } }),
  };
}

const identity = (dataset: string, model: string): string => JSON.stringify([dataset, model]);

/** LogME alone is defined where an image can have several classes. */
function scoreFor({ dataset }: Dataset, score: ScoreName): ScoreName {
  return dataset.task === 'multi-label' ? 'logme' : score;
}

/** Highest score first. What has none cannot be judged, and is kept. */
function ranked(
  outcomes: readonly MeasurementOutcome[],
  score: ScoreName,
  keep: number,
): DatasetShortlist['candidates'] {
  const candidates = outcomes.map((outcome) => {
    const value = outcome.status === 'done' ? outcome.measurement.value[score] : null;
    return { model: outcome.task.label, value: typeof value === 'number' ? value : null };
  });
  return candidates
    .sort((a, b) => (b.value ?? -Infinity) - (a.value ?? -Infinity) || 0)
    .map((candidate, rank) => ({ ...candidate, kept: candidate.value === null || rank < keep }));
}

function measured(
  tasks: readonly MeasurementTask[],
  store: Store,
  options: WorkOptions,
  display: ProgressDisplay,
): Promise<MeasurementOutcome[]> {
  const name = ({ label, dataset }: MeasurementTask) => `score of ${label} on ${dataset}`;
  return measureAll(
    store,
    tasks,
    { ...options, workFolder: join(options.out, 'work') },
    {
      onBegin: (task, index) => display.prepare(`${index + 1}/${tasks.length} ${name(task)}`),
      onProgress: (task, { done, total, note, phase }) =>
        display.prepare(`${name(task)}: ${note ?? `${phase}, ${done} of ${total}`}`),
      onOutcome: (outcome) => {
        if (outcome.status === 'failed') display.line(`Failed: ${name(outcome.task)}: ${outcome.error}`);
      },
    },
  );
}
