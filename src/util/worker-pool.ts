/**
 * A pool of worker threads that all do one kind of task (`worker-tasks.ts` is their side). Threads are started when
 * they are needed and kept for the next time; idle ones do not keep the process alive.
 */
import { Worker } from 'node:worker_threads';
import { workerExecArgv } from './worker.ts';
import type { Answer, Assignment } from './worker-tasks.ts';

/** A thread ended before it had done its task. */
export class ThreadEnded extends Error {}

interface Waiting<Result> {
  resolve(result: Result): void;
  reject(error: Error): void;
}

interface Thread<Result> {
  readonly worker: Worker;
  readonly waiting: Map<number, Waiting<Result>>;
}

export class WorkerPool<Task, Result> {
  readonly #module: URL;
  readonly #most: number;
  readonly #threads: Thread<Result>[] = [];
  #assigned = 0;

  /** `module`: what the threads run, as `moduleBeside` finds it. `most`: threads at one time. */
  constructor(module: URL, most: number) {
    this.#module = module;
    this.#most = most;
  }

  /** What a thread makes of a task. Rejects with what the task threw, of which the message is left, or `ThreadEnded`. */
  run(task: Task): Promise<Result> {
    const { worker, waiting } = this.#idlest();
    const id = this.#assigned++;
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      worker.ref();
      worker.postMessage({ id, task } satisfies Assignment<Task>);
    });
  }

  /** Takes memory that a thread has made away from this thread, as garbage of one that has little to look through. */
  discard(memory: ArrayBuffer): void {
    this.#threads[0]?.worker.postMessage(memory, [memory]);
  }

  /** A thread with nothing to do, a new one while there may be more, or the one with the shortest queue. */
  #idlest(): Thread<Result> {
    const [shortest] = [...this.#threads].sort((a, b) => a.waiting.size - b.waiting.size);
    if (shortest?.waiting.size === 0) return shortest;
    return this.#threads.length < this.#most ? this.#start() : shortest;
  }

  #start(): Thread<Result> {
    const worker = new Worker(this.#module, { execArgv: workerExecArgv(this.#module) });
    const waiting = new Map<number, Waiting<Result>>();
    const thread = { worker, waiting };
    worker.on('message', (answer: Answer<Result>) => {
      const { resolve, reject } = waiting.get(answer.id)!;
      waiting.delete(answer.id);
      if (waiting.size === 0) worker.unref();
      if ('error' in answer) reject(new Error(answer.error));
      else resolve(answer.result);
    });
    worker.on('error', (error) => this.#end(thread, new ThreadEnded(error.message, { cause: error })));
    worker.on('exit', () => this.#end(thread, new ThreadEnded('internal: a thread ended with work to do')));
    this.#threads.push(thread);
    return thread;
  }

  #end(thread: Thread<Result>, reason: ThreadEnded): void {
    const index = this.#threads.indexOf(thread);
    if (index >= 0) this.#threads.splice(index, 1);
    for (const { reject } of thread.waiting.values()) reject(reason);
    thread.waiting.clear();
  }
}
