/** The store in a folder: the common contract, then what only a folder can have: locks, kills, bad folders. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drizzle } from 'drizzle-orm/pglite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDatabase } from '../../src/store/embedded-database.ts';
import { openEmbeddedStore } from '../../src/store/index.ts';
import { Child } from './child.ts';
import { storeContract } from './contract.ts';
import { sampleCell, storedSample } from './samples.ts';

const root = mkdtempSync(join(tmpdir(), 'transferlab-store-'));
const folder = join(root, 'parent', 'store');
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
  // The contract's store is closed by now and serves on: opening a new one takes seconds.
  test('belongs to one process at a time, and to nobody after a kill', async () => {
    const child = new Child('child-finish-loop', folder, '1000000');
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
    for (let round = 0; round < 4; round++) {
      const child = new Child('child-finish-loop', folder, String(2_000_000 + round * 1000));
      const enough = 1 + Math.floor(Math.random() * 12);
      await child.until(() => child.output.split('\n').length > 2 + enough);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 8));
      await child.kill();
      // A line that the kill cut short was not wholly acknowledged, so only lines with an end count.
      acknowledged.push(...child.output.split('\n').slice(1, -1).map(Number));
    }
    expect(acknowledged.length).toBeGreaterThan(4);
    const store = await openEmbeddedStore(folder);
    const result = await storedSample(store, 50);
    const outcomes = await store.outcomes(acknowledged.map((seed) => sampleCell(seed).key));
    expect([...outcomes.values()]).toEqual(
      acknowledged.map((seed) => ({ cell: sampleCell(seed), status: 'done', result })),
    );
    await store.close();
  });

  test('whose first opening was killed opens the next time', async () => {
    const fresh = join(root, 'killed-at-first');
    const child = new Child('child-finish-loop', fresh, '0');
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

describe('a database', () => {
  let copy: string;
  beforeAll(() => {
    copy = join(root, 'copy');
    cpSync(folder, copy, { recursive: true });
  });

  test('flushes its log, and its schema is the checked-in one', async () => {
    const engine = await startDatabase(join(copy, 'database'));
    const flushing = await engine.query<{ fsync: string }>('show fsync');
    expect(flushing.rows).toEqual([{ fsync: 'on' }]);
    const tables = await engine.query<{ name: string }>(
      `select table_name as name from information_schema.tables where table_schema = 'public' order by 1`,
    );
    expect(tables.rows.map(({ name }) => name)).toEqual([
      'applied_migrations',
      'cells',
      'failures',
      'results',
      'runs',
      'trials',
    ]);
    await engine.close();
  });

  test('of a newer version is refused and left as it is, and the lock is given back', async () => {
    const engine = await startDatabase(join(copy, 'database'));
    await drizzle(engine).execute(`insert into applied_migrations values (99999999999999, 'future')`);
    await engine.close();
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

/** A small file system of our own, in a name space of our own, needs no rights and leaves no trace. */
const smallDisk = ['--user', '--map-root-user', '--mount', 'sh', '-c'];
const mount = 'mount -t tmpfs -o size=120m none "$0"';
const canMount = spawnSync('unshare', [...smallDisk, mount, root]).status === 0;

describe.skipIf(!canMount)(
  `a full disk${canMount ? '' : ' (skipped: unshare and mount are not allowed here)'}`,
  () => {
    test('is said in one sentence, and nothing acknowledged is lost', () => {
      const disk = mkdtempSync(join(root, 'disk-'));
      const script = join(import.meta.dirname, 'child-full-disk.ts');
      const run = `${mount} && exec "${process.execPath}" --import tsx "${script}" "$0"`;
      const child = spawnSync('unshare', [...smallDisk, run, disk], { encoding: 'utf8' });
      expect(child.status, child.stderr).toBe(0);
      const report = JSON.parse(child.stdout);
      expect(report.whenFull.code).toBe('STORE_FULL');
      expect(report.whenFull.message).toContain('make room and run the same command again');
      expect(report.acknowledged).toBeGreaterThan(0);
      expect(report.found).toBe(report.acknowledged);
      expect(report.afterwards).toBe('stored');
    });
  },
);
