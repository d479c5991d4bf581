/**
 * Batches for training and evaluation, prepared by worker threads while the consumer computes.
 *
 * Four buffers go round: two in the hands of the consumer, two being filled. They are transferred, not shared,
 * because the engine accepts no shared memory as input.
 */
import type { Worker } from 'node:worker_threads';
import { invariant } from '../util/errors.ts';
import { type BatchPlan, BatchSequence, type BatchTransform, writeBatch } from './batch.ts';
import { damaged, PixelReader, sizeAt, type ViewCache } from './cache.ts';
import { giveBackThread, takeThread } from './loader-threads.ts';
import type { FilledBatch, LoaderJob, LoaderMessage } from './loader-worker.ts';

/** How many batches are prepared ahead of the one that is handed out. */
const PREFETCH = 2;
/** How many batches the consumer may hold: the last one and the one before. */
const HELD = 2;

type Images = Float32Array<ArrayBuffer>;

/** How many loaders this process has opened. */
let opened = 0;

export interface BatchLoaderOptions extends Omit<BatchTransform, 'kind'> {
  readonly cache: ViewCache;
  /** Label of every image of the cache, or equally many labels of each, image by image. */
  readonly labels: ArrayLike<number>;
  /** Positions in the cache to draw from; default: all. So one cache serves parts and subsets of its images. */
  readonly indices?: ArrayLike<number>;
  readonly batchSize: number;
  /**
   * `train`: random resized crops, reshuffled every epoch, always full batches. `centre`: centre crops in the
   * given order; the last batch of a pass is filled up by repeating its last image. Needs images of at least `size`.
   */
  readonly transform: BatchTransform['kind'];
  /** Worker threads; default 1. With 0 batches are made on the calling thread. The batches are the same. */
  readonly threads?: number;
  /** The first step to hand out; default 0. Steps before it cost nothing. */
  readonly startStep?: number;
}

export interface Batch {
  /**
   * Normalised pixels, shape N, 3, size, size. Valid until the next call but one of `next()`, when the buffer is
   * filled again. A consumer may transfer the buffer to a thread of its own; then a new one is made.
   */
  readonly images: Images;
  /** As many per image as were given. */
  readonly labels: Int32Array;
  /** Positions in the cache. */
  readonly indices: Int32Array;
  /** How many images are real; less than N only in the last batch of a pass with `centre`. */
  readonly count: number;
}

interface Job {
  readonly plan: BatchPlan;
  readonly images: Promise<Images>;
}

/** Hands out batches one after another without end; must be closed, or its threads keep the process alive. */
export class BatchLoader {
  /** `centre`: batches of one pass, after which the next begins. `train`: batches until every image was drawn once. */
  readonly batchesPerEpoch: number;
  readonly #options: BatchLoaderOptions;
  readonly #transform: BatchTransform;
  readonly #sequence: BatchSequence;
  readonly #job: LoaderJob;
  readonly #workers: Worker[];
  /** Reads for batches that are made on the calling thread. */
  readonly #reader: PixelReader;
  readonly #jobs: Job[] = [];
  readonly #held: Images[] = [];
  readonly #waiting = new Map<number, { resolve(images: Images): void; reject(error: Error): void }>();
  #failure: Error | null = null;
  #nextStep: number;
  #waitedMilliseconds = 0;

  constructor(options: BatchLoaderOptions) {
    const { cache, batchSize, size, mean, std, seed, smallestCrop, transform } = options;
    const indices = options.indices
      ? Uint32Array.from(options.indices)
      : new Uint32Array(cache.count).map((_, i) => i);
    requireUsable(options, indices);
    this.#options = options;
    this.#transform = { kind: transform, size, mean, std, seed, smallestCrop };
    this.#sequence = new BatchSequence(indices, batchSize, transform, seed);
    this.batchesPerEpoch = Math.ceil(indices.length / batchSize);
    const { files, pictures, fileOf, places, sizes, checks, checked } = cache;
    this.#reader = new PixelReader(cache);
    this.#job = {
      loader: opened++,
      store: { files, pictures, fileOf, places, sizes, checks, checked },
      transform: this.#transform,
      closed: new Int32Array(new SharedArrayBuffer(4)),
    };
    this.#workers = Array.from({ length: options.threads ?? 1 }, () => this.#takeWorker());
    this.#nextStep = options.startStep ?? 0;
    if (this.#workers.length > 0) for (let i = 0; i < PREFETCH; i++) this.#request();
  }

  /** Seconds that the consumer has spent waiting in `next()`: near 0 when preparing keeps up. */
  get waitedSeconds(): number {
    return this.#waitedMilliseconds / 1000;
  }

  /** The next batch. Rejects when a thread has failed or the loader was closed. Error: `CACHE_DAMAGED`. */
  async next(): Promise<Batch> {
    const begun = performance.now();
    this.#request(this.#held.length === HELD ? this.#held.shift() : undefined);
    const { plan, images: filling } = this.#jobs.shift() as Job;
    const images = await filling;
    this.#held.push(images);
    this.#waitedMilliseconds += performance.now() - begun;
    const labels = rowsOf(this.#options.labels, this.#options.cache.count, plan.indices);
    return { images, labels, indices: plan.indices, count: plan.count };
  }

  /** Gives the threads back, or ends them where one has failed. Batches that were handed out stay valid. */
  async close(): Promise<void> {
    const intact = this.#failure === null;
    Atomics.store(this.#job.closed, 0, 1);
    this.#fail(new Error('internal: the batch loader is closed'));
    this.#reader.close();
    for (const worker of this.#workers.splice(0)) {
      worker.off('message', this.#onFilled).off('error', this.#onError);
      if (intact) giveBackThread(worker);
      else await worker.terminate();
    }
  }

  /** Has the batch after those already asked for made, in a buffer that is no longer held. */
  #request(free?: Images): void {
    const plan = this.#sequence.at(this.#nextStep++);
    const length = plan.indices.length * 3 * this.#transform.size ** 2;
    // A buffer that the consumer transferred has length 0.
    const images = free?.length === length ? free : new Float32Array(length);
    const job = { plan, images: this.#fill(plan, images) };
    job.images.catch(() => {}); // the error is thrown to whoever asks for this batch
    this.#jobs.push(job);
  }

  async #fill(plan: BatchPlan, images: Images): Promise<Images> {
    if (this.#failure) throw this.#failure;
    if (this.#workers.length === 0) {
      const index = writeBatch(this.#reader, plan, this.#transform, images);
      if (index !== undefined) throw await damaged(this.#options.cache, index);
      return images;
    }
    const filled = new Promise<Images>((resolve, reject) => {
      this.#waiting.set(plan.step, { resolve, reject });
    });
    const request: LoaderMessage = { kind: 'fill', plan, images };
    this.#workers[plan.step % this.#workers.length].postMessage(request, [images.buffer]);
    return filled;
  }

  #takeWorker(): Worker {
    const worker = takeThread();
    worker.postMessage({ kind: 'begin', job: this.#job } satisfies LoaderMessage);
    return worker.on('message', this.#onFilled).on('error', this.#onError);
  }

  readonly #onFilled = ({ loader, step, images, damaged: index }: FilledBatch): void => {
    if (loader !== this.#job.loader) return;
    if (index !== undefined) {
      damaged(this.#options.cache, index).then(this.#onError);
      return;
    }
    this.#waiting.get(step)?.resolve(images);
    this.#waiting.delete(step);
  };

  readonly #onError = (error: Error): void => this.#fail(error);

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }
}

/** The labels of some images, image by image. */
function rowsOf(labels: ArrayLike<number>, images: number, indices: Int32Array): Int32Array {
  const width = labels.length / images;
  const rows = new Int32Array(indices.length * width);
  for (const [n, index] of indices.entries())
    for (let k = 0; k < width; k++) rows[n * width + k] = labels[index * width + k];
  return rows;
}

function requireUsable({ cache, labels, transform, size }: BatchLoaderOptions, indices: Uint32Array): void {
  invariant(indices.length > 0, 'a batch loader needs at least one image');
  const perImage = labels.length / cache.count;
  invariant(
    Number.isInteger(perImage) && perImage > 0,
    `${labels.length} labels for ${cache.count} cached images`,
  );
  for (const index of indices) {
    invariant(index >= 0 && index < cache.count, `image ${index} is not in a cache of ${cache.count}`);
    const { width, height } = sizeAt(cache, index);
    invariant(
      transform === 'train' || Math.min(width, height) >= size,
      `image ${index} of ${width} x ${height} is too small for a centre crop of ${size}`,
    );
  }
}
