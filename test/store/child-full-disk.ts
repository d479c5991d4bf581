/**
 * On the small disk that is mounted at the folder given, and that holds a store: leaves little room, finishes
 * cells until it is gone, makes room, opens the store again, and reports as JSON what was refused and kept.
 * Arguments: the folder, the room in bytes.
 */
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openEmbeddedStore } from '../../src/store/index.ts';
import { messageOf } from '../../src/util/errors.ts';
import { sampleCell, storedSample } from './samples.ts';

const FIRST_SEED = 3_000_000;

const disk = process.argv[2];
const room = Number(process.argv[3]);
const folder = join(disk, 'store');
const refused: { code: unknown; message: string }[] = [];
const note = (error: unknown) => {
  refused.push({ code: (error as { code?: unknown }).code, message: messageOf(error) });
};

let store = await openEmbeddedStore(folder);
const result = await storedSample(store);
writeFileSync(join(disk, 'ballast'), Buffer.alloc(freeBytes() - room));

// A large column fills the disk fast; it cannot be compressed away, since every number differs.
const classes = Array.from({ length: 20_000 }, () => String(Math.random()));
let acknowledged = 0;
while (refused.length === 0) {
  const cell = sampleCell(FIRST_SEED + acknowledged);
  await store.finish(cell, { ...result, classes }).then(() => acknowledged++, note);
}
await store.cells().catch(note);
await store.close().catch(note);
writeFileSync(join(disk, 'more-ballast'), Buffer.alloc(freeBytes()));
await openEmbeddedStore(folder).then((opened) => opened.close(), note);

rmSync(join(disk, 'ballast'));
store = await openEmbeddedStore(folder);
const keys = Array.from({ length: acknowledged }, (_, seed) => sampleCell(FIRST_SEED + seed).key);
const found = (await store.outcomes(keys)).size;
const afterwards = await store.finish(sampleCell(FIRST_SEED + acknowledged), result);
await store.close();
process.stdout.write(JSON.stringify({ acknowledged, refused, found, afterwards }));

function freeBytes(): number {
  const { bavail, bsize } = statfsSync(disk);
  return bavail * bsize;
}
