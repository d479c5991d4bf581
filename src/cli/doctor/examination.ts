/** What `doctor` finds out about the machine: facts only; what they mean is decided in `problems.ts`. */
import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { dirname, resolve } from 'node:path';
import {
  type DeviceState,
  engineVersion,
  type Memory,
  matrixProductPeak,
  memory,
  memoryBandwidth,
  type Processors,
  probeDevices,
  processors,
} from '../../runtime/index.ts';
import { messageOf } from '../../util/errors.ts';
import { VERSION } from '../../util/version.ts';

export interface Folder {
  readonly path: string;
  readonly writable: boolean;
  /** Bytes; null when the file system does not say. */
  readonly free: number | null;
}

interface Speed {
  /** Floating-point operations per second of a large matrix product, with one thread and with all. */
  readonly product: { readonly oneThread: number; readonly allThreads: number };
  /** Bytes per second. */
  readonly bandwidth: number;
}

export interface Examination {
  readonly versions: { readonly transferlab: string; readonly engine: string; readonly node: string };
  readonly platform: string;
  readonly devices: readonly DeviceState[];
  readonly processors: Processors;
  /** Mean number of runnable processes of the last minute; 0 where the system does not count. */
  readonly load: number;
  /** Threads that the engine would use. */
  readonly threads: number;
  readonly memory: Memory;
  readonly folders: { readonly cache: Folder; readonly out: Folder };
  /** Whether images can be decoded and encoded, and why not. */
  readonly images: { readonly works: boolean; readonly reason: string };
  /** Null when the engine does not run. */
  readonly speed: Speed | null;
}

interface ExamineOptions {
  readonly threads: number;
  readonly cacheFolder: string;
  readonly out: string;
  /** What is being done at the moment. */
  readonly onStage?: (stage: string) => void;
}

export async function examine({
  threads,
  cacheFolder,
  out,
  onStage = () => {},
}: ExamineOptions): Promise<Examination> {
  // Before anything here makes load of its own.
  const [load] = loadavg();
  onStage('trying the devices');
  const devices = await probeDevices();
  const works = devices.some(({ device, works }) => device === 'cpu' && works);
  return {
    versions: { transferlab: VERSION, engine: engineVersion(), node: process.versions.node },
    platform: `${process.platform} ${process.arch}`,
    devices,
    processors: processors(),
    load,
    threads,
    memory: memory(),
    folders: { cache: await folderAt(cacheFolder), out: await folderAt(out) },
    images: await imageCodec(),
    speed: works ? await speedOf(threads, onStage) : null,
  };
}

async function speedOf(threads: number, onStage: (stage: string) => void): Promise<Speed> {
  onStage('measuring a matrix product with 1 thread');
  const oneThread = await matrixProductPeak({ threads: 1 });
  onStage(`measuring a matrix product with ${threads} threads`);
  const allThreads = threads === 1 ? oneThread : await matrixProductPeak({ threads });
  onStage('measuring the memory');
  return { product: { oneThread, allThreads }, bandwidth: await memoryBandwidth({ threads }) };
}

/** The folder itself or, when it is not there yet, the one in which it would be made; nothing is made here. */
async function folderAt(given: string): Promise<Folder> {
  const path = resolve(given);
  let existing = path;
  while (dirname(existing) !== existing && !(await can(existing, constants.F_OK))) {
    existing = dirname(existing);
  }
  const writable = await can(existing, constants.W_OK | constants.X_OK);
  const system = await statfs(existing).catch(() => null);
  return { path, writable, free: system && system.bavail * system.bsize };
}

async function can(path: string, what: number): Promise<boolean> {
  return access(path, what).then(
    () => true,
    () => false,
  );
}

/** Loads sharp and encodes a picture: its libraries can be missing where everything else is there. */
async function imageCodec(): Promise<Examination['images']> {
  try {
    const { encodeJpeg } = await import('../../data/index.ts');
    await encodeJpeg({ width: 8, height: 8, pixels: new Uint8Array(3 * 8 * 8) });
    return { works: true, reason: '' };
  } catch (error) {
    return { works: false, reason: messageOf(error).split('\n')[0] };
  }
}
