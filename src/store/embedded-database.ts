/**
 * PGlite over a folder, made to flush and to stop.
 *
 * By itself PGlite starts PostgreSQL with `fsync` off, and its file system has no flush at all: rows would
 * survive a killed process but not a crash of the machine. Here `fsync` is on and reaches the disk.
 *
 * When PostgreSQL cannot write or flush its log (the disk is full or failing) it panics, which inside
 * PGlite is an endless loop. Here the failed write throws through PostgreSQL instead, and from then on the
 * database refuses everything: what it holds in memory is of no use, what it has on disk is intact.
 */

import { fsyncSync } from 'node:fs';
import { PGlite } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';
import { messageOf } from '../util/errors.ts';

/** WASI's number for a full disk. */
const WASI_ENOSPC = 51;

interface Stream {
  readonly nfd: number;
  readonly path: string;
}

/** Emscripten's file system throws objects that are no `Error`, with WASI's number. */
function codeOf(error: unknown): string | undefined {
  return (error as { errno?: number }).errno === WASI_ENOSPC ? 'ENOSPC' : undefined;
}

/** The part of the Emscripten file system that is changed. */
interface NodeStreams {
  fsync?(stream: Stream): number;
  write(stream: Stream, ...rest: unknown[]): number;
}

interface EmscriptenModule {
  readonly FS: { readonly filesystems: { readonly NODEFS: { readonly stream_ops: NodeStreams } } };
}

/** The database can no longer keep anything; `code` is `ENOSPC` when the disk is full. */
class DatabaseStopped extends Error {
  constructor(
    message: string,
    readonly code: string | undefined,
    options: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'DatabaseStopped';
  }
}

/** PGlite's file system over a folder, with the flush that it lacks, and with failures that stop it. */
class StoppingNodeFS extends NodeFS {
  stopped = false;

  override async init(...parameters: Parameters<NodeFS['init']>): ReturnType<NodeFS['init']> {
    const { emscriptenOpts } = await super.init(...parameters);
    const change = (module: unknown) => {
      this.#change((module as EmscriptenModule).FS.filesystems.NODEFS.stream_ops);
    };
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...(emscriptenOpts.preRun ?? []), change] } };
  }

  #change(streams: NodeStreams): void {
    const write = streams.write;
    streams.write = (stream, ...rest) => {
      try {
        return write(stream, ...rest);
      } catch (error) {
        if (!stream.path.includes('/pg_wal/')) throw error;
        throw this.#stop('its log cannot be written', codeOf(error), error);
      }
    };
    streams.fsync = (stream) => {
      try {
        fsyncSync(stream.nfd);
        return 0;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        throw this.#stop(`a file cannot be flushed (${messageOf(error)})`, code, error);
      }
    };
  }

  #stop(reason: string, code: string | undefined, cause: unknown): DatabaseStopped {
    this.stopped = true;
    const stopped = new DatabaseStopped(`the database stopped: ${reason}`, code, { cause });
    if (this.pg) {
      this.pg.execProtocolRawSync = () => {
        throw stopped;
      };
    }
    return stopped;
  }
}

export interface EmbeddedDatabase {
  readonly engine: PGlite;
  close(): Promise<void>;
}

/** Starts the database in a folder; an empty or missing folder is initialised, which takes some seconds. */
export async function startDatabase(folder: string): Promise<EmbeddedDatabase> {
  const files = new StoppingNodeFS(folder);
  const engine = await PGlite.create({
    fs: files,
    // The log is flushed by `fsync`, since the other methods end in an empty function of Emscripten.
    startParams: [
      ...PGlite.defaultStartParams.filter((parameter) => parameter !== '-F'),
      ...['-c', 'wal_sync_method=fsync'],
    ],
  }).catch((error: unknown) => {
    if (error instanceof Error) throw error;
    throw new DatabaseStopped(`it does not start: ${JSON.stringify(error)}`, codeOf(error), { cause: error });
  });
  return {
    engine,
    async close() {
      if (!files.stopped) await engine.close();
    },
  };
}
