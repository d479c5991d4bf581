/** The command line of `npm run bench`. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { readOutcomes } from './results.ts';
import { ROWS, type Row, rowsNamed } from './rows.ts';

export const USAGE = `npm run bench -- [options]

  --list               the rows
  --only <row>         one row, or a group: train/resnet18-64, train/
  --json               print ours, peer and ratio as one line of JSON; writes no file
  --threads <n>        threads of every side (default: all cores)
  --repetitions <n>    instead of each row's own number
  --quick              three repetitions, at most one where a repetition takes minutes; writes no file
  --missing            only rows that bench/results.json lacks
`;

const QUICK = 3;
/** A repetition above this many seconds is not repeated by --quick. */
const LONG = 60;

export interface BenchOptions {
  readonly rows: readonly Row[];
  readonly json: boolean;
  readonly list: boolean;
  readonly quick: boolean;
  readonly threads: number;
  readonly repetitions?: number;
}

/** Reads the command line. @throws Error whose message says what is wrong */
export function parseOptions(args: readonly string[]): BenchOptions | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      list: { type: 'boolean', default: false },
      only: { type: 'string' },
      json: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      missing: { type: 'boolean', default: false },
      threads: { type: 'string' },
      repetitions: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const count = (name: 'threads' | 'repetitions') => {
    const given = values[name];
    if (given === undefined) return undefined;
    if (!/^[1-9]\d{0,3}$/.test(given))
      throw new Error(`--${name} must be a whole number from 1, given "${given}".`);
    return Number(given);
  };
  const { only, json, list, quick } = values;
  const done = values.missing ? new Set(readOutcomes().map(({ row }) => row)) : new Set<string>();
  // The selftest is for the bench's own test and runs only when it is named.
  const chosen = only === undefined ? ROWS.filter(({ name }) => name !== 'selftest') : rowsNamed(only);
  if (chosen.length === 0) throw new Error(`There is no row "${only}". --list shows them all.`);
  return {
    rows: chosen.filter(({ name }) => !done.has(name)),
    json,
    list,
    quick,
    threads: count('threads') ?? availableParallelism(),
    repetitions: count('repetitions'),
  };
}

/** How often the sides of a row take turns. */
export const repetitionsOf = (row: Row, { quick, repetitions }: BenchOptions): number =>
  repetitions ?? (quick ? Math.min(row.repetitions, row.seconds[1] > LONG ? 1 : QUICK) : row.repetitions);
