/**
 * A process that opens a view cache of many images by repetition of a list of 1,000, takes batches of them, and prints
 * its peak resident memory in bytes. Arguments: cache folder, number of images.
 */
import { openViewCache } from '../../src/data/cache.ts';
import { BatchLoader } from '../../src/data/loader.ts';
import { LARGE_VIEW, largeImages } from './large-images.ts';

const [cacheFolder, count] = process.argv.slice(2);
const dataset = largeImages(1000);
const { train } = dataset.splits;
const records = Array.from({ length: Number(count) }, (_, i) => train[i % train.length]);
const view = { ...LARGE_VIEW, size: 256 };
const cache = await openViewCache(dataset, records, view, cacheFolder);
const labels = Uint16Array.from(records, ({ label }) => label);
const [mean, std] = [
  [0.5, 0.5, 0.5],
  [0.25, 0.25, 0.25],
];
const options = { cache, labels, batchSize: 32, size: 224, seed: 1, mean, std, threads: 2 };
for (const transform of ['train', 'centre'] as const) {
  const loader = new BatchLoader({ ...options, transform });
  for (let i = 0; i < 60; i++) await loader.next();
  await loader.close();
}
process.stdout.write(String(process.resourceUsage().maxRSS * 1024));
