/**
 * The store in a folder, with PostgreSQL inside this process (PGlite) and no server:
 *
 *   database/   the database
 *   artifacts/  networks and per-image predictions by their SHA-256
 *   lock        who has the folder open
 *
 * A closed folder may be copied, moved and archived like any other.
 */

import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { drizzle } from 'drizzle-orm/pglite';
import { messageOf, UserError } from '../util/errors.ts';
import { ArtifactFolder } from './artifacts.ts';
import { flush, flushTree, makeFolder } from './durable-files.ts';
import { startDatabase } from './embedded-database.ts';
import { explainFullDisk } from './full-disk.ts';
import { holderOf, type LockHolder, takeLock } from './lock.ts';
import { migrate } from './migrate.ts';
import { SqlStore } from './sql-store.ts';
import type { Store } from './store.ts';

/**
 * Opens the store in `folder`, which is created when it is missing (the first time takes some seconds).
 * One process at a time; the store keeps the folder until it is closed or the process ends.
 * @throws UserError STORE_NOT_WRITABLE the folder cannot be created or written
 * @throws UserError STORE_LOCKED another process has the folder open
 * @throws UserError STORE_NEWER a newer version of this program has written the folder
 * @throws UserError STORE_UNREADABLE the database in it cannot be opened
 * @throws UserError STORE_FULL the disk is full
 */
export async function openEmbeddedStore(folder: string): Promise<Store> {
  const root = resolve(folder);
  const lock = await own(root);
  const giveBack: (() => unknown)[] = [() => lock.release()];
  const close = async () => {
    for (const step of giveBack.splice(0).reverse()) await step();
  };
  const explain = (error: unknown) => explainFullDisk(error, root);
  try {
    const artifacts = await ArtifactFolder.open(join(root, 'artifacts'));
    const embedded = await openDatabase(root);
    giveBack.push(() => embedded.close());
    const database = drizzle(embedded.engine);
    await migrate(database, `The results folder "${root}"`);
    return new SqlStore({ database, artifacts, explain, close });
  } catch (error) {
    await close();
    throw explain(error);
  }
}

const lockOf = (root: string) => join(root, 'lock');

/** Who has the store in `folder` open; null when nobody has, or who had died. */
export function storeHolder(folder: string): LockHolder | null {
  return holderOf(lockOf(resolve(folder)));
}

async function own(root: string) {
  try {
    await makeFolder(root);
    return await takeLock(lockOf(root));
  } catch (error) {
    const explained = explainFullDisk(error, root);
    if (explained instanceof UserError) throw explained;
    throw new UserError(
      'STORE_NOT_WRITABLE',
      `The results folder "${root}" cannot be created or written: ${messageOf(error)}.`,
      'Choose another folder, or change the permissions of this one.',
      { cause: error },
    );
  }
}

async function openDatabase(root: string) {
  const path = join(root, 'database');
  try {
    if (!existsSync(path)) await createDatabase(path);
    return await startDatabase(path);
  } catch (error) {
    const explained = explainFullDisk(error, root);
    if (explained instanceof UserError) throw explained;
    throw new UserError(
      'STORE_UNREADABLE',
      `The database in "${path}" cannot be opened: ${messageOf(error)}`,
      'Restore the results folder from a backup, or use another folder.',
      { cause: error },
    );
  }
}

/** Creates the empty database aside and renames it when it is whole: an interrupted start leaves no half of one. */
async function createDatabase(path: string): Promise<void> {
  const aside = `${path}.new`;
  await rm(aside, { recursive: true, force: true });
  const engine = await startDatabase(aside);
  await engine.close();
  await flushTree(aside);
  await rename(aside, path);
  flush(dirname(path));
}
