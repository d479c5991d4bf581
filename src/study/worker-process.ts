/** The parent's side of the worker process, in which the engine runs. */
import { type ChildProcess, fork } from 'node:child_process';
import type { ProgressListener } from '../util/progress.ts';
import { moduleBeside, workerExecArgv } from '../util/worker.ts';
import type { Done, Work, WorkMessage, WorkRequest } from './messages.ts';
import type { CellEnvironment } from './open-inputs.ts';

type Failed = Extract<WorkMessage, { kind: 'failed' }>;

/** Started when first needed and again after it has died. One task at a time. */
export class WorkerProcess {
  #process: ChildProcess | undefined;

  constructor(private readonly environment: CellEnvironment) {}

  /** Never rejects: what went wrong, even the end of the process, is a `failed`. */
  run<K extends Work['kind']>(
    work: Work & { readonly kind: K },
    filePath: string,
    onProgress: ProgressListener,
  ): Promise<{ readonly kind: 'done'; readonly result: Done[K] } | Failed> {
    // It may have died between two tasks.
    if (!this.#process?.connected) this.#process = this.#start();
    const child = this.#process;
    return new Promise((resolve) => {
      const settle = (answer: Exclude<WorkMessage, { kind: 'progress' }>) => {
        child.off('message', onMessage);
        child.off('exit', onExit);
        resolve(answer as { kind: 'done'; result: Done[K] } | Failed);
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
      child.on('message', onMessage);
      child.on('exit', onExit);
      const { cacheFolder, threads, device, formulations, memory } = this.environment;
      const environment = { cacheFolder, threads, device, formulations, memory };
      child.send({ ...(work as Work), environment, filePath } satisfies WorkRequest);
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
  return `The process that computed this ${how}.${hint}`;
}
