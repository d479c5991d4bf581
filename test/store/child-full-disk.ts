/**
 * Fills the small disk that is mounted at the folder given by finishing cells, makes room, opens the store
 * again and reports as JSON what was refused and what was kept.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openEmbeddedStore } from '../../src/store/index.ts';
import { messageOf } from '../../src/util/errors.ts';
import { sampleCell, storedSample } from './samples.ts';

const disk = process.argv[2];
const folder = join(disk, 'store');
let store = await openEmbeddedStore(folder);
const result = await storedSample(store);
writeFileSync(join(disk, 'ballast'), Buffer.alloc(16 * 1024 * 1024));

// A large column fills the disk fast; it cannot be compressed away, since every number differs.
const classes = Array.from({ length: 20_000 }, () => String(Math.random()));
let acknowledged = 0;
let whenFull = { code: '', message: '' };
while (whenFull.message === '') {
  try {
    await store.finish(sampleCell(acknowledged), { ...result, classes });
    acknowledged++;
  } catch (error) {
    whenFull = { code: (error as { code?: string }).code ?? '', message: messageOf(error) };
  }
}
let closing = 'closed';
await store.close().catch((error: unknown) => {
  closing = messageOf(error);
});
let whileFull = 'opened';
await openEmbeddedStore(folder).then(
  (again) => again.close(),
  (error: unknown) => {
    whileFull = messageOf(error);
  },
);

rmSync(join(disk, 'ballast'));
store = await openEmbeddedStore(folder);
const keys = Array.from({ length: acknowledged }, (_, seed) => sampleCell(seed).key);
const found = (await store.outcomes(keys)).size;
const afterwards = await store.finish(sampleCell(acknowledged), result);
await store.close();
process.stdout.write(JSON.stringify({ acknowledged, whenFull, closing, whileFull, found, afterwards }));
