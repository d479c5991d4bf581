/** What is wrong with a machine, or could be better, and what to do about it: a pure function of the facts. */
import type { Examination, Folder } from './examination.ts';

export interface Problem {
  /** `error`: work is impossible. `warning`: it will be slow, or may fail later. */
  readonly severity: 'error' | 'warning';
  /** Stable, for programs. */
  readonly code: string;
  readonly found: string;
  readonly remedy: string;
}

const GIGABYTE = 1e9;

const OLDEST_NODE = 20;

/** The smallest networks train in the first; a ResNet-50 with 16 images of 224 pixels needs the second. */
const LEAST_MEMORY = 0.5 * GIGABYTE;
const COMFORTABLE_MEMORY = 6 * GIGABYTE;

/** Decoded images of a small data set. */
const COMFORTABLE_DISK = 2 * GIGABYTE;

/** More threads should bring at least this share of what as many cores could. */
const WORTHWHILE = 0.6;

type Check = (examination: Examination) => Problem | undefined;

const error = (code: string, found: string, remedy: string): Problem => ({
  severity: 'error',
  code,
  found,
  remedy,
});

const warning = (code: string, found: string, remedy: string): Problem => ({
  severity: 'warning',
  code,
  found,
  remedy,
});

const CHECKS: readonly Check[] = [
  ({ versions: { node } }) =>
    Number.parseInt(node, 10) < OLDEST_NODE
      ? error('NODE_OLD', `Node is version ${node}.`, `Install Node ${OLDEST_NODE} or later.`)
      : undefined,

  ({ devices }) => {
    const cpu = devices.find(({ device }) => device === 'cpu');
    return cpu?.works
      ? undefined
      : error(
          'ENGINE_FAILS',
          `The engine cannot add two numbers on the processor: ${cpu?.reason ?? 'it is not there.'}`,
          'Install the dependencies again with `npm ci`; on Linux the engine needs glibc 2.28 or later.',
        );
  },

  ({ images }) =>
    images.works
      ? undefined
      : error(
          'IMAGES_FAIL',
          `Images cannot be decoded: ${images.reason}`,
          'Install the dependencies again with `npm ci --include=optional`, on the platform on which they will run.',
        ),

  ({ folders: { cache } }) =>
    unwritable(cache, 'CACHE_NOT_WRITABLE', 'cache', 'Give a folder that you may write to with --cache.'),

  ({ folders: { out } }) =>
    unwritable(out, 'OUT_NOT_WRITABLE', 'output', 'Give a folder that you may write to with --out.'),

  ({ folders: { cache, out } }) => {
    const tight = [cache, out].find(({ free }) => free !== null && free < COMFORTABLE_DISK);
    return tight
      ? warning(
          'DISK_FULL',
          `Only ${gigabytes(tight.free!)} are free where ${tight.path} is.`,
          'Decoded images of large data sets need more: give --cache or --out a larger disk.',
        )
      : undefined;
  },

  ({ memory }) => {
    const free = Math.min(memory.free, memory.limitFree ?? Number.POSITIVE_INFINITY);
    if (free >= COMFORTABLE_MEMORY) return undefined;
    const limit = memory.limit === null ? '' : ` (this process may have ${gigabytes(memory.limit)} in all)`;
    const found = `${gigabytes(free)} of memory are free${limit}.`;
    return free < LEAST_MEMORY
      ? error('MEMORY_FULL', found, 'Close other programs, or raise the limit.')
      : warning(
          'MEMORY_LOW',
          found,
          'Large networks may not fit: use smaller ones, smaller images or batches.',
        );
  },

  ({ processors, threads }) => {
    const usable = usableProcessors(processors);
    return threads > usable
      ? warning(
          'THREADS_TOO_MANY',
          `The engine would use ${threads} threads, but only ${showCount(usable)} of ${processors.cores} processors may be used; waiting threads take time from working ones.`,
          `Give --threads ${Math.max(1, Math.floor(usable))}.`,
        )
      : undefined;
  },

  ({ processors, threads }) => {
    const usable = Math.floor(usableProcessors(processors));
    return threads < usable
      ? warning(
          'THREADS_FEW',
          `The engine would use ${threads} of ${usable} processors.`,
          `Give --threads ${usable}.`,
        )
      : undefined;
  },

  (examination) =>
    isBusy(examination)
      ? warning(
          'MACHINE_BUSY',
          `Other programs want ${examination.load.toFixed(1)} of the ${examination.processors.cores} processors, so the engine's threads wait for each other, and the speeds measured here are too low.`,
          'Close them, or give --threads the number of processors that are idle.',
        )
      : undefined,

  (examination) => {
    const { speed, threads, processors } = examination;
    if (!speed || isBusy(examination)) return undefined;
    const gain = speed.product.allThreads / speed.product.oneThread;
    const possible = Math.min(threads, usableProcessors(processors));
    return possible > 1 && gain < WORTHWHILE * possible
      ? warning(
          'THREADS_GAIN_LITTLE',
          `${threads} threads are ${gain.toFixed(1)} times as fast as one.`,
          'Two threads may share a core: give --threads the number of real cores.',
        )
      : undefined;
  },
];

export function problemsOf(examination: Examination): Problem[] {
  return CHECKS.map((check) => check(examination)).filter((problem) => problem !== undefined);
}

/** How many processors' time the process can have. */
export function usableProcessors({ allowed, quota }: Examination['processors']): number {
  return Math.min(allowed, quota ?? allowed);
}

/** 1.5 GB from 1,500,000,000 bytes. */
export function gigabytes(bytes: number): string {
  return `${(bytes / GIGABYTE).toFixed(1)} GB`;
}

/** The load counts processes that run or would run. */
function isBusy({ load, processors }: Examination): boolean {
  return load > 0.5 * processors.cores;
}

const showCount = (count: number) => String(Math.round(10 * count) / 10);

function unwritable(folder: Folder, code: string, what: string, remedy: string): Problem | undefined {
  if (folder.writable) return undefined;
  return error(code, `The ${what} folder ${folder.path} cannot be written.`, remedy);
}
