/** The main job: open data sets and networks, run the cells, write report and networks. Shared by `compare` and `demo`. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Formulations } from '../compile/index.ts';
import {
  auditDuplicates,
  type DuplicateAudit,
  encodeJpeg,
  type ImageDataset,
  PROCEDURAL_DATASETS,
  SPLITS,
} from '../data/index.ts';
import { type CompareDocument, compareDocument, compareHtml, confidentMistakes } from '../report/index.ts';
import type { Device } from '../runtime/index.ts';
import { type CellOutcome, openEmbeddedStore, type Setting, type Store } from '../store/index.ts';
import { type CellTask, environmentOf, openDataset, planCells, runCells } from '../study/index.ts';
import { gridOf, type Protocol } from '../transfer/index.ts';
import { UserError } from '../util/errors.ts';
import { contentHash } from '../util/hash.ts';
import type { ProgressListener } from '../util/progress.ts';
import { type OpenedModel, openModel } from '../weights/index.ts';
import { auditSummary } from './audit-summary.ts';
import type { ProgressDisplay } from './progress.ts';
import { studyFormulations } from './study-formulations.ts';

export interface ComparisonOptions {
  readonly title: string;
  readonly datasets: readonly string[];
  readonly models: readonly string[];
  readonly settings: readonly Setting[];
  readonly protocol: Protocol;
  readonly seeds: number;
  readonly splitSeed: number;
  readonly out: string;
  readonly cacheFolder: string;
  /** Whether weights may be taken from the cache folder only. */
  readonly offline?: boolean;
  readonly threads: number;
  readonly device: Device;
  /** Bytes that training may take. */
  readonly memory?: number;
  /** Seconds for timing formulations of convolutions at the first start. */
  readonly tuneSeconds: number;
  /** The command line that repeats the comparison. */
  readonly command: string;
}

export interface Comparison {
  readonly document: CompareDocument;
  readonly reportPath: string;
  /** One file per data set: the network of the best candidate. */
  readonly networks: readonly { dataset: string; path: string }[];
}

export interface Opened {
  readonly datasets: readonly { spec: string; dataset: ImageDataset }[];
  readonly models: readonly { spec: string; opened: OpenedModel }[];
}

export async function runComparison(
  options: ComparisonOptions,
  display: ProgressDisplay,
): Promise<Comparison> {
  const startedAt = new Date().toISOString();
  const models: { spec: string; opened: OpenedModel }[] = [];
  for (const spec of options.models) models.push({ spec, opened: await openShown(spec, options, display) });
  requireDistinct(models.map(({ opened }) => opened.label));
  const datasets = await openDatasets(options, display);
  const seeds = Array.from({ length: options.seeds }, (_, seed) => seed);
  const tasks = planCells({ ...options, datasets, models, seeds });
  requireCells(tasks);
  const audits = await auditAll(datasets, options, display);
  // Last, so that a mistake in what was asked for leaves no folder behind.
  const store = await openEmbeddedStore(join(options.out, 'store'));
  try {
    const { title, command, out } = options;
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
      protocol: {
        name: options.protocol.name,
        hash: contentHash(options.protocol),
        fields: { ...options.protocol },
      },
      datasets: datasets.map(({ dataset }, i) => summaryOf(dataset, audits[i])),
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

/** Opens a model, showing what is downloaded. */
export function openShown(
  spec: string,
  { cacheFolder, offline }: Pick<ComparisonOptions, 'cacheFolder' | 'offline'>,
  display: ProgressDisplay,
): Promise<OpenedModel> {
  const onProgress: ProgressListener = ({ phase, note }) => display.prepare(`${phase}: ${note}`);
  return openModel(spec, { cacheFolder, offline, onProgress });
}

async function openDatasets(
  options: ComparisonOptions,
  display: ProgressDisplay,
): Promise<Opened['datasets']> {
  const { splitSeed, cacheFolder } = options;
  const opened: { spec: string; dataset: ImageDataset }[] = [];
  for (const spec of options.datasets) {
    const dataset = await openDataset(spec, {
      splitSeed,
      cacheFolder,
      onProgress: ({ phase, done, total }) => display.prepare(`${spec}: ${phase}, ${done} of ${total}`),
    });
    opened.push({ spec, dataset });
  }
  requireDistinct(opened.map(({ dataset }) => dataset.name));
  return opened;
}

/**
 * Copies among the images of each data set; what images look like is remembered for the next time. Procedural images
 * are not looked at: each is made from random numbers of its own.
 */
async function auditAll(
  datasets: Opened['datasets'],
  { cacheFolder }: Pick<ComparisonOptions, 'cacheFolder'>,
  display: ProgressDisplay,
): Promise<(DuplicateAudit | undefined)[]> {
  const audits: (DuplicateAudit | undefined)[] = [];
  for (const { spec, dataset } of datasets) {
    if (Object.hasOwn(PROCEDURAL_DATASETS, dataset.name)) {
      audits.push(undefined);
      continue;
    }
    const onProgress: ProgressListener = ({ phase, done, total }) =>
      display.prepare(`${spec}: look for copies: ${phase}, ${done} of ${total}`);
    audits.push(await auditDuplicates([dataset], { cacheFolder, onProgress }));
  }
  return audits;
}

function requireDistinct(names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new UserError(
    'NAME_TWICE',
    `Two data sets or networks are called "${twice}".`,
    'Rename one of the files or folders.',
  );
}

function requireCells(tasks: readonly CellTask[]): void {
  if (tasks.length > 0) return;
  throw new UserError(
    'NOTHING_TO_DO',
    'None of the networks has pre-trained weights, and training from scratch was not asked for.',
    'Give weights (--models file.safetensors or file.onnx), or add scratch to --settings.',
  );
}

function requireSuccess(outcomes: readonly CellOutcome[]): void {
  const failed = outcomes.filter((outcome) => outcome.status === 'failed');
  if (failed.length < outcomes.length) return;
  throw new UserError(
    'ALL_FAILED',
    `None of the ${failed.length} cells could be computed. The first: ${failed[0].error}`,
    'Nothing was lost; mend the cause and run the command again.',
  );
}

/** Runs the cells and shows how far they are, weighted by their cost. */
async function runAll(
  store: Store,
  tasks: readonly CellTask[],
  options: ComparisonOptions & { formulations: Formulations },
  opened: Opened,
  display: ProgressDisplay,
): Promise<CellOutcome[]> {
  const costs = tasks.map((task) => costOf(task, opened));
  const total = costs.reduce((sum, cost) => sum + cost, 0);
  let [done, index] = [0, 0];
  const name = ({ cell }: CellTask) =>
    `${index + 1}/${tasks.length} ${cell.dataset} · ${cell.model} · ${cell.setting}`;
  return runCells(
    store,
    tasks,
    { ...options, workFolder: join(options.out, 'work') },
    {
      onBegin: () => display.update(done / total, name(tasks[index])),
      onProgress: (_, { done: part, total: whole, note, phase }) =>
        display.update(
          (done + costs[index] * (part / whole)) / total,
          `${name(tasks[index])}: ${note ?? phase}`,
        ),
      onOutcome: (outcome, stored) => {
        if (stored) display.skip(costs[index] / total);
        if (outcome.status === 'failed') display.line(`Failed: ${name(tasks[index])}: ${outcome.error}`);
        done += costs[index++];
      },
    },
  );
}

/** What a cell costs, in multiply-adds and a constant per image and step: only ratios matter. */
function costOf(
  { cell, dataset: spec, model: modelSpec, protocol }: CellTask,
  { datasets, models }: Opened,
): number {
  const { splits } = datasets.find((entry) => entry.spec === spec)!.dataset;
  const { model } = models.find((entry) => entry.spec === modelSpec)!.opened;
  const perImage = model.multiplyAdds + 2e6;
  const images = splits.train.length + splits.validation.length + splits.test.length;
  if (cell.setting === 'fixed') return images * perImage + 1e9;
  const { steps, batchSize } = protocol[cell.setting];
  const runs = gridOf(protocol[cell.setting]).length + 1;
  return runs * steps * Math.min(batchSize, splits.train.length) * 4 * perImage + images * perImage;
}

function summaryOf(
  dataset: ImageDataset,
  audit: DuplicateAudit | undefined,
): CompareDocument['datasets'][number] {
  const { name, classes, metric, fingerprint, problems, splits } = dataset;
  const images = {
    train: splits.train.length,
    validation: splits.validation.length,
    test: splits.test.length,
  };
  return {
    name,
    classes: [...classes],
    images,
    metric,
    fingerprint,
    problems: [...problems],
    ...(audit && { audit: auditSummary(audit) }),
  };
}

function modelSummary({ model, label, source, weightsHash }: OpenedModel): CompareDocument['models'][number] {
  const { family, parameters, featureSize, input } = model;
  return { name: label, family, parameters, featureSize, inputSize: input.size, source, weightsHash };
}

/** Copies the best candidate's network of each data set into the output folder. */
async function exportWinners(
  store: Store,
  document: CompareDocument,
  out: string,
): Promise<Comparison['networks']> {
  const networks: { dataset: string; path: string }[] = [];
  await mkdir(out, { recursive: true });
  for (const ranking of document.rankings) {
    const key = ranking.candidates[0]?.keys[0];
    const cell = document.cells.find((candidate) => candidate.key === key);
    if (!cell) continue;
    const suffix =
      document.rankings.length > 1 ? `-${ranking.dataset.replace(/[^\p{L}\p{N}._-]+/gu, '-')}` : '';
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
    const pictures = new Map<string, string>();
    for (const record of SPLITS.flatMap((split) => dataset.splits[split]))
      if (wanted.has(record.id)) pictures.set(record.id, await thumbnail(dataset, record));
    thumbnails.set(dataset.name, pictures);
  }
  return thumbnails;
}

async function thumbnail(
  dataset: ImageDataset,
  record: Parameters<ImageDataset['render']>[0],
): Promise<string> {
  const picture = await dataset.render(record, { kind: 'central-square', size: 112, filter: 'bilinear' });
  const jpeg = await encodeJpeg(picture);
  return `data:image/jpeg;base64,${jpeg.toString('base64')}`;
}
