/**
 * Images per second from JPEG files to normalised 224 px batches: randomly cropped and mirrored, as fine-tuning reads
 * them, or cropped in the centre, as features and tests do. In the first epoch files are decoded, made smaller and
 * kept; later ones read what was kept, by threads that go on from epoch to epoch as the peer's do.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BatchLoader, openFolderDataset, openViewCache } from '../../src/data/index.ts';
import { findModel } from '../../src/models/index.ts';
import { serve, timed } from '../child.ts';

interface Task {
  readonly folder: string;
  readonly images: number;
  readonly batch: number;
  readonly threads: number;
  readonly epoch: 'first' | 'later';
  readonly transform: 'train' | 'centre';
}

const VIEW = { kind: 'short-side', size: 256, filter: 'bilinear' } as const;

await serve<Task>(async ({ folder, batch, threads, epoch, transform }) => {
  const cacheFolder = join(folder, `cache-${epoch}-${transform}`);
  const dataset = await openFolderDataset(join(folder, 'jpegs'), { seed: 0, cacheFolder });
  // The parts do not matter here: every file is read once.
  const records = [...dataset.splits.train, ...dataset.splits.validation, ...dataset.splits.test];
  const labels = records.map(({ label }) => label);
  const { input } = findModel('resnet50');
  const openLoader = async () =>
    new BatchLoader({
      cache: await openViewCache(dataset, records, VIEW, cacheFolder),
      labels,
      batchSize: batch,
      transform,
      seed: 0,
      threads,
      ...input,
    });
  const readAll = async (loader: BatchLoader) => {
    for (let i = 0; i < loader.batchesPerEpoch; i++) await loader.next();
  };
  const firstEpoch = async () => {
    const loader = await openLoader();
    await readAll(loader);
    await loader.close();
  };
  await firstEpoch();
  const kept = epoch === 'later' ? await openLoader() : undefined;
  if (kept) await readAll(kept);
  return {
    async measure() {
      if (!kept) await rm(join(cacheFolder, 'views'), { recursive: true });
      const seconds = await timed(kept ? () => readAll(kept) : firstEpoch);
      return { value: records.length / seconds, seconds };
    },
  };
});
