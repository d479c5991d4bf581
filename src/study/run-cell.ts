/** Computes one cell. Runs in a worker process, since the engine blocks the thread that it runs on. */
import { availableParallelism, cpus, release } from 'node:os';
import type { ImageDataset } from '../data/index.ts';
import type { CellResult } from '../store/index.ts';
import { fixedFeatures, type SettingResult, tuned } from '../transfer/index.ts';
import { UserError } from '../util/errors.ts';
import { contentHash } from '../util/hash.ts';
import type { ProgressListener } from '../util/progress.ts';
import { VERSION } from '../util/version.ts';
import { type CellEnvironment, openInputs } from './open-inputs.ts';
import type { CellTask } from './plan.ts';
import { testPart } from './test-part.ts';

/** A result whose network is still bytes, not yet an artifact of the store. */
export interface ComputedCell {
  readonly result: Omit<CellResult, 'network'>;
  readonly network: Uint8Array;
}

export async function runCell(
  task: CellTask,
  environment: CellEnvironment,
  onProgress: ProgressListener,
): Promise<ComputedCell> {
  const { cell, protocol } = task;
  const { seed, determinedBy } = cell;
  const opened = await openInputs({ ...task, seed, determinedBy }, environment, onProgress);
  const inputs = cell.setting === 'scratch' ? { ...opened, weights: undefined } : opened;
  const result =
    cell.setting === 'fixed'
      ? await fixedFeatures(inputs, protocol.fixed)
      : await tuned(inputs, protocol[cell.setting], cell.setting);
  requireFinite(result);
  return { result: recordOf(inputs.dataset, result, environment), network: result.network };
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
    environment: {
      ...environmentOf(environment),
      ...memoryOf(result),
      ...searchOf(result),
      ...imageSecondsOf(result),
    },
    finishedAt: new Date().toISOString(),
  };
}

/** How long images were not ready; `compareDocument` adds it up. */
function imageSecondsOf({ imageSeconds: { preparing, waiting } }: SettingResult): Record<string, number> {
  return { secondsPreparingImages: preparing, secondsWaitingForImages: waiting };
}

/** What the search cost, and what the whole grid would have. */
function searchOf({ searchSteps }: SettingResult): Record<string, number> {
  return searchSteps ? { searchSteps: searchSteps.run, wholeGridSteps: searchSteps.wholeGrid } : {};
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
