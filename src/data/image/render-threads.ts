/**
 * Threads that render many images. Decoded pixels count as memory of the thread that asked for them, so every few
 * dozen images its whole heap is searched for garbage: on the main thread, with all that a program holds, that took
 * as long as a quarter of the decoding. These threads hold nothing, and leave the main thread to others.
 */
import { availableParallelism } from 'node:os';
import { moduleBeside } from '../../util/worker.ts';
import { ThreadEnded, WorkerPool } from '../../util/worker-pool.ts';
import type { DecodedImage, View } from '../contract.ts';
import type { RenderTask } from './render-worker.ts';

/** Decoding itself runs in libuv's threads, which all threads share; a second one resamples beside the first. */
const THREADS = Math.min(2, availableParallelism());
/** For fewer images starting threads takes longer than they save. */
const MANY = 200;

const pool = new WorkerPool<RenderTask, DecodedImage>(
  moduleBeside(import.meta.url, 'render-worker'),
  THREADS,
);
/** Images that threads have made. */
const made = new WeakSet<DecodedImage>();
/** How many pieces of work with many images are under way. */
let underWay = 0;

/** Has threads render the images that `work` reads, if there are as `many` as that pays for. */
export async function onRenderThreads<T>(many: number, work: () => Promise<T>): Promise<T> {
  if (many < MANY) return work();
  underWay++;
  try {
    return await work();
  } finally {
    underWay--;
  }
}

/** The view of an encoded image from a thread; undefined where the calling thread is to make it. */
export async function renderOnThread(bytes: Uint8Array, view: View): Promise<DecodedImage | undefined> {
  if (underWay === 0) return undefined;
  try {
    const image = await pool.run({ bytes, view });
    made.add(image);
    return image;
  } catch (error) {
    if (error instanceof ThreadEnded) return undefined;
    throw error;
  }
}

/**
 * Says that an image is done with, if a thread has made it: its pixels go back at once and are no garbage of the
 * calling thread. The image is empty from then on.
 */
export function discard(image: DecodedImage): void {
  if (made.has(image)) pool.discard(image.pixels.buffer as ArrayBuffer);
}
