/** The thread that fills batches for `loader.ts`. Buffers come and go by transfer, so no pixels are copied. */
import { parentPort, workerData } from 'node:worker_threads';
import { invariant } from '../util/errors.ts';
import { type BatchPlan, type BatchTransform, writeBatch } from './batch.ts';
import type { PixelStore } from './cache.ts';

export interface LoaderWorkerData {
  readonly store: PixelStore;
  readonly transform: BatchTransform;
}

export interface FillRequest {
  readonly plan: BatchPlan;
  readonly images: Float32Array<ArrayBuffer>;
}

export interface FilledBatch {
  readonly step: number;
  readonly images: Float32Array<ArrayBuffer>;
}

invariant(parentPort, 'the loader worker runs as a worker thread');
const port = parentPort;
const { store, transform } = workerData as LoaderWorkerData;

port.on('message', ({ plan, images }: FillRequest) => {
  writeBatch(store, plan, transform, images);
  const filled: FilledBatch = { step: plan.step, images };
  port.postMessage(filled, [images.buffer]);
});
