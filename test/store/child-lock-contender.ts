/**
 * One of several processes that fight for a lock. Whoever holds it adds one to a counter file, slowly, so
 * that two holders at a time would lose a count. Half of the time the holder then leaves the lock behind as
 * if it had been killed. Arguments: lock path, counter path, number of additions.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { takeLock } from '../../src/store/lock.ts';
import { UserError } from '../../src/util/errors.ts';

const [path, counter] = process.argv.slice(2);
for (let left = Number(process.argv[4]); left > 0; ) {
  const lock = await takeLock(path).catch((error: unknown) => {
    if (error instanceof UserError && error.code === 'STORE_LOCKED') return null;
    throw error;
  });
  if (!lock) {
    await sleep(Math.random() * 3);
    continue;
  }
  const count = Number(readFileSync(counter, 'utf8'));
  await sleep(1);
  writeFileSync(counter, String(count + 1));
  left--;
  if (Math.random() < 0.5) lock.release();
  else abandon();
}

function abandon(): void {
  const holder = JSON.parse(readFileSync(path, 'utf8'));
  const aside = `${path}.${randomUUID()}`;
  writeFileSync(
    aside,
    JSON.stringify({ ...holder, token: randomUUID(), processStart: 'an earlier process' }),
  );
  renameSync(aside, path);
}
