/**
 * What of this machine the process may use: processors and memory, with the limits of control groups, by which
 * containers and schedulers give a process less than the machine has.
 */
import { readFileSync } from 'node:fs';
import { cpus, freemem, totalmem } from 'node:os';

export interface Processors {
  /** As the operating system names the first; empty when it does not. */
  readonly model: string;
  /** Logical processors of the machine. */
  readonly cores: number;
  /** Logical processors that the process may run on. */
  readonly allowed: number;
  /** Processors' worth of time that a control group grants; null without a limit. */
  readonly quota: number | null;
}

export interface Memory {
  /** Bytes. `free` is what new allocations can have without swapping. */
  readonly total: number;
  readonly free: number;
  /** The control group's limit and what it leaves; null without a limit below `total`. */
  readonly limit: number | null;
  readonly limitFree: number | null;
}

/** The text of a file, or undefined when it cannot be read. */
export type ReadText = (path: string) => string | undefined;

const readText: ReadText = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
};

export function processors(read: ReadText = readText): Processors {
  const all = cpus();
  const listed = /^Cpus_allowed_list:\s*(\S+)$/m.exec(read('/proc/self/status') ?? '')?.[1];
  const allowed = listed === undefined ? all.length : countOf(listed);
  return { model: all[0]?.model.trim() ?? '', cores: all.length, allowed, quota: quotaOf(read) };
}

export function memory(read: ReadText = readText): Memory {
  const info = read('/proc/meminfo') ?? '';
  const bytes = (name: string) => {
    const kilobytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(info)?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  };
  const total = bytes('MemTotal') ?? totalmem();
  // What the system calls free leaves out the file cache, which it gives back when asked.
  const free = bytes('MemAvailable') ?? freemem();
  const group = smallestMemoryGroup(read, total);
  return { total, free, limit: group?.limit ?? null, limitFree: group?.free ?? null };
}

/** Processors in a list such as `0-3,8`. */
function countOf(list: string): number {
  return list.split(',').reduce((sum, range) => {
    const [from, to = from] = range.split('-').map(Number);
    return sum + to - from + 1;
  }, 0);
}

/** The smallest grant of processor time among the process's control groups. */
function quotaOf(read: ReadText): number | null {
  const quotas = groupFolders(read, 'cpu').map((folder) => {
    const [most, period] = (read(`${folder}/cpu.max`) ?? '').trim().split(' ').map(Number);
    if (most > 0) return most / period;
    const legacy = Number(read(`${folder}/cpu.cfs_quota_us`) ?? -1);
    return legacy > 0 ? legacy / Number(read(`${folder}/cpu.cfs_period_us`)) : Number.POSITIVE_INFINITY;
  });
  const smallest = Math.min(...quotas);
  return Number.isFinite(smallest) ? smallest : null;
}

function smallestMemoryGroup(read: ReadText, total: number): { limit: number; free: number } | undefined {
  const groups = groupFolders(read, 'memory').map((folder) => {
    const number = (...names: string[]) =>
      Number(names.map((name) => read(`${folder}/${name}`)).find((text) => text !== undefined) ?? Number.NaN);
    const limit = number('memory.max', 'memory.limit_in_bytes');
    const used = number('memory.current', 'memory.usage_in_bytes');
    const reclaimable = Number(
      /^(?:total_)?inactive_file (\d+)$/m.exec(read(`${folder}/memory.stat`) ?? '')?.[1] ?? 0,
    );
    return { limit, free: Math.max(0, limit - used + reclaimable) };
  });
  // Without a limit the file says `max`, or a number beyond any memory.
  const limits = groups.filter(({ limit }) => limit < total).sort((a, b) => a.free - b.free);
  return limits[0];
}

/**
 * Folders of the control groups that the process is in for `controller`, from its own up to the root: a limit
 * holds for everything below it. Version 2 has one tree, version 1 one per controller. Inside a container the
 * path may be the host's, so the root is always among them.
 */
function groupFolders(read: ReadText, controller: 'cpu' | 'memory'): string[] {
  const folders = new Set<string>();
  for (const line of (read('/proc/self/cgroup') ?? '').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (path === undefined) continue;
    const root = controllers === '' ? '/sys/fs/cgroup' : `/sys/fs/cgroup/${controller}`;
    if (controllers !== '' && !controllers.split(',').includes(controller)) continue;
    const parts = path.split('/').filter((part) => part !== '');
    for (let length = parts.length; length >= 0; length--) {
      folders.add([root, ...parts.slice(0, length)].join('/'));
    }
  }
  return [...folders];
}

/** The processor's kind and the instructions it has, for what holds on processors of this kind alone. */
export function processorFeatures(read: ReadText = readText): string {
  const name = `${process.platform} ${process.arch} ${cpus()[0]?.model ?? ''}`;
  const features = /^(flags|Features)\s*:.*$/m.exec(read('/proc/cpuinfo') ?? '')?.[0] ?? '';
  return `${name} ${features}`.trim();
}
