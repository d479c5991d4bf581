/**
 * Runs what has no result yet, cells or measurements, in a worker process, and stores each as it finishes. A killed
 * run continues where it stopped: what the store has is not computed again.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Cell,
  type CellOutcome,
  type CellResult,
  fullDisk,
  type Measurement,
  meansFullDisk,
  requireFinite,
  type Store,
} from '../store/index.ts';
import { messageOf } from '../util/errors.ts';
import type { ProgressEvent, ProgressListener } from '../util/progress.ts';
import type { MeasurementTask } from './measure.ts';
import type { Work } from './messages.ts';
import type { CellEnvironment } from './open-inputs.ts';
import type { CellTask } from './plan.ts';
import { type Answer, WorkerProcess } from './worker-process.ts';

export interface RunListener {
  /** A cell begins; `index` counts from 0 over all tasks, finished ones included. */
  onBegin?(cell: Cell, index: number): void;
  onProgress?(cell: Cell, event: ProgressEvent): void;
  /** A cell has its outcome; `stored`: it was there before. */
  onOutcome?(outcome: CellOutcome, stored: boolean): void;
}

export interface RunOptions extends CellEnvironment {
  /** Folder for files on their way into the store. */
  readonly workFolder: string;
}

/** Returns the outcome of every task, in their order. A failed cell does not stop the others. */
export async function runCells(
  store: Store,
  tasks: readonly CellTask[],
  options: RunOptions,
  listener: RunListener = {},
): Promise<CellOutcome[]> {
  await store.plan(tasks.map(({ cell }) => cell));
  const known = new Map(await store.outcomes(tasks.map(({ cell }) => cell.key)));
  return withWorker(options, async (worker) => {
    const outcomes: CellOutcome[] = [];
    for (const [index, task] of tasks.entries()) {
      const found = known.get(task.cell.key);
      const stored = found?.status === 'done';
      if (!stored) listener.onBegin?.(task.cell, index);
      const outcome = stored ? found : await computeCell(store, worker, task, options, listener);
      // Two tasks may be one cell: training from scratch is the same for two weights of one architecture.
      known.set(task.cell.key, outcome);
      outcomes.push(renamed(outcome, task.cell));
      listener.onOutcome?.(outcome, stored);
    }
    return outcomes;
  });
}

export type MeasurementOutcome =
  | { readonly task: MeasurementTask; readonly status: 'done'; readonly measurement: Measurement }
  | { readonly task: MeasurementTask; readonly status: 'failed'; readonly error: string };

export interface MeasurementListener {
  /** A measurement begins; `index` counts from 0 over all tasks, finished ones included. */
  onBegin?(task: MeasurementTask, index: number): void;
  onProgress?(task: MeasurementTask, event: ProgressEvent): void;
  /** A measurement has its outcome; `stored`: it was there before. */
  onOutcome?(outcome: MeasurementOutcome, stored: boolean): void;
}

/** Returns the outcome of every task, in their order. One that fails does not stop the others, and is not stored. */
export async function measureAll(
  store: Store,
  tasks: readonly MeasurementTask[],
  options: RunOptions,
  listener: MeasurementListener = {},
): Promise<MeasurementOutcome[]> {
  const known = new Map(await store.measurements(tasks.map(({ key }) => key)));
  return withWorker(options, async (worker) => {
    const outcomes: MeasurementOutcome[] = [];
    for (const [index, task] of tasks.entries()) {
      const found = known.get(task.key);
      if (!found) listener.onBegin?.(task, index);
      const outcome: MeasurementOutcome = found
        ? // It may have been computed under another name of the same weights.
          { task, status: 'done', measurement: { ...found, model: task.label } }
        : await computeMeasurement(store, worker, task, options, listener);
      if (outcome.status === 'done') known.set(task.key, outcome.measurement);
      outcomes.push(outcome);
      listener.onOutcome?.(outcome, found !== undefined);
    }
    return outcomes;
  });
}

async function withWorker<T>(options: RunOptions, work: (worker: WorkerProcess) => Promise<T>): Promise<T> {
  await mkdir(options.workFolder, { recursive: true });
  const worker = new WorkerProcess(options);
  try {
    return await work(worker);
  } finally {
    worker.close();
    await rm(options.workFolder, { recursive: true, force: true });
  }
}

/** A stored result may have been computed under another file name of the same data or weights. */
function renamed(outcome: CellOutcome, cell: Cell): CellOutcome {
  return { ...outcome, cell };
}

/**
 * What the worker makes of the work. What failed leaves no file.
 * @throws UserError STORE_FULL when the file found no room: all that is left to do would be computed and lost
 */
async function computed<K extends Work['kind']>(
  worker: WorkerProcess,
  work: Work & { readonly kind: K },
  filePath: string,
  { workFolder }: RunOptions,
  onProgress: ProgressListener,
): Promise<Answer<K>> {
  const answer = finite(await worker.run<K>(work, filePath, onProgress));
  if (answer.kind === 'failed') {
    await rm(filePath, { force: true });
    if (meansFullDisk(answer.code)) throw fullDisk(workFolder, answer.message);
  }
  return answer;
}

/** The store keeps finite numbers only: others fail what has them, and not the whole run. */
function finite<K extends Work['kind']>(answer: Answer<K>): Answer<K> {
  try {
    if (answer.kind === 'done') requireFinite(answer.result, 'result');
    return answer;
  } catch (error) {
    return { kind: 'failed', message: messageOf(error) };
  }
}

async function computeCell(
  store: Store,
  worker: WorkerProcess,
  task: CellTask,
  options: RunOptions,
  listener: RunListener,
): Promise<CellOutcome> {
  const { cell } = task;
  const networkPath = join(options.workFolder, `${cell.key}.onnx`);
  const answer = await computed(worker, { kind: 'cell', task }, networkPath, options, (event) =>
    listener.onProgress?.(cell, event),
  );
  if (answer.kind === 'failed') {
    await store.fail(cell, answer.message);
    return { cell, status: 'failed', error: answer.message };
  }
  const network = await store.putArtifact(networkPath, 'application/onnx');
  await rm(networkPath);
  const result: CellResult = { ...answer.result, network };
  await store.finish(cell, result);
  return { cell, status: 'done', result };
}

async function computeMeasurement(
  store: Store,
  worker: WorkerProcess,
  task: MeasurementTask,
  options: RunOptions,
  listener: MeasurementListener,
): Promise<MeasurementOutcome> {
  const filePath = join(options.workFolder, task.key);
  const answer = await computed(worker, { kind: 'measurement', task }, filePath, options, (event) =>
    listener.onProgress?.(task, event),
  );
  if (answer.kind === 'failed') return { task, status: 'failed', error: answer.message };
  const { mediaType, ...record } = answer.result;
  const artifact = mediaType === null ? null : await store.putArtifact(filePath, mediaType);
  await rm(filePath, { force: true });
  const measurement: Measurement = { ...record, artifact };
  await store.keepMeasurement(measurement);
  return { task, status: 'done', measurement };
}
