/** Seeded random numbers. A stream is named by a seed and any number of labels, so that streams are independent. */
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { sha256 } from '../util/hash.ts';

export class Random {
  readonly #next: () => number;
  #spare: number | undefined;

  /** The stream of `seed` and `labels`, for example `new Random(1, 'augment', epoch, image)`. */
  constructor(seed: number, ...labels: (string | number)[]) {
    const digest = sha256([seed, ...labels].join('\u0000'));
    const generator = xoroshiro128plus(Number.parseInt(digest.slice(0, 8), 16) | 0);
    this.#next = () => generator.next() >>> 0;
  }

  /** Uniform in [0, 1). */
  uniform(low = 0, high = 1): number {
    return low + ((high - low) * this.#next()) / 4294967296;
  }

  /** Uniform integer in 0 .. bound - 1. */
  integer(bound: number): number {
    return Math.floor(this.uniform() * bound);
  }

  /** Standard normal (Box-Muller). */
  normal(): number {
    if (this.#spare !== undefined) {
      const spare = this.#spare;
      this.#spare = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** A shuffled copy (Fisher-Yates). */
  shuffle<T>(items: readonly T[]): T[] {
    return this.shuffleInPlace([...items]);
  }

  /** The same order as of `shuffle`, in the list itself. */
  shuffleInPlace<List extends { readonly length: number; [index: number]: unknown }>(items: List): List {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const item = items[i];
      items[i] = items[j];
      items[j] = item;
    }
    return items;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.integer(items.length)];
  }
}
