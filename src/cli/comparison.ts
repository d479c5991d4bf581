/** The main job: open data sets and networks, run the cells, write report and networks. Shared by `compare` and `demo`. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type CompareDocument, compareDocument, compareHtml, confidentMistakes } from '../report/index.ts';
import { type CellOutcome, openEmbeddedStore, type Setting, type Store } from '../store/index.ts';
import { type CellTask, environmentOf, planCells, protocolHash } from '../study/index.ts';
import type { Protocol } from '../transfer/index.ts';
import { UserError } from '../util/errors.ts';
import type { OpenedModel } from '../weights/index.ts';
import { fileNames } from './file-name.ts';
import {
  auditAll,
  datasetSummary,
  modelSummary,
  type Opened,
  openDatasets,
  openShown,
  requireDistinct,
  type WorkOptions,
} from './inputs.ts';
import { picturesOf } from './pictures.ts';
import type { ProgressDisplay } from './progress.ts';
import { requireSuccess, runAll } from './run-shown.ts';
import { type ShortlistOptions, shortlisted } from './shortlist.ts';
import { studyFormulations } from './study-formulations.ts';

export interface ComparisonOptions extends WorkOptions {
  readonly title: string;
  readonly datasets: readonly string[];
  readonly models: readonly string[];
  readonly settings: readonly Setting[];
  readonly protocol: Protocol;
  readonly seeds: number;
  /** Networks that are trained per data set, and the score by which they are chosen; all unless told otherwise. */
  readonly shortlist?: ShortlistOptions;
  /** The command line that repeats the comparison. */
  readonly command: string;
}

export interface Comparison {
  readonly document: CompareDocument;
  readonly reportPath: string;
  /** One file per data set: the network of the best candidate. */
  readonly networks: readonly { dataset: string; path: string }[];
}

export async function runComparison(
  options: ComparisonOptions,
  display: ProgressDisplay,
): Promise<Comparison> {
  const startedAt = new Date().toISOString();
  const models: { spec: string; opened: OpenedModel }[] = [];
  for (const spec of options.models) models.push({ spec, opened: await openShown(spec, options, display) });
  requireDistinct(models.map(({ opened }) => opened.label));
  const datasets = await openDatasets(options.datasets, options, display);
  const seeds = Array.from({ length: options.seeds }, (_, seed) => seed);
  const planned = planCells({ ...options, datasets, models, seeds });
  requireCells(planned);
  const audits = await auditAll(datasets, options, display);
  // Last, so that a mistake in what was asked for leaves no folder behind.
  const store = await openEmbeddedStore(join(options.out, 'store'));
  try {
    const { title, command, out } = options;
    const { tasks, shortlist } = await shortlisted(planned, store, { datasets, models }, options, display);
    const formulations = await studyFormulations(tasks, { datasets, models }, options, display);
    const environment = environmentOf({ ...options, formulations });
    await store.recordRun({ startedAt, command: 'compare', arguments: { ...options }, environment });
    const outcomes = await runAll(store, tasks, { ...options, formulations }, { datasets, models }, display);
    const document = compareDocument({
      title,
      command,
      startedAt,
      environment,
      outcomes,
      shortlist,
      protocol: {
        name: options.protocol.name,
        hash: protocolHash(options.protocol),
        fields: { ...options.protocol },
      },
      datasets: datasets.map(({ dataset }, i) => datasetSummary(dataset, audits[i])),
      models: models.map(({ opened }) => modelSummary(opened)),
    });
    requireSuccess(outcomes);
    const networks = await exportWinners(store, document, out);
    const thumbnails = await thumbnailsOf(document, outcomes, datasets);
    const reportPath = join(out, 'report.html');
    await writeFile(join(out, 'compare.json'), `${JSON.stringify(document, null, 2)}\n`);
    await writeFile(reportPath, compareHtml(document, { outcomes, thumbnails }));
    return { document, reportPath, networks };
  } finally {
    await store.close();
  }
}

function requireCells(tasks: readonly CellTask[]): void {
  if (tasks.length > 0) return;
  throw new UserError(
    'NOTHING_TO_DO',
    'None of the networks has pre-trained weights, and training from scratch was not asked for.',
    'Give weights (--models file.safetensors or file.onnx), or add scratch to --settings.',
  );
}

/** Copies the best candidate's network of each data set into the output folder. */
async function exportWinners(
  store: Store,
  document: CompareDocument,
  out: string,
): Promise<Comparison['networks']> {
  const networks: { dataset: string; path: string }[] = [];
  await mkdir(out, { recursive: true });
  const files = fileNames(document.rankings.map(({ dataset }) => dataset));
  for (const [i, ranking] of document.rankings.entries()) {
    const key = ranking.candidates[0]?.keys[0];
    const cell = document.cells.find((candidate) => candidate.key === key);
    if (!cell) continue;
    const suffix = document.rankings.length > 1 ? `-${files[i]}` : '';
    const path = join(out, `winner${suffix}.onnx`);
    await writeFile(path, await store.readArtifact(cell.network));
    networks.push({ dataset: ranking.dataset, path: resolve(path) });
  }
  return networks;
}

/** Pictures of the mistakes and copies that the report shows, as data URIs. */
async function thumbnailsOf(
  document: CompareDocument,
  outcomes: readonly CellOutcome[],
  datasets: Opened['datasets'],
): Promise<Map<string, Map<string, string>>> {
  const thumbnails = new Map<string, Map<string, string>>();
  for (const [i, { dataset }] of datasets.entries()) {
    const key = document.rankings.find((ranking) => ranking.dataset === dataset.name)?.candidates[0]?.keys[0];
    const best = outcomes.find(({ cell }) => cell.key === key);
    const mistakes = best?.status === 'done' ? confidentMistakes(best.result) : [];
    const copies = document.datasets[i].audit?.groups.flatMap(({ images }) => images) ?? [];
    const wanted = new Set([...mistakes.map(({ image }) => image), ...copies.map(({ id }) => id)]);
    thumbnails.set(dataset.name, await picturesOf(dataset, wanted));
  }
  return thumbnails;
}
