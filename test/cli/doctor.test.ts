/**
 * What the doctor finds wrong, from made-up machines; its page; and the command itself on this machine, as text
 * and as JSON, with folders that can and cannot be written.
 */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Examination } from '../../src/cli/doctor/examination.ts';
import { problemsOf } from '../../src/cli/doctor/problems.ts';
import { doctorText } from '../../src/cli/doctor/text.ts';
import { DEVICES } from '../../src/runtime/device.ts';
import { temporaryFolder } from '../data/pictures.ts';
import { runCli } from './run.ts';

const HEALTHY: Examination = {
  versions: { transferlab: '1.0.0', engine: '1.30.0', node: '22.1.0' },
  platform: 'linux x64',
  devices: [
    { device: 'cpu', builtIn: true, works: true, reason: '', needs: 'Nothing.' },
    { device: 'webgpu', builtIn: true, works: false, reason: 'No adapter.', needs: 'A driver.' },
    { device: 'dml', builtIn: false, works: false, reason: 'Built without it.', needs: 'Windows.' },
  ],
  processors: { model: 'Processor 9000', cores: 8, allowed: 8, quota: null },
  load: 0.2,
  threads: 8,
  memory: { total: 16e9, free: 12e9, limit: null, limitFree: null },
  folders: {
    cache: { path: '/home/me/.cache/transferlab', writable: true, free: 50e9 },
    out: { path: '/home/me/out', writable: true, free: null },
  },
  images: { works: true, reason: '' },
  speed: { product: { oneThread: 100e9, allThreads: 700e9 }, bandwidth: 12.34e9 },
};

const { folders, memory, processors } = HEALTHY;
const unwritable = { path: '/readonly', writable: false, free: 50e9 };
const quota = (value: number) => ({ ...processors, quota: value });

describe('problems', () => {
  it('a healthy machine has none', () => {
    expect(problemsOf(HEALTHY)).toEqual([]);
  });

  const ROWS: readonly [string, Partial<Examination>, 'error' | 'warning', string, RegExp][] = [
    ['an old Node', { versions: { ...HEALTHY.versions, node: '18.20.4' } }, 'error', 'NODE_OLD', /18\.20\.4/],
    [
      'an engine that fails',
      { devices: [{ ...HEALTHY.devices[0], works: false, reason: 'Illegal instruction.' }], speed: null },
      'error',
      'ENGINE_FAILS',
      /Illegal instruction/,
    ],
    [
      'no image decoder',
      { images: { works: false, reason: 'Could not load sharp' } },
      'error',
      'IMAGES_FAIL',
      /sharp/,
    ],
    [
      'a cache folder that cannot be written',
      { folders: { ...folders, cache: unwritable } },
      'error',
      'CACHE_NOT_WRITABLE',
      /\/readonly/,
    ],
    [
      'an output folder that cannot be written',
      { folders: { ...folders, out: unwritable } },
      'error',
      'OUT_NOT_WRITABLE',
      /\/readonly/,
    ],
    [
      'a full disk',
      { folders: { ...folders, cache: { ...folders.cache, free: 3e8 } } },
      'warning',
      'DISK_FULL',
      /0\.3 GB/,
    ],
    ['little memory', { memory: { ...memory, free: 3e9 } }, 'warning', 'MEMORY_LOW', /3\.0 GB/],
    [
      'a limit on memory',
      { memory: { ...memory, limit: 4e9, limitFree: 2e9 } },
      'warning',
      'MEMORY_LOW',
      /2\.0 GB.*4\.0 GB in all/,
    ],
    ['no memory', { memory: { ...memory, free: 1e8 } }, 'error', 'MEMORY_FULL', /0\.1 GB/],
    ['a quota of time', { processors: quota(1.5) }, 'warning', 'THREADS_TOO_MANY', /1\.5 of 8/],
    ['idle processors', { threads: 2 }, 'warning', 'THREADS_FEW', /2 of 8/],
    ['other programs', { load: 6 }, 'warning', 'MACHINE_BUSY', /6\.0 of the 8/],
    [
      'threads that share a core',
      { speed: { product: { oneThread: 100e9, allThreads: 400e9 }, bandwidth: 1e9 } },
      'warning',
      'THREADS_GAIN_LITTLE',
      /4\.0 times/,
    ],
  ];
  it.each(ROWS)('%s', (_, difference, severity, code, found) => {
    const problems = problemsOf({ ...HEALTHY, ...difference });
    expect(problems).toEqual([
      { severity, code, found: expect.stringMatching(found), remedy: expect.stringMatching(/\.$/) },
    ]);
  });

  it('less than a processor still gives a thread', () => {
    const [{ remedy }] = problemsOf({ ...HEALTHY, processors: quota(0.5) });
    expect(remedy).toBe('Give --threads 1.');
  });
});

describe('the page', () => {
  it('of a healthy machine', () => {
    expect(doctorText(HEALTHY, [], { color: false })).toMatchInlineSnapshot(`
      "transferlab 1.0.0
        Engine      ONNX Runtime 1.30.0, Node 22.1.0, linux x64
        Images      can be read and written

      Devices
        cpu         works
        webgpu      does not work: No adapter.
                    A driver.
        dml         not on this system. Windows.

      Speed
        Processor   Processor 9000, 8 processors, engine uses 8 threads
        Products    100 GFLOP/s with 1 thread, 700 GFLOP/s with 8 (2048 x 2048 matrices, float32)
        Passes      12.3 GB/s read and written (64 MiB)

      Space
        Memory      16.0 GB, 12.0 GB free
        Cache       /home/me/.cache/transferlab, 50.0 GB free
        Output      /home/me/out

      No problems found.
      "
    `);
  });

  it('says what is wrong and what to do, in colour where that is wanted', () => {
    const examination = { ...HEALTHY, images: { works: false, reason: 'gone' }, load: 6, speed: null };
    const problems = problemsOf(examination);
    const plain = doctorText(examination, problems, { color: false });
    expect(plain).toContain('Error: Images cannot be decoded: gone [IMAGES_FAIL]\n  Install');
    expect(plain).toContain('Warning: Other programs');
    expect(plain).not.toContain('No problems');
    const coloured = doctorText(examination, problems, { color: true });
    expect(coloured).toContain('\u001b[31mError');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for.
    expect(coloured.replaceAll(/\u001b\[\d+m/g, '')).toBe(plain);
  });
});

describe('transferlab doctor', () => {
  let scratch: string;
  beforeAll(async () => {
    scratch = await temporaryFolder();
  });

  it('--json measures this machine and makes no folder', async () => {
    const cache = join(scratch, 'deep', 'cache');
    const out = join(scratch, 'out');
    const { code, stdout } = await runCli(
      'doctor',
      '--json',
      '--threads',
      '1',
      '--cache',
      cache,
      '--out',
      out,
    );
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({ kind: 'doctor', version: 1, threads: 1, images: { works: true } });
    expect(document.devices.map(({ device }: { device: string }) => device)).toEqual([...DEVICES]);
    expect(document.devices[0].works).toBe(true);
    expect(document.folders.cache).toMatchObject({ path: cache, writable: true });
    // Slower than any processor since 2000, and faster than any to come.
    for (const rate of [document.speed.product.oneThread, document.speed.bandwidth]) {
      expect(rate).toBeGreaterThan(1e7);
      expect(rate).toBeLessThan(1e14);
    }
    expect(document.speed.product.allThreads).toBe(document.speed.product.oneThread);
    const errors = document.problems.filter(({ severity }: { severity: string }) => severity === 'error');
    expect(code).toBe(errors.length > 0 ? 1 : 0);
    expect([cache, out].filter((path) => existsSync(path))).toEqual([]);
  });

  it('fails where work is impossible', async () => {
    await writeFile(join(scratch, 'file'), '');
    const { code, stdout } = await runCli(
      'doctor',
      '--threads',
      '1',
      '--cache',
      join(scratch, 'file', 'cache'),
    );
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /^Error: The cache folder .*file\/cache cannot be written\. \[CACHE_NOT_WRITABLE\]$/m,
    );
  });
});
