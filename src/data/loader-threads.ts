/**
 * The threads that fill batches, kept for the next loader when one is closed: a search opens a loader for every trial,
 * and starting a thread takes as long as filling several batches. Idle threads do not keep the process alive.
 */
import { Worker } from 'node:worker_threads';
import { moduleBeside, workerExecArgv } from '../util/worker.ts';
import type { LoaderMessage } from './loader-worker.ts';

const idle: Worker[] = [];

/** A thread that waits for messages, new or used before. */
export function takeThread(): Worker {
  const waiting = idle.pop();
  if (waiting) {
    waiting.ref();
    return waiting;
  }
  const url = moduleBeside(import.meta.url, 'loader-worker');
  const thread = new Worker(url, { execArgv: workerExecArgv(url) });
  const forget = () => {
    const index = idle.indexOf(thread);
    if (index >= 0) idle.splice(index, 1);
  };
  // A thread that fails when it is idle fails in what nobody waits for.
  return thread.on('error', forget).on('exit', forget);
}

/** Gives back a thread that has not failed, without listeners; it forgets what it was told. */
export function giveBackThread(thread: Worker): void {
  thread.postMessage({ kind: 'end' } satisfies LoaderMessage);
  thread.unref();
  idle.push(thread);
}
