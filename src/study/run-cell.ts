/** Computes one cell. Runs in a worker process, since the engine blocks the thread that it runs on. */
import { availableParallelism, cpus, release } from 'node:os';
import type { ImageDataset } from '../data/index.ts';
import type { CellResult } from '../store/index.ts';
import { fixedFeatures, type SettingInputs, type SettingResult, tuned } from '../transfer/index.ts';
import { UserError } from '../util/errors.ts';
import { contentHash } from '../util/hash.ts';
import type { ProgressListener } from '../util/progress.ts';
import { VERSION } from '../util/version.ts';
import { type OpenedModel, openModel } from '../weights/index.ts';
import { openDataset } from './datasets.ts';
import type { CellTask } from './plan.ts';
import { testPart } from './test-part.ts';

/** A result whose network is still bytes, not yet an artifact of the store. */
export interface ComputedCell {
  readonly result: Omit<CellResult, 'network'>;
  readonly network: Uint8Array;
}

export interface CellEnvironment {
  readonly cacheFolder: string;
  readonly threads: number;
  /** Where the engine runs. */
  readonly device: NonNullable<SettingInputs['device']>;
  /** Which formulations of convolutions the engine takes; the usual ones unless told otherwise. */
  readonly formulations?: SettingInputs['formulations'];
  /** Bytes that training may take. */
  readonly memory?: number;
}

/** Data sets and models stay open between the cells of one process. */
const datasets = new Map<string, Promise<ImageDataset>>();
const models = new Map<string, Promise<OpenedModel>>();

function remembered<T>(map: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = map.get(key) ?? make();
  map.set(key, known);
  return known;
}

export async function runCell(
  task: CellTask,
  environment: CellEnvironment,
  onProgress: ProgressListener,
): Promise<ComputedCell> {
  const { cell, protocol, splitSeed } = task;
  const { cacheFolder, threads, device, formulations, memory } = environment;
  const dataset = await remembered(datasets, `${task.dataset}:${splitSeed}`, () =>
    openDataset(task.dataset, { splitSeed, cacheFolder, onProgress }),
  );
  const opened = await remembered(models, task.model, () =>
    // What the comparison opened is there; a worker downloads nothing.
    openModel(task.model, { cacheFolder, offline: true }),
  );
  requireUnchanged(task, dataset, opened);
  const weights = cell.setting === 'scratch' ? undefined : opened.weights;
  const inputs: SettingInputs = {
    dataset,
    model: opened.model,
    weights,
    seed: cell.seed,
    cacheFolder,
    threads,
    device,
    formulations,
    memory,
    onProgress,
  };
  const result =
    cell.setting === 'fixed'
      ? await fixedFeatures(inputs, protocol.fixed)
      : await tuned(inputs, protocol[cell.setting], cell.setting);
  requireFinite(result);
  return { result: recordOf(dataset, result, environment), network: result.network };
}

/** A cell's key names the data and weights it was planned for; a result of others must not be kept under it. */
function requireUnchanged(
  { cell, dataset: spec, model }: CellTask,
  dataset: ImageDataset,
  opened: OpenedModel,
) {
  const { dataset: fingerprint, weights } = cell.determinedBy;
  const changed =
    dataset.fingerprint !== fingerprint
      ? spec
      : weights !== null && weights !== opened.weightsHash
        ? model
        : null;
  if (changed === null) return;
  throw new UserError(
    'INPUT_CHANGED',
    `${changed} has changed since the comparison was started.`,
    'Run the command again: it starts from what is there now.',
  );
}

/** @throws UserError LOGITS_NOT_FINITE, since a store keeps finite numbers only */
function requireFinite({ testLogits }: SettingResult): void {
  if (testLogits.data.every(Number.isFinite)) return;
  throw new UserError(
    'LOGITS_NOT_FINITE',
    'The trained network gives infinite numbers for some test images.',
    'Give the protocol lower learning rates.',
  );
}

function recordOf(
  dataset: ImageDataset,
  result: SettingResult,
  environment: CellEnvironment,
): Omit<CellResult, 'network'> {
  const { train, validation } = dataset.splits;
  return {
    classes: dataset.classes,
    metric: dataset.metric,
    hyperparameters: result.hyperparameters,
    validation: { value: result.validation, n: validation.length },
    ...testPart(dataset, result.testLogits),
    trainImages: train.length + validation.length,
    trials: result.trials,
    curve: result.curve,
    seconds: result.seconds,
    environment: { ...environmentOf(environment), ...memoryOf(result), ...imageSecondsOf(result) },
    finishedAt: new Date().toISOString(),
  };
}

/** How long images were not ready; `compareDocument` adds it up. */
function imageSecondsOf({ imageSeconds: { preparing, waiting } }: SettingResult): Record<string, number> {
  return { secondsPreparingImages: preparing, secondsWaitingForImages: waiting };
}

/** How training kept within memory. */
function memoryOf({ memory }: SettingResult): Record<string, string | number> {
  if (!memory) return {};
  const { microBatches, recompute, plannedBytes } = memory;
  return {
    microBatches,
    recomputed: recompute ? 'yes' : 'no',
    plannedMemory: `${Math.round(plannedBytes / 2 ** 20)} MiB`,
  };
}

/**
 * What a reader needs to judge or repeat a result. Threads, device and formulations are here and not in a cell's key: between
 * them results differ by rounding, as they do between processors, and a result stays valid when it is read on
 * another machine.
 */
export function environmentOf({
  threads,
  device,
  formulations = new Map(),
}: Omit<CellEnvironment, 'cacheFolder'>): Record<string, string | number> {
  return {
    transferlab: VERSION,
    node: process.version,
    platform: `${process.platform} ${process.arch} ${release()}`,
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    threads,
    device,
    formulations:
      formulations.size === 0 ? 'usual' : contentHash(Object.fromEntries(formulations)).slice(0, 12),
  };
}
