/** How long a setting had nothing to compute because its images were not there. */
import type { BatchLoader } from '../data/index.ts';

export interface ImageSeconds {
  /** Opening caches of images: decoding them, or reading what was decoded before. */
  readonly preparing: number;
  /** Waiting for batches, in training and in all passes over images. */
  readonly waiting: number;
}

export class ImageClock {
  #preparing = 0;
  #waiting = 0;

  /** Counts the time until `opening` is settled. */
  async prepare<T>(opening: Promise<T>): Promise<T> {
    const begun = performance.now();
    try {
      return await opening;
    } finally {
      this.#preparing += (performance.now() - begun) / 1000;
    }
  }

  /** Counts what was waited for a loader in its life, and closes it. */
  async close(loader: BatchLoader): Promise<void> {
    this.#waiting += loader.waitedSeconds;
    await loader.close();
  }

  get seconds(): ImageSeconds {
    return { preparing: this.#preparing, waiting: this.#waiting };
  }
}
