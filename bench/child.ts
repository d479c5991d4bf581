/**
 * What a side of a comparison is: a process that prepares and warms up, then measures one repetition each time it
 * is asked, so that sides can take turns. Asks come as lines on standard input (`run`, `end`), answers leave as
 * lines on standard output that begin with MARK; libraries may print what they like in between. `peers/child.py`
 * speaks the same.
 */
import { createInterface } from 'node:readline';

export const MARK = '::bench ';

/** One repetition: the row's quantity in the row's unit, and whatever else is worth showing. */
export interface Measured {
  readonly value: number;
  readonly [detail: string]: number | string;
}

/** What a side is after its warm-up. */
export interface Side {
  measure(): Promise<Measured> | Measured;
}

const answer = (message: object) => process.stdout.write(`${MARK}${JSON.stringify(message)}\n`);

/** The side's main program. `prepare` is given what the row says to this side. */
export async function serve<Options>(prepare: (options: Options) => Promise<Side>): Promise<void> {
  const side = await prepare(JSON.parse(process.argv[2]) as Options);
  answer({ ready: true });
  for await (const line of createInterface({ input: process.stdin })) {
    if (line !== 'run') break;
    const before = process.cpuUsage();
    const measured = await side.measure();
    const { user, system } = process.cpuUsage(before);
    answer({ cpuSeconds: (user + system) / 1e6, ...measured });
  }
  process.exit(0);
}

/** Seconds that `work` takes. */
export async function timed(work: () => Promise<unknown> | unknown): Promise<number> {
  const begun = performance.now();
  await work();
  return (performance.now() - begun) / 1000;
}
