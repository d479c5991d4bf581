/**
 * From a study's outcomes and measurements to its document: every number of every figure, table and claim. Pure: equal
 * input, equal document, on any machine. May import stats, store and evaluate.
 */
import { type CellOutcome, DOCUMENT_VERSION, type FinishedCell } from '../../store/records.ts';
import { invariant } from '../../util/errors.ts';
import { acrossDatasets } from '../across-datasets.ts';
import { cellSummary, identityOf } from '../cells.ts';
import { rankDataset } from '../ranking.ts';
import { judgeClaims } from './claims/claims.ts';
import { convergence } from './convergence.ts';
import { figure1, figure2 } from './correlations.ts';
import { studyCost } from './cost.ts';
import { datasetSize } from './dataset-size.ts';
import type { CellReference, StudyInput } from './input.ts';
import { regularisation } from './regularisation.ts';
import { finishedOf, meanResults, referenceId, sourceAccuracyOf } from './results.ts';
import type { StudyCell, StudyDocument } from './schema.ts';
import { seedSpread } from './seeds.ts';
import { settingsCompared } from './settings.ts';
import { studyVerdict } from './text.ts';
import { transferability } from './transferability.ts';

/**
 * Accuracies are compared on the logit scale; where all or none of the test images are right, half an image is added to
 * both sides. Networks and data sets with missing cells are left out of what needs them, and named. Failed cells are
 * listed.
 */
export function studyDocument(input: StudyInput): StudyDocument {
  checkNames(input);
  const experimentsOf = memberships(input);
  const cells = input.outcomes.filter(isFinished).map(
    (outcome): StudyCell => ({
      ...cellSummary(outcome),
      experiments: experimentsOf(outcome.cell),
    }),
  );
  const compared = finishedOf(input.outcomes, input.experiments.settings.cells);
  const results = meanResults(compared);
  const rankings = input.datasets.map((dataset) =>
    rankDataset(
      dataset,
      compared.filter(({ cell }) => cell.dataset === dataset.name),
      cells,
      input.correction,
    ),
  );
  const unjudged: Omit<StudyDocument, 'claims' | 'verdict'> = {
    kind: 'study',
    version: DOCUMENT_VERSION,
    title: input.title,
    description: input.description,
    startedAt: input.startedAt,
    command: input.command,
    protocol: input.protocol,
    correction: input.correction,
    environment: { ...input.environment },
    models: input.models.map(({ sourceImages: _, ...model }, i) => ({
      ...model,
      sourceAccuracy: sourceAccuracyOf(input.models[i]),
    })),
    datasets: [...input.datasets],
    cells,
    failed: input.outcomes.flatMap((outcome) =>
      outcome.status === 'failed'
        ? {
            ...identityOf(outcome.cell),
            error: outcome.error,
            experiments: experimentsOf(outcome.cell),
          }
        : [],
    ),
    failedMeasurements: [...(input.failedMeasurements ?? [])],
    rankings,
    acrossDatasets: acrossDatasets(rankings, input.correction),
    figure1: figure1(input, results),
    figure2: figure2(input, results, rankings),
    settings: settingsCompared(input, results, rankings),
    regularisation: regularisation(input),
    convergence: convergence(input),
    datasetSize: datasetSize(input),
    seeds: seedSpread(results, cells),
    transferability: transferability(input, results),
    embeddings: input.embeddings.map((embedding) => ({ ...embedding, points: [...embedding.points] })),
    panels: input.panels.map((panel) => ({ ...panel })),
    cost: studyCost(input.outcomes.filter(isFinished), cells),
  };
  const claims = judgeClaims(unjudged, input);
  return { ...unjudged, claims, verdict: studyVerdict(unjudged, claims) };
}

function isFinished(outcome: CellOutcome): outcome is FinishedCell {
  return outcome.status === 'done';
}

/** Cells of the comparison are of data sets that are described. */
function checkNames(input: StudyInput): void {
  const names = new Set(input.datasets.map(({ name }) => name));
  for (const { key, dataset } of input.experiments.settings.cells)
    invariant(names.has(dataset), `cell ${key} is of data set "${dataset}", which is not described`);
}

/** The experiments that a cell belongs to under its name. Runs have names of whole data sets, so their cells have not. */
function memberships({ experiments }: StudyInput): (cell: CellReference) => StudyCell['experiments'] {
  const { settings, regularisation, convergence, datasetSize } = experiments;
  const runId = ({ key, model }: Omit<CellReference, 'dataset'>) => JSON.stringify([key, model]);
  const members = [
    ['settings', new Set(settings.cells.map(referenceId)), referenceId],
    ['regularisation', new Set(regularisation?.cells.map(referenceId)), referenceId],
    ['convergence', new Set(convergence?.runs.map(runId)), runId],
    ['datasetSize', new Set(datasetSize?.runs.map(runId)), runId],
  ] as const;
  return (cell) => members.flatMap(([name, ids, idOf]) => (ids.has(idOf(cell)) ? name : []));
}
