/**
 * The thread that fills batches for `loader.ts`, for one loader after another. Buffers come and go by transfer, so no
 * batch is copied.
 */
import { parentPort } from 'node:worker_threads';
import { invariant } from '../util/errors.ts';
import { type BatchPlan, type BatchTransform, writeBatch } from './batch.ts';
import { PixelReader, type PixelStore } from './cache.ts';

/** What a loader says when it begins. */
export interface LoaderJob {
  /** Unique in the process: tells the batches of this loader from those of one that was closed before. */
  readonly loader: number;
  readonly store: PixelStore;
  readonly transform: BatchTransform;
  /** Shared: 1 as soon as the loader is closed and its batches are of no more use. */
  readonly closed: Int32Array;
}

export type LoaderMessage =
  | { readonly kind: 'begin'; readonly job: LoaderJob }
  | { readonly kind: 'fill'; readonly plan: BatchPlan; readonly images: Float32Array<ArrayBuffer> }
  | { readonly kind: 'end' };

export interface FilledBatch {
  readonly loader: number;
  readonly step: number;
  readonly images: Float32Array<ArrayBuffer>;
  /** Position of an image whose pixels are damaged, so that the batch is of no use. */
  readonly damaged?: number;
}

invariant(parentPort, 'the loader worker runs as a worker thread');
const port = parentPort;
let job: (LoaderJob & { readonly reader: PixelReader }) | undefined;

port.on('message', (message: LoaderMessage) => {
  if (message.kind !== 'fill') job?.reader.close();
  if (message.kind === 'begin') job = { ...message.job, reader: new PixelReader(message.job.store) };
  else if (message.kind === 'end') job = undefined;
  else if (job && Atomics.load(job.closed, 0) === 0) {
    const { plan, images } = message;
    const damaged = writeBatch(job.reader, plan, job.transform, images);
    const filled: FilledBatch = { loader: job.loader, step: plan.step, images, damaged };
    port.postMessage(filled, [images.buffer]);
  }
});
