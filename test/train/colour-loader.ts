/** Batches of coloured pictures for the training loop. */
import { BatchLoader, openFolderDataset, openViewCache } from '../../src/data/index.ts';
import { colourFolder } from '../colour-folder.ts';
import { temporaryFolder } from '../data/pictures.ts';

/** A loader of `batchSize` images of `size` pixels in three classes, from step `startStep` on. */
export async function colourLoader(
  batchSize: number,
  size: number,
  startStep = 0,
): Promise<{ loader: BatchLoader; close: () => Promise<void> }> {
  const dataset = await openFolderDataset(await colourFolder({ red: 9, green: 9, blue: 9 }), { seed: 0 });
  const records = dataset.splits.train;
  const view = { kind: 'short-side', size, filter: 'bilinear' } as const;
  const cache = await openViewCache(dataset, records, view, await temporaryFolder());
  const loader = new BatchLoader({
    cache,
    labels: records.map(({ label }) => label),
    batchSize,
    size,
    startStep,
    transform: 'train',
    seed: 1,
    threads: 0,
    mean: [0.5, 0.5, 0.5],
    std: [0.25, 0.25, 0.25],
  });
  return { loader, close: () => loader.close() };
}
