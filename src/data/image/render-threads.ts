/**
 * Threads that render many images. Decoded pixels count as memory of the thread that asked for them, so every few
 * dozen images its whole heap is searched for garbage: on the main thread, with all that a program holds, that took
 * as long as a quarter of the decoding. These threads hold nothing, and leave the main thread to others.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { moduleBeside, workerExecArgv } from '../../util/worker.ts';
import type { DecodedImage, View } from '../contract.ts';
import type { RenderRequest, RenderResult } from './render-worker.ts';

/** Decoding itself runs in libuv's threads, which all threads share; a second one resamples beside the first. */
const THREADS = Math.min(2, availableParallelism());
/** For fewer images starting threads takes longer than they save. */
const MANY = 200;

interface Waiting {
  /** Undefined: the thread has ended. */
  resolve(image: DecodedImage | undefined): void;
  reject(error: Error): void;
}

/** One thread, kept for the next time; it does not keep the process alive while nothing is asked of it. */
class RenderThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;
  ended = false;

  constructor() {
    const url = moduleBeside(import.meta.url, 'render-worker');
    this.#worker = new Worker(url, { execArgv: workerExecArgv(url) });
    this.#worker.on('message', (result: RenderResult) => this.#onResult(result));
    this.#worker.on('error', () => this.#end()).on('exit', () => this.#end());
    this.#worker.unref();
  }

  render(bytes: Uint8Array, view: View): Promise<DecodedImage | undefined> {
    const id = this.#asked++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage({ id, bytes, view } satisfies RenderRequest);
    });
  }

  /** Takes pixels away from the calling thread. */
  discard(pixels: ArrayBuffer): void {
    this.#worker.postMessage(pixels, [pixels]);
  }

  #onResult(result: RenderResult): void {
    const waiting = this.#waiting.get(result.id);
    this.#waiting.delete(result.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if ('error' in result) waiting?.reject(new Error(result.error));
    else {
      makers.set(result.image, this);
      waiting?.resolve(result.image);
    }
  }

  #end(): void {
    this.ended = true;
    for (const { resolve } of this.#waiting.values()) resolve(undefined);
    this.#waiting.clear();
  }
}

/** Which thread has made an image. */
const makers = new WeakMap<DecodedImage, RenderThread>();
let threads: RenderThread[] = [];
/** How many pieces of work with many images are under way. */
let underWay = 0;
let next = 0;

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
  threads = threads.filter(({ ended }) => !ended);
  while (threads.length < THREADS) threads.push(new RenderThread());
  return threads[next++ % THREADS].render(bytes, view);
}

/**
 * Says that an image is done with, if a thread has made it: its pixels go back at once and are no garbage of the
 * calling thread. The image is empty from then on.
 */
export function discard(image: DecodedImage): void {
  makers.get(image)?.discard(image.pixels.buffer as ArrayBuffer);
}
