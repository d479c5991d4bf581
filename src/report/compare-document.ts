/**
 * From finished cells to the document of `compare`. Pure: equal input, equal document, on any machine.
 * May import store, stats and evaluate.
 */
import type { CellOutcome, FinishedCell } from '../store/records.ts';
import { DOCUMENT_VERSION } from '../store/records.ts';
import { invariant } from '../util/errors.ts';
import { acrossDatasets } from './across-datasets.ts';
import { cellSummary, identityOf } from './cells.ts';
import { rankDataset } from './ranking.ts';
import type { CompareDocument, DatasetSummary, ModelSummary, Shortlist } from './schema.ts';
import { shortlistSentences } from './shortlist.ts';
import { overallVerdict } from './verdict.ts';

export interface CompareInput {
  readonly title: string;
  readonly protocol: CompareDocument['protocol'];
  readonly datasets: readonly DatasetSummary[];
  readonly models: readonly ModelSummary[];
  readonly outcomes: readonly CellOutcome[];
  /** What was dropped before; left out where nothing was. */
  readonly shortlist?: Shortlist;
  readonly environment: Readonly<Record<string, string | number>>;
  /** Command line that repeats the comparison. */
  readonly command: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
}

/** Ranking, tests, costs and the verdict in plain sentences. */
export function compareDocument(input: CompareInput): CompareDocument {
  const finished = input.outcomes.filter((outcome) => outcome.status === 'done');
  const failed = input.outcomes.filter((outcome) => outcome.status === 'failed');
  for (const { cell } of input.outcomes) {
    const listed = input.datasets.some((dataset) => dataset.name === cell.dataset);
    invariant(listed, `cell ${cell.key} is of data set "${cell.dataset}", which is not described`);
  }
  const cells = finished.map(cellSummary);
  const rankings = input.datasets.map((dataset) =>
    rankDataset(
      dataset,
      finished.filter(({ cell }) => cell.dataset === dataset.name),
      cells,
    ),
  );
  const across = acrossDatasets(rankings);
  const failures = failed.map(({ cell, error }) => ({ ...identityOf(cell), error }));
  const verdict = overallVerdict(rankings, across, failures.length, input.outcomes.length);
  return {
    kind: 'compare',
    version: DOCUMENT_VERSION,
    title: input.title,
    startedAt: input.startedAt,
    command: input.command,
    protocol: input.protocol,
    environment: { ...input.environment },
    datasets: [...input.datasets],
    models: [...input.models],
    cells,
    failed: failures,
    rankings,
    acrossDatasets: across,
    ...(input.shortlist && { shortlist: input.shortlist }),
    cost: costOf(finished),
    verdict: { ...verdict, sentences: [...verdict.sentences, ...shortlistSentences(input)] },
  };
}

function costOf(finished: readonly FinishedCell[]): CompareDocument['cost'] {
  const total = { seconds: 0, search: 0, final: 0 };
  for (const { result } of finished) {
    total.seconds += result.seconds.total;
    total.search += result.seconds.search;
    total.final += result.seconds.final;
  }
  return { ...total, images: imageCostOf(finished) };
}

/** Of the runs that kept count; null where none did. */
function imageCostOf(finished: readonly FinishedCell[]): CompareDocument['cost']['images'] {
  const images = { seconds: 0, preparing: 0, waiting: 0 };
  for (const { result } of finished) {
    const { secondsPreparingImages: preparing, secondsWaitingForImages: waiting } = result.environment;
    if (typeof preparing !== 'number' || typeof waiting !== 'number') continue;
    images.seconds += result.seconds.total;
    images.preparing += preparing;
    images.waiting += waiting;
  }
  return images.seconds > 0 ? images : null;
}
