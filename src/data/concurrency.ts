/** Several asynchronous jobs at a time, results in order. */
import { availableParallelism } from 'node:os';

/**
 * How many images to decode at a time: one per core and as many again waiting, so that no core idles, and some more
 * where cores are few, as reading a file waits in the same queue as decoding.
 */
export const DECODERS = Math.max(8, 2 * availableParallelism());

/**
 * Yields `work(item)` for each item in the order of `items`, with up to `limit` of them under way. The first
 * failure is thrown, after the jobs under way have ended.
 */
export async function* mapInOrder<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number) => Promise<R>,
): AsyncGenerator<R> {
  const underWay: Promise<R>[] = [];
  let started = 0;
  try {
    for (let taken = 0; taken < items.length; taken++) {
      while (started < items.length && underWay.length < limit) {
        const job = work(items[started], started);
        // A job may fail before its turn comes; its error is thrown when it does.
        job.catch(() => {});
        underWay.push(job);
        started++;
      }
      yield await (underWay.shift() as Promise<R>);
    }
  } finally {
    await Promise.allSettled(underWay);
  }
}
