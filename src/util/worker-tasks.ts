/** What the threads of a `WorkerPool` run. */
import { parentPort } from 'node:worker_threads';
import { invariant, messageOf } from './errors.ts';

export interface Assignment<Task> {
  readonly id: number;
  readonly task: Task;
}

export type Answer<Result> =
  | { readonly id: number; readonly result: Result }
  | { readonly id: number; readonly error: string };

/** Does every task that comes. `memoryOf`: the memory of a result, which is handed over instead of copied. */
export function serveTasks<Task, Result>(
  work: (task: Task) => Result | Promise<Result>,
  memoryOf: (result: Result) => ArrayBuffer,
): void {
  invariant(parentPort, 'tasks are served by a worker thread');
  const port = parentPort;
  port.on('message', async (message: Assignment<Task> | ArrayBuffer) => {
    // Discarded memory.
    if (message instanceof ArrayBuffer) return;
    const { id, task } = message;
    try {
      const result = await work(task);
      port.postMessage({ id, result } satisfies Answer<Result>, [memoryOf(result)]);
    } catch (error) {
      port.postMessage({ id, error: messageOf(error) } satisfies Answer<Result>);
    }
  });
}
