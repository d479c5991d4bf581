/**
 * Images per second from JPEG files to normalised 224 px batches: randomly cropped and mirrored, as fine-tuning reads
 * them, or cropped in the centre, as features and tests do. In the first epoch files are decoded, made smaller and
 * kept; later ones read what was kept.
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
  const run = async () => {
    const cache = await openViewCache(dataset, records, VIEW, cacheFolder);
    const loader = new BatchLoader({
      cache,
      labels,
      batchSize: batch,
      transform,
      seed: 0,
      threads,
      ...input,
    });
    for (let i = 0; i < loader.batchesPerEpoch; i++) await loader.next();
    await loader.close();
  };
  await run();
  return {
    async measure() {
      if (epoch === 'first') await rm(join(cacheFolder, 'views'), { recursive: true });
      const seconds = await timed(run);
      return { value: records.length / seconds, seconds };
    },
  };
});
