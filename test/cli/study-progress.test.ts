/** How far a study is: the file that a run keeps, through failures to write it, and whether a run is said to go on. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ProgressFile, readProgress, runnerOf } from '../../src/cli/study/progress-file.ts';
import { progressText } from '../../src/cli/study/text.ts';
import { takeLock } from '../../src/store/lock.ts';
import { temporaryFolder } from '../data/pictures.ts';

let folder: string;
beforeEach(async () => {
  folder = await temporaryFolder();
});

/** A folder in the way of the file that is written first. */
const obstacle = () => join(folder, 'study-progress.json.new');

describe('the file of a study that runs', () => {
  it('is true at the end although it could not be written for a while', async () => {
    await mkdir(obstacle());
    const progress = new ProgressFile(folder, 3);
    await sleep(100);
    expect(await readProgress(folder)).toBeUndefined();
    await rm(obstacle(), { recursive: true });
    progress.enter('cells');
    await progress.finish();
    expect(await readProgress(folder)).toMatchObject({ phase: 'cells', cells: 3, finished: true });
  });

  it('harms no result and no report when it cannot be written at all, which is said', async () => {
    await mkdir(obstacle());
    const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    try {
      await new ProgressFile(folder, 3).finish();
      expect(written.mock.calls.join()).toContain('study-progress.json could not be written: EISDIR');
    } finally {
      written.mockRestore();
    }
  });
});

describe('a study is running', () => {
  const lockPath = () => join(folder, 'store', 'lock');

  /** A study that has begun, its folder locked by this process. */
  async function begun() {
    await mkdir(join(folder, 'store'));
    const lock = await takeLock(lockPath());
    const progress = new ProgressFile(folder, 3);
    progress.enter('cells');
    await vi.waitFor(async () => expect(await readProgress(folder)).toMatchObject({ phase: 'cells' }));
    return { lock, progress: (await readProgress(folder))! };
  }

  /** Makes another the holder of the lock. */
  async function change(difference: object): Promise<void> {
    const holder = JSON.parse(await readFile(lockPath(), 'utf8'));
    await writeFile(lockPath(), JSON.stringify({ ...holder, ...difference }));
  }

  it('as long as its process holds the folder', async () => {
    const { lock, progress } = await begun();
    const runner = runnerOf(folder, progress);
    expect(runner).toEqual({ process: process.pid, host: hostname(), isElsewhere: false });
    expect(progressText(progress, runner)).toContain(`running (cells), process ${process.pid}. Last`);
    lock.release();
    expect(runnerOf(folder, progress)).toBeNull();
    expect(progressText(progress, null)).toContain('stopped');
  });

  it.skipIf(process.platform !== 'linux')(
    'but not when another process has its number now (skipped where starts of processes are unknown)',
    async () => {
      const { progress } = await begun();
      await change({ processStart: 'an earlier process' });
      expect(runnerOf(folder, progress)).toBeNull();
    },
  );

  it('but not while a report of it is made', async () => {
    const { progress } = await begun();
    expect(runnerOf(folder, { ...progress, process: progress.process + 1 })).toBeNull();
  });

  it('as far as can be told when it was started on another machine', async () => {
    const { progress } = await begun();
    await change({ host: 'elsewhere' });
    const runner = runnerOf(folder, progress);
    expect(runner).toMatchObject({ host: 'elsewhere', isElsewhere: true });
    expect(progressText(progress, runner)).toContain('on elsewhere, as far as can be told from here');
  });
});
