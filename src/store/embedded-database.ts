/**
 * PGlite over a folder, made to flush. By itself PGlite starts PostgreSQL with `fsync` off, and its file
 * system has no flush at all: rows would survive a killed process but not a crash of the machine. Here
 * `fsync` is on and reaches the disk.
 */

import { fsyncSync } from 'node:fs';
import { PGlite } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';

/** What the program inside reads as "input/output error". */
const WASI_EIO = 29;

/** The part of the Emscripten file system that is changed. */
interface FlushableModule {
  readonly FS: {
    readonly filesystems: { readonly NODEFS: { stream_ops: { fsync?(stream: { nfd: number }): number } } };
  };
}

/** PGlite's file system over a folder, with the missing flush. */
class FlushingNodeFS extends NodeFS {
  override async init(...parameters: Parameters<NodeFS['init']>): ReturnType<NodeFS['init']> {
    const { emscriptenOpts } = await super.init(...parameters);
    const addFlush = (module: unknown) => {
      (module as FlushableModule).FS.filesystems.NODEFS.stream_ops.fsync = flushStream;
    };
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...(emscriptenOpts.preRun ?? []), addFlush] } };
  }
}

function flushStream(stream: { nfd: number }): number {
  try {
    fsyncSync(stream.nfd);
    return 0;
  } catch {
    return WASI_EIO;
  }
}

/** Starts the database in a folder; an empty or missing folder is initialised, which takes some seconds. */
export function startDatabase(folder: string): Promise<PGlite> {
  return PGlite.create({
    fs: new FlushingNodeFS(folder),
    // The log is flushed by `fsync`, since the other methods end in an empty function of Emscripten.
    startParams: [
      ...PGlite.defaultStartParams.filter((parameter) => parameter !== '-F'),
      ...['-c', 'wal_sync_method=fsync'],
    ],
  });
}
