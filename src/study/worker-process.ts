/** The parent's side of the worker process, in which the engine runs. */
import { type ChildProcess, fork } from 'node:child_process';
import { messageOf } from '../util/errors.ts';
import type { ProgressListener } from '../util/progress.ts';
import { moduleBeside, workerExecArgv } from '../util/worker.ts';
import type { Done, Work, WorkMessage, WorkRequest } from './messages.ts';
import type { CellEnvironment } from './open-inputs.ts';

export type Answer<K extends Work['kind']> =
  | { readonly kind: 'done'; readonly result: Done[K] }
  | Extract<WorkMessage, { kind: 'failed' }>;

/** Started when first needed and again after it has died. One task at a time. */
export class WorkerProcess {
  #process: ChildProcess | undefined;

  constructor(private readonly environment: CellEnvironment) {}

  /** Never rejects: what went wrong, even the end of the process, is a `failed`. */
  run<K extends Work['kind']>(
    work: Work & { readonly kind: K },
    filePath: string,
    onProgress: ProgressListener,
  ): Promise<Answer<K>> {
    return new Promise((resolve) => {
      let child: ChildProcess | undefined;
      const settle = (answer: Exclude<WorkMessage, { kind: 'progress' }>) => {
        child?.off('message', onMessage).off('exit', onExit).off('error', onError);
        resolve(answer as Answer<K>);
      };
      const onMessage = (message: unknown) => {
        const answer = message as WorkMessage;
        if (answer.kind === 'progress') onProgress(answer.event);
        else settle(answer);
      };
      const onExit = (code: number | null, signal: string | null) => {
        this.#process = undefined;
        settle({ kind: 'failed', message: deathOf(code, signal) });
      };
      // It could not be started, or what it was sent did not reach it.
      const onError = (error: unknown) => {
        settle({ kind: 'failed', message: `The process that computes cannot be used: ${messageOf(error)}.` });
        this.close();
        this.#process = undefined;
      };
      const { cacheFolder, threads, device, formulations, memory } = this.environment;
      const environment = { cacheFolder, threads, device, formulations, memory };
      try {
        // It may have died between two tasks.
        if (!this.#process?.connected) this.#process = this.#start();
        child = this.#process;
        child.on('message', onMessage).on('exit', onExit).on('error', onError);
        child.send({ ...(work as Work), environment, filePath } satisfies WorkRequest);
      } catch (error) {
        onError(error);
      }
    });
  }

  close(): void {
    this.#process?.removeAllListeners('exit');
    this.#process?.kill('SIGKILL');
  }

  #start(): ChildProcess {
    const module = moduleBeside(import.meta.url, 'worker');
    const child = fork(module, {
      execArgv: workerExecArgv(module),
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    // Errors between two tasks, and those after the first one of a task, say nothing new: the next task starts another.
    return child.on('error', () => {});
  }
}

function deathOf(code: number | null, signal: string | null): string {
  const how = signal ? `was ended by ${signal}` : `ended with code ${code}`;
  const hint =
    signal === 'SIGKILL' ? ' The machine may have run out of memory: use a smaller network or batch.' : '';
  return `The process that computed this ${how}.${hint}`;
}
