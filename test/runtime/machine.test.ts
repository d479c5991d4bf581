/** What the process may use, from the texts that Linux gives; and the peak of its memory. */
import { describe, expect, test } from 'vitest';
import { peakResidentBytes } from '../../src/runtime/index.ts';
import { memory, processors, type ReadText } from '../../src/runtime/machine.ts';
import { highWaterMark } from '../../src/runtime/memory.ts';

const files =
  (texts: Readonly<Record<string, string>>): ReadText =>
  (path) =>
    texts[path];

const MEMINFO = 'MemTotal:       16000000 kB\nMemFree:          100000 kB\nMemAvailable:    9000000 kB\n';

describe('processors', () => {
  test('are those that the process may run on', () => {
    const status = (list: string) =>
      files({ '/proc/self/status': `Name:\tnode\nCpus_allowed_list:\t${list}\n` });
    expect(processors(status('0-3,8')).allowed).toBe(5);
    expect(processors(status('7')).allowed).toBe(1);
    const { allowed, cores, quota } = processors(files({}));
    expect([allowed, quota]).toEqual([cores, null]);
  });

  test('a quota of time, version 2: the smallest on the way to the root', () => {
    const group = {
      '/proc/self/cgroup': '0::/job/step\n',
      '/sys/fs/cgroup/job/step/cpu.max': 'max 100000\n',
      '/sys/fs/cgroup/job/cpu.max': '150000 100000\n',
    };
    expect(processors(files(group)).quota).toBe(1.5);
    expect(processors(files({ ...group, '/sys/fs/cgroup/cpu.max': '50000 100000' })).quota).toBe(0.5);
  });

  test('a quota of time, version 1: -1 is none', () => {
    const group = (quota: string) =>
      files({
        '/proc/self/cgroup': '4:memory:/pod\n1:cpu,cpuacct:/pod\n0::/\n',
        '/sys/fs/cgroup/cpu/pod/cpu.cfs_quota_us': quota,
        '/sys/fs/cgroup/cpu/pod/cpu.cfs_period_us': '100000\n',
      });
    expect(processors(group('200000\n')).quota).toBe(2);
    expect(processors(group('-1\n')).quota).toBeNull();
  });
});

describe('memory', () => {
  test('is free when it can be had without swapping', () => {
    expect(memory(files({ '/proc/meminfo': MEMINFO }))).toEqual({
      total: 16_384_000_000,
      free: 9_216_000_000,
      limit: null,
      limitFree: null,
    });
  });

  test('a limit leaves what is not used, and what the group holds only as cache', () => {
    const group = {
      '/proc/meminfo': MEMINFO,
      '/proc/self/cgroup': '0::/job\n',
      '/sys/fs/cgroup/job/memory.max': '4000000000\n',
      '/sys/fs/cgroup/job/memory.current': '3000000000\n',
      '/sys/fs/cgroup/job/memory.stat': 'anon 5\ninactive_file 500000000\nslab 1\n',
      '/sys/fs/cgroup/memory.max': 'max\n',
    };
    expect(memory(files(group))).toMatchObject({ limit: 4e9, limitFree: 1.5e9 });
  });

  test('version 1 has its own names, and a number beyond any memory for no limit', () => {
    const group = (limit: string) =>
      files({
        '/proc/meminfo': MEMINFO,
        '/proc/self/cgroup': '4:memory:/pod\n',
        '/sys/fs/cgroup/memory/pod/memory.limit_in_bytes': limit,
        '/sys/fs/cgroup/memory/pod/memory.usage_in_bytes': '250000000\n',
      });
    expect(memory(group('1000000000\n'))).toMatchObject({ limit: 1e9, limitFree: 7.5e8 });
    expect(memory(group('9223372036854771712\n'))).toMatchObject({ limit: null, limitFree: null });
  });
});

describe('peak memory', () => {
  test('is the high-water mark of the status', () => {
    expect(highWaterMark('VmPeak:\t  900 kB\nVmHWM:\t   2048 kB\nVmRSS:\t 1000 kB\n')).toBe(2_097_152);
  });

  test('grows by what is allocated and stays when it is given back', () => {
    const before = process.memoryUsage().rss;
    let held: Uint8Array | undefined = new Uint8Array(before + 50_000_000).fill(1);
    const peak = peakResidentBytes();
    expect(peak).toBeGreaterThanOrEqual(held.length);
    held = undefined;
    expect(peakResidentBytes()).toBeGreaterThanOrEqual(peak);
  });
});
