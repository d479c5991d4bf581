/**
 * What was measured to be fastest on a machine, on disk: one JSON file for each kind of place that timings hold for
 * (device, processor with its instructions, threads, version of the engine, and what there is to choose from).
 *
 * In a cache folder the file grows with what is tuned. In the folder of a study it is frozen: formulations differ in
 * rounding, so what a study began with is what it goes on with.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Convolution, type Formulations, formulationsVersion } from '../compile/index.ts';
import { messageOf, UserError } from '../util/errors.ts';
import { contentHash } from '../util/hash.ts';
import { processorFeatures } from './machine.ts';
import { engineVersion } from './probe.ts';
import { defaultThreads, type SessionOptions } from './session.ts';
import { formulationsOf, type Tuned, type TunedTable, type TuneOptions, tune } from './tuning.ts';

/** What timings hold for. */
export interface TuningPlace {
  readonly device: string;
  readonly threads: number;
  readonly processor: string;
  readonly engine: string;
  /** Version of the formulations that there are. */
  readonly formulations: string;
}

export function tuningPlace({
  device = 'cpu',
  threads = defaultThreads(),
}: Pick<SessionOptions, 'device' | 'threads'>): TuningPlace {
  return {
    device,
    threads,
    processor: processorFeatures(),
    engine: engineVersion(),
    formulations: formulationsVersion(),
  };
}

/** Where the table of a place is in a folder. */
export function tunedTablePath(folder: string, place: TuningPlace): string {
  const { device, threads } = place;
  const name = `${device}-${threads}-${contentHash(place).slice(0, 16)}.json`;
  return join(folder, 'formulations', name);
}

interface TableFile {
  readonly place: TuningPlace;
  readonly convolutions: Readonly<Record<string, Tuned>>;
}

/** The table of a place in a folder; undefined where there is none or the file is damaged. */
export async function readTunedTable(folder: string, place: TuningPlace): Promise<TunedTable | undefined> {
  try {
    const file = JSON.parse(await readFile(tunedTablePath(folder, place), 'utf8')) as TableFile;
    const entries = Object.entries(file.convolutions);
    const whole = contentHash(file.place) === contentHash(place) && entries.every(([, one]) => isTuned(one));
    return whole ? new Map(entries) : undefined;
  } catch {
    return undefined;
  }
}

function isTuned(value: Partial<Tuned> | null): value is Tuned {
  const { usual, chosen, seconds } = value ?? {};
  return (
    typeof usual === 'string' &&
    typeof chosen === 'string' &&
    typeof seconds === 'object' &&
    seconds !== null &&
    Object.values(seconds).every((time) => typeof time === 'number')
  );
}

/**
 * Writes the table of a place in one step. Of two that write at once the last one stays.
 * @throws UserError TABLE_NOT_WRITTEN
 */
export async function writeTunedTable(folder: string, place: TuningPlace, table: TunedTable): Promise<void> {
  try {
    await mkdir(join(folder, 'formulations'), { recursive: true });
    await replace(tunedTablePath(folder, place), { place, convolutions: Object.fromEntries(table) });
  } catch (cause) {
    throw new UserError(
      'TABLE_NOT_WRITTEN',
      `What was timed cannot be kept in ${folder}: ${messageOf(cause)}`,
      'Choose a folder that can be written.',
      { cause },
    );
  }
}

async function replace(path: string, content: TableFile): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(`${JSON.stringify(content, null, 1)}\n`);
      // Else a power failure could leave the name without the content.
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

export interface TuneFolderOptions extends TuneOptions {
  readonly cacheFolder: string;
}

/** Milliseconds after which what was measured is written, so that an interruption costs no more. */
const WRITE_EVERY = 5000;

/**
 * Measures what the table in the cache folder lacks for `convolutions`, within the time that `options` give, and adds
 * it there. Returns an entry for each of them: as usual where nothing was measured.
 */
export async function tuneInto(
  convolutions: readonly Convolution[],
  options: TuneFolderOptions,
): Promise<Map<string, Tuned>> {
  const { cacheFolder } = options;
  const place = tuningPlace(options);
  const known = new Map(await readTunedTable(cacheFolder, place));
  let written = performance.now();
  let pending = false;
  const write = async () => {
    // Another process may have added its own meanwhile.
    await writeTunedTable(
      cacheFolder,
      place,
      new Map([...((await readTunedTable(cacheFolder, place)) ?? []), ...known]),
    );
    written = performance.now();
    pending = false;
  };
  const table = await tune(convolutions, known, {
    ...options,
    onTuned: async (key, tuned) => {
      known.set(key, tuned);
      pending = true;
      if (performance.now() - written > WRITE_EVERY) await write();
    },
  });
  if (pending) await write();
  return table;
}

/**
 * What a study takes for `convolutions`: what its folder says, and for those it does not know what `current` gives,
 * which the folder then keeps.
 */
export async function frozenFormulations(
  folder: string,
  place: TuningPlace,
  convolutions: readonly Convolution[],
  current: (missing: readonly Convolution[]) => Promise<TunedTable>,
): Promise<Formulations> {
  const frozen = (await readTunedTable(folder, place)) ?? new Map<string, Tuned>();
  const missing = convolutions.filter(({ key }) => !frozen.has(key));
  if (missing.length === 0) return formulationsOf(frozen);
  const table = new Map([...(await current(missing)), ...frozen]);
  await writeTunedTable(folder, place, table);
  return formulationsOf(table);
}

/** A short name of what is taken for which convolution, for records of results. */
export function formulationsName(formulations: Formulations): string {
  return contentHash(Object.fromEntries(formulations)).slice(0, 12);
}
