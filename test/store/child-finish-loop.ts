/**
 * Finishes cells and keeps measurements without end in the store of the folder given, and prints the seed of each once
 * both are acknowledged: to be killed at any moment. Arguments: folder, first seed.
 */
import { writeSync } from 'node:fs';
import { openEmbeddedStore } from '../../src/store/index.ts';
import { sampleCell, sampleMeasurement, storedSample } from './samples.ts';

const store = await openEmbeddedStore(process.argv[2]);
writeSync(1, 'open\n');
const result = await storedSample(store, 50);
for (let seed = Number(process.argv[3]); ; seed++) {
  await store.finish(sampleCell(seed), result);
  await store.keepMeasurement(sampleMeasurement(seed, result.network));
  writeSync(1, `${seed}\n`);
}
