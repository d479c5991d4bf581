/** The store over any PostgreSQL, embedded or server, and a folder of artifacts. */
import { eq, inArray } from 'drizzle-orm';
import { invariant } from '../util/errors.ts';
import type { ArtifactFolder } from './artifacts.ts';
import type { Database } from './migrate.ts';
import type { ArtifactReference, Cell, CellOutcome, CellResult, Measurement, RunRecord } from './records.ts';
import {
  cellFromRow,
  cellToRow,
  decodePredictions,
  deepFreeze,
  encodePredictions,
  measurementFromRow,
  measurementToRow,
  PREDICTIONS_MEDIA_TYPE,
  predictionsReference,
  requireFinite,
  resultFromRows,
  resultToRow,
  runFromRow,
  trialsToRows,
} from './rows.ts';
import { cells, failures, measurements, results, runs, trials } from './schema.ts';
import type { Store } from './store.ts';

/** A statement takes at most 65535 parameters; this many rows or keys stay far below. */
const ROWS_PER_STATEMENT = 1000;

export interface Backing {
  readonly database: Database;
  readonly artifacts: ArtifactFolder;
  /** What a user should read instead of an error of the database, or the error itself. */
  explain(error: unknown): unknown;
  /** Gives database, folder and locks back. */
  close(): Promise<void>;
}

export class SqlStore implements Store {
  readonly #backing: Backing;
  readonly #underWay = new Set<Promise<unknown>>();
  #closed: Promise<void> | null = null;

  constructor(backing: Backing) {
    this.#backing = backing;
  }

  plan(planned: readonly Cell[]): Promise<void> {
    return this.#run(({ database }) =>
      database.transaction(async (transaction) => {
        for (const part of parts(planned.map(cellToRow))) {
          await transaction.insert(cells).values(part).onConflictDoNothing();
        }
      }),
    );
  }

  cells(): Promise<readonly Cell[]> {
    return this.#run(async ({ database }) =>
      Object.freeze((await database.select().from(cells).orderBy(cells.position)).map(cellFromRow)),
    );
  }

  outcomes(keys: readonly string[]): Promise<ReadonlyMap<string, CellOutcome>> {
    return this.#run(async (backing) => {
      const found = new Map<string, CellOutcome>();
      for (const part of parts([...new Set(keys)])) {
        const outcomes = new Map([...(await failed(backing, part)), ...(await done(backing, part))]);
        for (const key of part) {
          const outcome = outcomes.get(key);
          if (outcome) found.set(key, outcome);
        }
      }
      return found;
    });
  }

  finish(cell: Cell, result: CellResult): Promise<'stored' | 'already-finished'> {
    return this.#run(async ({ database, artifacts }) => {
      requireFinite(result, 'result');
      await artifacts.requireSize(result.network);
      // The predictions are on disk before the row that refers to them, so no reader can miss them. When the
      // row does not follow, they are an unused file and nothing more.
      const encoded = encodePredictions(result.predictions);
      const row = resultToRow(cell.key, result, await artifacts.put(encoded, PREDICTIONS_MEDIA_TYPE));
      const trialRows = trialsToRows(cell.key, result);
      return database.transaction(async (transaction) => {
        await holdCell(transaction, cell);
        const stored = await transaction.insert(results).values(row).onConflictDoNothing().returning();
        if (stored.length === 0) return 'already-finished';
        for (const part of parts(trialRows)) await transaction.insert(trials).values(part);
        await transaction.delete(failures).where(eq(failures.cellKey, cell.key));
        return 'stored';
      });
    });
  }

  fail(cell: Cell, message: string): Promise<void> {
    return this.#run(({ database }) =>
      database.transaction(async (transaction) => {
        await holdCell(transaction, cell);
        const finished = await transaction.$count(results, eq(results.cellKey, cell.key));
        if (finished > 0) return;
        // PostgreSQL's text holds no zero byte.
        const failure = { error: message.replaceAll('\0', ''), failedAt: new Date() };
        await transaction
          .insert(failures)
          .values({ cellKey: cell.key, ...failure })
          .onConflictDoUpdate({ target: failures.cellKey, set: failure });
      }),
    );
  }

  keepMeasurement(measurement: Measurement): Promise<'stored' | 'already-kept'> {
    return this.#run(async ({ database, artifacts }) => {
      requireFinite(measurement, 'measurement');
      const row = measurementToRow(measurement);
      if (measurement.artifact) await artifacts.requireSize(measurement.artifact);
      const stored = await database.insert(measurements).values(row).onConflictDoNothing().returning();
      return stored.length > 0 ? 'stored' : 'already-kept';
    });
  }

  measurements(keys: readonly string[]): Promise<ReadonlyMap<string, Measurement>> {
    return this.#run(async ({ database }) => {
      const found = new Map<string, Measurement>();
      for (const part of parts([...new Set(keys)])) {
        const rows = await database.select().from(measurements).where(inArray(measurements.key, part));
        const byKey = new Map(rows.map((row) => [row.key, row]));
        for (const key of part) {
          const row = byKey.get(key);
          if (row) found.set(key, measurementFromRow(row));
        }
      }
      return found;
    });
  }

  recordRun(run: Omit<RunRecord, 'id'>): Promise<number> {
    return this.#run(async ({ database }) => {
      requireFinite(run, 'run');
      const row = { ...run, startedAt: new Date(run.startedAt) };
      const [{ id }] = await database.insert(runs).values(row).returning({ id: runs.id });
      return id;
    });
  }

  runs(): Promise<readonly RunRecord[]> {
    return this.#run(async ({ database }) =>
      Object.freeze((await database.select().from(runs).orderBy(runs.id)).map(runFromRow)),
    );
  }

  putArtifact(source: Uint8Array | string, mediaType: string): Promise<ArtifactReference> {
    return this.#run(({ artifacts }) => artifacts.put(source, mediaType));
  }

  artifactPath(reference: ArtifactReference): Promise<string> {
    return this.#run(({ artifacts }) => artifacts.path(reference));
  }

  readArtifact(reference: ArtifactReference): Promise<Uint8Array> {
    return this.#run(({ artifacts }) => artifacts.read(reference));
  }

  close(): Promise<void> {
    this.#closed ??= (async () => {
      await Promise.allSettled(this.#underWay);
      await this.#backing.close();
    })();
    return this.#closed;
  }

  /** Every operation passes here: refused once closed, waited for by `close`, its errors explained. */
  async #run<T>(operation: (backing: Backing) => Promise<T>): Promise<T> {
    invariant(this.#closed === null, 'the store is closed');
    const promise = operation(this.#backing);
    this.#underWay.add(promise);
    try {
      return await promise;
    } catch (error) {
      throw this.#backing.explain(error);
    } finally {
      this.#underWay.delete(promise);
    }
  }
}

/** Plans the cell if need be, and makes whoever finishes or fails the same cell wait for this transaction. */
async function holdCell(transaction: Database, cell: Cell): Promise<void> {
  await transaction.insert(cells).values(cellToRow(cell)).onConflictDoNothing();
  await transaction.select({ key: cells.key }).from(cells).where(eq(cells.key, cell.key)).for('update');
}

async function failed({ database }: Backing, keys: string[]): Promise<Map<string, CellOutcome>> {
  const rows = await database
    .select()
    .from(failures)
    .innerJoin(cells, eq(cells.key, failures.cellKey))
    .where(inArray(failures.cellKey, keys));
  return new Map(
    rows.map((row) => [
      row.cells.key,
      Object.freeze({ cell: cellFromRow(row.cells), status: 'failed' as const, error: row.failures.error }),
    ]),
  );
}

async function done({ database, artifacts }: Backing, keys: string[]): Promise<Map<string, CellOutcome>> {
  const rows = await database
    .select()
    .from(results)
    .innerJoin(cells, eq(cells.key, results.cellKey))
    .where(inArray(results.cellKey, keys));
  const trialRows = await database.select().from(trials).where(inArray(trials.cellKey, keys));
  const outcomes = new Map<string, CellOutcome>();
  for (const row of rows) {
    const key = row.cells.key;
    const own = trialRows.filter(({ cellKey }) => cellKey === key);
    const predictions = decodePredictions(await artifacts.read(predictionsReference(row.results)));
    const result = resultFromRows(row.results, own, predictions);
    outcomes.set(key, deepFreeze({ cell: cellFromRow(row.cells), status: 'done', result }));
  }
  return outcomes;
}

function* parts<T>(items: readonly T[]): Generator<T[]> {
  for (let start = 0; start < items.length; start += ROWS_PER_STATEMENT) {
    yield items.slice(start, start + ROWS_PER_STATEMENT);
  }
}
