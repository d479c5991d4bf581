/** The store in a folder: the common contract, then what only a folder can have: locks, kills, bad folders. */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/pglite';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startDatabase } from '../../src/store/embedded-database.ts';
import { openEmbeddedStore } from '../../src/store/index.ts';
import { canMount, onSmallDisk, skippedWithoutMount } from '../small-disk.ts';
import { Child } from './child.ts';
import { storeContract } from './contract.ts';
import { sampleCell, sampleMeasurement, storedSample } from './samples.ts';

// The real flush, but counted: neither a kill nor anything else that a test can do shows whether it happens.
const fsync = vi.hoisted(() => ({ count: 0 }));
vi.mock('node:fs', async (importActual) => {
  const actual = await importActual<typeof import('node:fs')>();
  const fsyncSync = (descriptor: number) => {
    fsync.count++;
    actual.fsyncSync(descriptor);
  };
  return { ...actual, fsyncSync };
});

const root = mkdtempSync(join(tmpdir(), 'transferlab-store-'));
const folder = join(root, 'parent', 'store');
// Making the first store takes seconds, so all tests share this folder.
beforeAll(async () => (await openEmbeddedStore(folder)).close());
afterAll(() => rmSync(root, { recursive: true }));

storeContract('the embedded store', async () => {
  const store = await openEmbeddedStore(folder);
  let latest = store;
  return {
    store,
    async reopen() {
      await latest.close();
      latest = await openEmbeddedStore(folder);
      return latest;
    },
    remove: () => latest.close(),
  };
});

describe('a store folder', () => {
  test('belongs to one process at a time, and to nobody after a kill', async () => {
    const child = new Child(new URL('./child-finish-loop.ts', import.meta.url), folder, '1000000');
    await child.until(() => child.output.includes('open'));
    await expect(openEmbeddedStore(folder)).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: expect.stringMatching(new RegExp(`in use by process ${child.process.pid} on .*stop it`)),
    });
    await child.kill();
    expect(existsSync(join(folder, 'lock')), 'the killed process left its lock').toBe(true);
    const store = await openEmbeddedStore(folder);
    await expect(openEmbeddedStore(folder)).rejects.toThrow(`in use by this process (${process.pid})`);
    await store.close();
    expect(readdirSync(folder).sort()).toEqual(['artifacts', 'database']);
  });

  test('keeps every acknowledged result through kill -9 at any moment', async () => {
    const acknowledged: number[] = [];
    for (let round = 0; round < 3; round++) {
      const child = new Child(
        new URL('./child-finish-loop.ts', import.meta.url),
        folder,
        String(2_000_000 + round * 1000),
      );
      const enough = 1 + Math.floor(Math.random() * 12);
      await child.until(() => child.output.split('\n').length > 2 + enough);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 8));
      await child.kill();
      // A line that the kill cut short was not wholly acknowledged, so only lines with an end count.
      acknowledged.push(...child.output.split('\n').slice(1, -1).map(Number));
    }
    expect(acknowledged.length).toBeGreaterThan(3);
    const store = await openEmbeddedStore(folder);
    const result = await storedSample(store, 50);
    const outcomes = await store.outcomes(acknowledged.map((seed) => sampleCell(seed).key));
    expect([...outcomes.values()]).toEqual(
      acknowledged.map((seed) => ({ cell: sampleCell(seed), status: 'done', result })),
    );
    const measured = acknowledged.map((seed) => sampleMeasurement(seed, result.network));
    const kept = await store.measurements(measured.map(({ key }) => key));
    expect([...kept.values()]).toEqual(measured);
    await store.close();
  });

  test('whose first opening was killed opens the next time', async () => {
    const fresh = join(root, 'killed-at-first');
    const child = new Child(new URL('./child-finish-loop.ts', import.meta.url), fresh, '0');
    await child.until(() => existsSync(join(fresh, 'database.new', 'PG_VERSION')));
    await child.kill();
    expect(existsSync(join(fresh, 'database'))).toBe(false);
    const store = await openEmbeddedStore(fresh);
    expect(await store.cells()).toEqual([]);
    await store.close();
    expect(readdirSync(fresh).sort()).toEqual(['artifacts', 'database']);
  });

  test('that cannot be created is refused', async () => {
    writeFileSync(join(root, 'file'), '');
    await expect(openEmbeddedStore(join(root, 'file', 'below'))).rejects.toMatchObject({
      code: 'STORE_NOT_WRITABLE',
      message: expect.stringContaining(join(root, 'file', 'below')),
    });
  });
});

const MIGRATIONS = fileURLToPath(new URL('../../src/store/migrations', import.meta.url));
const journal: { tag: string; when: number }[] = JSON.parse(
  readFileSync(join(MIGRATIONS, 'meta', '_journal.json'), 'utf8'),
).entries;
const migrationsUpTo = (last: string) => journal.slice(0, journal.findIndex(({ tag }) => tag === last) + 1);

describe('a database', () => {
  let copy: string;
  beforeAll(() => {
    copy = join(root, 'copy');
    cpSync(folder, copy, { recursive: true });
  });

  test('flushes its log with every change, and has the tables of the schema', async () => {
    const { engine, close } = await startDatabase(join(copy, 'database'));
    fsync.count = 0;
    for (let change = 1; change <= 5; change++) {
      await engine.query('insert into applied_migrations values ($1, $2)', [change, 'for the count']);
      expect(fsync.count).toBe(change);
    }
    await engine.query('delete from applied_migrations where version <= 5');
    const tables = await engine.query<{ name: string }>(
      `select table_name as name from information_schema.tables where table_schema = 'public' order by 1`,
    );
    expect(tables.rows.map(({ name }) => name)).toEqual([
      'applied_migrations',
      'cells',
      'failures',
      'measurements',
      'results',
      'runs',
      'trials',
    ]);
    await close();
  });

  test.each(journal.slice(0, -1).map(({ tag }) => tag))(
    'at the state of %s gains what it lacks, and keeps what it has',
    async (last) => {
      const { engine, close } = await startDatabase(join(copy, 'database'));
      await engine.exec('drop schema public cascade; create schema public');
      await engine.exec('create table applied_migrations (version bigint primary key, hash text not null)');
      for (const { tag, when } of migrationsUpTo(last)) {
        await engine.exec(readFileSync(join(MIGRATIONS, `${tag}.sql`), 'utf8'));
        await engine.query('insert into applied_migrations values ($1, $2)', [when, 'by hand']);
      }
      await engine.exec(
        `insert into cells (key, dataset, model, setting, protocol, seed, determined_by)
       values ('old', 'd', 'm', 'fixed', 'p', 0, '{}')`,
      );
      await close();
      const store = await openEmbeddedStore(copy);
      expect((await store.cells()).map(({ key }) => key)).toEqual(['old']);
      const result = await storedSample(store);
      const measurement = sampleMeasurement(0, result.network);
      expect(await store.finish(sampleCell(0), result)).toBe('stored');
      expect(await store.keepMeasurement(measurement)).toBe('stored');
      await store.close();
    },
  );

  test('of a newer version is refused and left as it is, and the lock is given back', async () => {
    const { engine, close } = await startDatabase(join(copy, 'database'));
    await drizzle(engine).execute(`insert into applied_migrations values (99999999999999, 'future')`);
    await close();
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(openEmbeddedStore(copy)).rejects.toMatchObject({
        code: 'STORE_NEWER',
        message: expect.stringContaining('Update transferlab'),
      });
    }
  });

  test('that is damaged is refused with its path', async () => {
    rmSync(join(copy, 'database', 'global', 'pg_control'));
    await expect(openEmbeddedStore(copy)).rejects.toMatchObject({
      code: 'STORE_UNREADABLE',
      message: expect.stringContaining(join(copy, 'database')),
    });
  });
});

describe.skipIf(!canMount)(`a full disk${skippedWithoutMount}`, () => {
  // With little room a table finds none first; with more, but less than a 16 MB piece of the log, the log does.
  test.each([3, 15])('of which %i MB were left is said, and nothing acknowledged is lost', (room) => {
    const report = fillDisk(String(room * 1024 * 1024));
    expect(report.refused.length).toBeGreaterThan(1);
    for (const { code, message } of report.refused) {
      expect(code, message).toBe('STORE_FULL');
      expect(message).toContain('make room and run the same command again');
    }
    expect(report.acknowledged).toBeGreaterThan(0);
    expect(report.found).toBe(report.acknowledged);
    expect(report.afterwards).toBe('stored');
  });

  test('that has no room for a new store is said', () => {
    expect(tryFirstOpening().stderr).toContain("code: 'STORE_FULL'");
  });
});

function tryFirstOpening() {
  const script = fileURLToPath(new URL('./child-finish-loop.ts', import.meta.url));
  return onSmallDisk(20, `exec "${process.execPath}" --import tsx "${script}" "$0/store" 0`);
}

function fillDisk(room: string) {
  const script = fileURLToPath(new URL('./child-full-disk.ts', import.meta.url));
  const run = `cp -r "$1" "$0/store" && exec "${process.execPath}" --import tsx "${script}" "$0" "$2"`;
  const child = onSmallDisk(250, run, folder, room);
  expect(child.status, child.stderr).toBe(0);
  return JSON.parse(child.stdout) as {
    refused: { code: string; message: string }[];
    acknowledged: number;
    found: number;
    afterwards: string;
  };
}
