/**
 * Renders scenes: the first few on the calling thread, since starting threads takes longer than they do,
 * and the rest in as many worker threads as there are processors. Idle threads do not keep the process alive.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { moduleBeside, workerExecArgv } from '../../util/worker.ts';
import { renderRecipe, type SceneRecipe } from './recipe.ts';
import type { RenderedScene, RenderRequest } from './render-worker.ts';

/** About half a second of rendering. */
const INLINE_IMAGES = 200;
const MOST_THREADS = 8;

interface Job {
  readonly resolve: (pixels: Uint8Array) => void;
  readonly reject: (reason: Error) => void;
}

interface Thread {
  readonly worker: Worker;
  readonly jobs: Map<number, Job>;
}

const threads: Thread[] = [];
let rendered = 0;

/** The 64 x 64 RGB pixels of a recipe; the same on every thread. */
export async function renderPooled(recipe: SceneRecipe): Promise<Uint8Array> {
  rendered++;
  return rendered <= INLINE_IMAGES ? renderRecipe(recipe) : renderInThread(recipe, rendered);
}

function renderInThread(recipe: SceneRecipe, job: number): Promise<Uint8Array> {
  const thread = idlest();
  return new Promise((resolve, reject) => {
    thread.jobs.set(job, { resolve, reject });
    thread.worker.ref();
    thread.worker.postMessage({ job, recipe } satisfies RenderRequest);
  });
}

/** A thread with nothing to do, a new one while there may be more, or the one with the shortest queue. */
function idlest(): Thread {
  const [shortest] = [...threads].sort((a, b) => a.jobs.size - b.jobs.size);
  if (shortest?.jobs.size === 0) return shortest;
  return threads.length < Math.min(MOST_THREADS, availableParallelism()) ? startThread() : shortest;
}

function startThread(): Thread {
  const url = moduleBeside(import.meta.url, 'render-worker');
  const worker = new Worker(url, { execArgv: workerExecArgv(url) });
  const jobs = new Map<number, Job>();
  const thread = { worker, jobs };
  worker.on('message', ({ job, pixels }: RenderedScene) => {
    jobs.get(job)?.resolve(pixels);
    jobs.delete(job);
    if (jobs.size === 0) worker.unref();
  });
  worker.on('error', (error) => stop(thread, error));
  worker.on('exit', () => stop(thread, new Error('internal: a render thread ended with work to do')));
  threads.push(thread);
  return thread;
}

function stop(thread: Thread, reason: Error) {
  const index = threads.indexOf(thread);
  if (index >= 0) threads.splice(index, 1);
  for (const job of thread.jobs.values()) job.reject(reason);
  thread.jobs.clear();
}
