/** Which images make up a batch, and how they are written into it: pure, shared by the loader and its threads. */
import { Random } from '../tensor/random.ts';
import { centreCrop, type Normalisation, randomResizedCrop } from './augment.ts';
import type { PixelReader } from './cache.ts';

/** How images become network input. `train`: random resized crop and mirroring; `centre`: the central square. */
export interface BatchTransform extends Normalisation {
  readonly kind: 'train' | 'centre';
  /** Side of the network's input in pixels. */
  readonly size: number;
  /** Seed of crops and mirroring. */
  readonly seed: number;
  /** Share of the image that the smallest random crop covers; default 0.08. */
  readonly smallestCrop?: number;
}

/** The images of one batch. */
export interface BatchPlan {
  readonly step: number;
  /** Positions in the cache. */
  readonly indices: Int32Array;
  /** The epoch in which each image is drawn: a batch may end one epoch and begin the next. */
  readonly epochs: Int32Array;
  /** How many images are real; the rest repeat the last one (only in the last batch of a pass without training). */
  readonly count: number;
}

/** The endless sequence of batches over some images; any step can be asked for without those before it. */
export class BatchSequence {
  readonly #images: Uint32Array;
  readonly #batchSize: number;
  readonly #kind: BatchTransform['kind'];
  readonly #seed: number;
  #order: { epoch: number; images: Uint32Array } | null = null;

  constructor(images: Uint32Array, batchSize: number, kind: BatchTransform['kind'], seed: number) {
    this.#images = images;
    this.#batchSize = batchSize;
    this.#kind = kind;
    this.#seed = seed;
  }

  at(step: number): BatchPlan {
    return this.#kind === 'train' ? this.#shuffled(step) : this.#inOrder(step);
  }

  /** Full batches over one reshuffled epoch after another; the rest of an epoch begins the next batch. */
  #shuffled(step: number): BatchPlan {
    const total = this.#images.length;
    const first = step * this.#batchSize;
    const epochs = Int32Array.from({ length: this.#batchSize }, (_, i) => Math.floor((first + i) / total));
    const indices = epochs.map((epoch, i) => this.#orderOf(epoch)[(first + i) % total]);
    return { step, indices, epochs, count: this.#batchSize };
  }

  /** One pass after another in the given order; every pass begins with a fresh batch. */
  #inOrder(step: number): BatchPlan {
    const total = this.#images.length;
    const stepsPerPass = Math.ceil(total / this.#batchSize);
    const first = (step % stepsPerPass) * this.#batchSize;
    const indices = Int32Array.from(
      { length: this.#batchSize },
      (_, i) => this.#images[Math.min(first + i, total - 1)],
    );
    const epochs = new Int32Array(this.#batchSize);
    return { step, indices, epochs, count: Math.min(this.#batchSize, total - first) };
  }

  #orderOf(epoch: number): Uint32Array {
    if (this.#order?.epoch !== epoch)
      this.#order = {
        epoch,
        images: new Random(this.#seed, 'order', epoch).shuffleInPlace(this.#images.slice()),
      };
    return this.#order.images;
  }
}

/**
 * Writes the images of a plan into `batch`, shape N, 3, size, size. Returns the position of an image whose pixels are
 * damaged, which ends the writing; undefined when there is none.
 */
export function writeBatch(
  reader: PixelReader,
  plan: BatchPlan,
  transform: BatchTransform,
  batch: Float32Array,
): number | undefined {
  const { size, seed, smallestCrop } = transform;
  for (const [n, index] of plan.indices.entries()) {
    const image = reader.read(index);
    if (!image) return index;
    if (transform.kind === 'centre') centreCrop(image, size, transform, batch, n);
    else {
      const random = new Random(seed, 'augment', plan.epochs[n], index);
      randomResizedCrop(image, random, size, transform, batch, n, smallestCrop);
    }
  }
  return undefined;
}
