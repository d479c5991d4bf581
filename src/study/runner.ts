/**
 * Runs the cells of a plan that have no result yet, in a worker process, and stores each as it finishes. A
 * killed run continues where it stopped: what the store has is not computed again.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cell, CellOutcome, CellResult, Store } from '../store/index.ts';
import type { ProgressEvent } from '../util/progress.ts';
import { moduleBeside, workerExecArgv } from '../util/worker.ts';
import type { CellMessage, CellRequest } from './messages.ts';
import type { CellTask } from './plan.ts';
import type { CellEnvironment } from './run-cell.ts';

export interface RunListener {
  /** A cell begins; `index` counts from 0 over all tasks, finished ones included. */
  onBegin?(cell: Cell, index: number): void;
  onProgress?(cell: Cell, event: ProgressEvent): void;
  /** A cell has its outcome; `stored`: it was there before. */
  onOutcome?(outcome: CellOutcome, stored: boolean): void;
}

export interface RunOptions extends CellEnvironment {
  /** Folder for networks on their way into the store. */
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
  await mkdir(options.workFolder, { recursive: true });
  const worker = new CellWorker(options);
  const outcomes: CellOutcome[] = [];
  try {
    for (const [index, task] of tasks.entries()) {
      const found = known.get(task.cell.key);
      const stored = found?.status === 'done';
      if (!stored) listener.onBegin?.(task.cell, index);
      const outcome = stored ? found : await compute(store, worker, task, options, listener);
      // Two tasks may be one cell: training from scratch is the same for two weights of one architecture.
      known.set(task.cell.key, outcome);
      outcomes.push(renamed(outcome, task.cell));
      listener.onOutcome?.(outcome, stored);
    }
  } finally {
    worker.close();
    await rm(options.workFolder, { recursive: true, force: true });
  }
  return outcomes;
}

/** A stored result may have been computed under another file name of the same data or weights. */
function renamed(outcome: CellOutcome, cell: Cell): CellOutcome {
  return { ...outcome, cell };
}

async function compute(
  store: Store,
  worker: CellWorker,
  task: CellTask,
  options: RunOptions,
  listener: RunListener,
): Promise<CellOutcome> {
  const { cell } = task;
  const networkPath = join(options.workFolder, `${cell.key}.onnx`);
  const answer = await worker.run({ task, environment: options, networkPath }, (event) =>
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

type Answer = Exclude<CellMessage, { kind: 'progress' }>;

/** A worker process, started when first needed and again after it has died. */
class CellWorker {
  #process: ChildProcess | undefined;

  constructor(private readonly environment: CellEnvironment) {}

  run(request: CellRequest, onProgress: (event: ProgressEvent) => void): Promise<Answer> {
    // It may have died between two cells.
    if (!this.#process?.connected) this.#process = this.#start();
    const child = this.#process;
    return new Promise((resolve) => {
      const settle = (answer: Answer) => {
        child.off('message', onMessage);
        child.off('exit', onExit);
        resolve(answer);
      };
      const onMessage = (message: unknown) => {
        const answer = message as CellMessage;
        if (answer.kind === 'progress') onProgress(answer.event);
        else settle(answer);
      };
      const onExit = (code: number | null, signal: string | null) => {
        this.#process = undefined;
        settle({ kind: 'failed', message: deathOf(code, signal) });
      };
      child.on('message', onMessage);
      child.on('exit', onExit);
      const { cacheFolder, threads, device, formulations, memory } = this.environment;
      child.send({ ...request, environment: { cacheFolder, threads, device, formulations, memory } });
    });
  }

  close(): void {
    this.#process?.removeAllListeners('exit');
    this.#process?.kill('SIGKILL');
  }

  #start(): ChildProcess {
    const module = moduleBeside(import.meta.url, 'worker');
    return fork(module, {
      execArgv: workerExecArgv(module),
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
  }
}

function deathOf(code: number | null, signal: string | null): string {
  const how = signal ? `was ended by ${signal}` : `ended with code ${code}`;
  const hint =
    signal === 'SIGKILL' ? ' The machine may have run out of memory: use a smaller network or batch.' : '';
  return `The process that computed this cell ${how}.${hint}`;
}
