/** The lock alone: who gets it, who does not, and what becomes of locks whose holder died. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { takeLock } from '../../src/store/lock.ts';
import { Child } from './child.ts';

const contender = new URL('./child-lock-contender.ts', import.meta.url);
const root = mkdtempSync(join(tmpdir(), 'transferlab-lock-'));
afterAll(() => rmSync(root, { recursive: true }));
let folders = 0;
let path: string;
beforeEach(() => {
  path = join(root, `lock-${folders++}`);
});

/** Leaves a lock behind whose holder differs from this process in the members given. */
async function leaveLock(difference: object): Promise<void> {
  const lock = await takeLock(path);
  const holder = JSON.parse(readFileSync(path, 'utf8'));
  lock.release();
  writeFileSync(path, JSON.stringify({ ...holder, ...difference }));
}

describe('the lock', () => {
  test('is held by one, and free again after release', async () => {
    const lock = await takeLock(path);
    await expect(takeLock(path)).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: expect.stringContaining(`this process (${process.pid})`),
    });
    lock.release();
    expect(existsSync(path)).toBe(false);
    const again = await takeLock(path);
    lock.release();
    expect(existsSync(path), 'releasing twice must not release the next holder').toBe(true);
    again.release();
    expect(
      readdirSync(root).filter((name) => name.startsWith('lock-0')),
      'nothing is left',
    ).toEqual([]);
  });

  test('is taken over when the same process id started at another time', async () => {
    await leaveLock({ processStart: 'an earlier process' });
    const lock = await takeLock(path);
    expect(JSON.parse(readFileSync(path, 'utf8')).pid).toBe(process.pid);
    lock.release();
  });

  test('is taken over when the process is gone and no start time is known', async () => {
    const child = new Child(contender, path, 'unused', '0');
    await child.success();
    await leaveLock({ pid: child.process.pid, processStart: null });
    (await takeLock(path)).release();
  });

  test('of a process on another machine or in another container stays, and the error says what to do', async () => {
    await leaveLock({ host: 'elsewhere', pid: 12345 });
    await expect(takeLock(path)).rejects.toThrow(
      /in use by process 12345 on elsewhere since .* when it is certain that it no longer runs, delete/,
    );
    rmSync(path);
    await leaveLock({ pidNamespace: 'pid:[1]', processStart: 'an earlier process' });
    await expect(takeLock(path)).rejects.toMatchObject({ code: 'STORE_LOCKED' });
  });

  test('that cannot be read stays, and the error names the file', async () => {
    for (const content of [
      '',
      '{"pid":1}',
      '{"pid":1,"token":"../../../../../x/etc/passwd-of-36-chars"}',
      'null',
    ]) {
      writeFileSync(path, content);
      await expect(takeLock(path)).rejects.toThrow(`locked by "${path}", which cannot be read`);
    }
  });

  test('has one holder at a time when many processes fight, also for locks of the dead', async () => {
    const counter = join(root, 'counter');
    writeFileSync(counter, '0');
    const children = Array.from({ length: 4 }, () => new Child(contender, path, counter, '40'));
    await Promise.all(children.map((child) => child.success()));
    expect(Number(readFileSync(counter, 'utf8'))).toBe(160);
  });
});
