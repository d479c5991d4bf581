/** One row: its sides take turns, and their medians are compared. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Row, SideDefinition } from './rows.ts';
import { type Answer, RunningSide, reasonAgainst } from './sides.ts';

export interface Outcome {
  readonly row: string;
  readonly unit: Row['unit'];
  /** Median of our repetitions. */
  readonly ours: number;
  /** Median of the best peer's; null when there is none. */
  readonly peer: number | null;
  readonly ratio: number | null;
  readonly ratioIs: Row['ratio'];
  /** Smallest and largest ratio of neighbouring repetitions. */
  readonly spread: readonly [number, number] | null;
  /** Processor seconds of a repetition, medians; null without a peer. */
  readonly cpuSeconds: { readonly ours: number; readonly peer: number | null };
  readonly peerName: string | null;
  /** Why there is no peer. */
  readonly skipped: string | null;
  /** Numbers besides, by side (`ours.secondStart`), and the quantity of the other peers by their names. */
  readonly details: Readonly<Record<string, number | string>>;
  readonly repetitions: number;
  readonly threads: number;
  readonly date: string;
}

export interface MeasureOptions {
  readonly threads: number;
  readonly repetitions?: number;
  /** What is being done, for people who wait. */
  readonly onProgress: (text: string) => void;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
}

interface Turn {
  readonly definition: SideDefinition;
  readonly answers: Answer[];
}

/** Prepares the row's folder, runs its sides in turns, `repetitions` times, beginning with ours, and compares them. */
export async function measureRow(row: Row, options: MeasureOptions): Promise<Outcome> {
  const { threads, repetitions = row.repetitions, onProgress } = options;
  const folder = await mkdtemp(join(tmpdir(), 'transferlab-bench-'));
  const given = { ...row.options, folder };
  const start = async (definition: SideDefinition) => {
    onProgress(`${row.name}: ${definition.name} starts`);
    return RunningSide.start(definition, given, threads);
  };
  try {
    if (row.prepare) {
      onProgress(`${row.name}: making its data`);
      await (await import(new URL(row.prepare, import.meta.url).href)).prepare(folder, given);
    }
    const reasons = row.peers.map(reasonAgainst);
    const turns = [row.ours, ...row.peers.filter((_, index) => !reasons[index])].map(turnOf);
    const { parts = 1 } = row;
    await takeTurns(turns, repetitions * parts, start, (text) => onProgress(`${row.name}: ${text}`));
    const whole = turns.map((turn) => ({ ...turn, answers: joined(turn.answers, parts) }));
    const skipped = turns.length > 1 || row.peers.length === 0 ? null : (reasons[0] ?? null);
    const checked =
      row.check && turns.length > 1 && !reasonAgainst(row.check) ? await once(row.check, start) : {};
    return outcomeOf(row, whole, { threads, repetitions, skipped }, checked);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Milliseconds between one side's repetition and the next side's. */
const PAUSE = 50;

type Start = (definition: SideDefinition) => Promise<RunningSide>;

const turnOf = (definition: SideDefinition): Turn => ({ definition, answers: [] });

/** Adds up the numbers of every `parts` neighbouring answers. */
function joined(answers: readonly Answer[], parts: number): Answer[] {
  return Array.from({ length: answers.length / parts }, (_, index) =>
    answers.slice(index * parts, (index + 1) * parts).reduce((sum, answer) => {
      const added = Object.entries(answer).map(([key, value]) => {
        const before = sum[key];
        return [key, typeof before === 'number' && typeof value === 'number' ? before + value : value];
      });
      return Object.fromEntries(added) as Answer;
    }),
  );
}

async function takeTurns(
  turns: readonly Turn[],
  count: number,
  start: Start,
  onProgress: (text: string) => void,
): Promise<void> {
  const running = new Map<Turn, RunningSide>();
  const startOf = async (turn: Turn) => {
    const side = await start(turn.definition);
    running.set(turn, side);
    return side;
  };
  try {
    for (const turn of turns) if (!turn.definition.fresh) await startOf(turn);
    for (let index = 0; index < count; index++) {
      onProgress(`turn ${index + 1} of ${count}`);
      for (const turn of turns) {
        const side = running.get(turn) ?? (await startOf(turn));
        // Threads of the side before wait actively for a moment after their work.
        await setTimeout(PAUSE);
        turn.answers.push(await side.measure());
        if (!turn.definition.fresh) continue;
        running.delete(turn);
        await side.close();
      }
    }
  } finally {
    await Promise.all([...running.values()].map((side) => side.close()));
  }
}

/** What a program finds, without the quantity that sides measure. */
async function once(definition: SideDefinition, start: Start): Promise<Record<string, number | string>> {
  const side = await start(definition);
  const { value: _, cpuSeconds: __, ...found } = await side.measure();
  await side.close();
  return found;
}

const valuesOf = ({ answers }: Turn) => answers.map(({ value }) => value);

function outcomeOf(
  row: Row,
  [ours, ...peers]: readonly Turn[],
  facts: { threads: number; repetitions: number; skipped: string | null },
  checked: Record<string, number | string>,
): Outcome {
  const lessIsBetter = row.unit === 's' || row.unit === 'MiB';
  const order = [...peers].sort((a, b) => median(valuesOf(a)) - median(valuesOf(b)));
  const best = lessIsBetter ? order[0] : order.at(-1);
  const others = peers.filter((turn) => turn !== best);
  const ratio = (mine: number, theirs: number) =>
    row.ratio === 'ours / peer' ? mine / theirs : theirs / mine;
  const cpu = ({ answers }: Turn) => median(answers.map(({ cpuSeconds }) => cpuSeconds));
  const [mine, theirs] = [median(valuesOf(ours)), best ? median(valuesOf(best)) : null];
  const ratios = best ? valuesOf(ours).map((value, i) => ratio(value, best.answers[i].value)) : [];
  return {
    row: row.name,
    unit: row.unit,
    ours: mine,
    peer: theirs,
    ratio: theirs === null ? null : ratio(mine, theirs),
    ratioIs: row.ratio,
    spread: best ? [Math.min(...ratios), Math.max(...ratios)] : null,
    cpuSeconds: { ours: cpu(ours), peer: best ? cpu(best) : null },
    peerName: best?.definition.name ?? null,
    details: {
      ...detailsOf('ours', ours),
      ...(best ? detailsOf('peer', best) : {}),
      ...checked,
      ...Object.fromEntries(others.map((turn) => [turn.definition.name, median(valuesOf(turn))])),
    },
    ...facts,
    date: new Date().toISOString().slice(0, 10),
  };
}

/** What a side told besides: the median of numbers, the last of words. */
function detailsOf(side: string, { answers }: Turn): Record<string, number | string> {
  const { value: _, cpuSeconds: __, seconds: ___, ...last } = answers.at(-1)!;
  return Object.fromEntries(
    Object.entries(last).map(([key, shown]) => [
      `${side}.${key}`,
      typeof shown === 'string' ? shown : median(answers.map((answer) => Number(answer[key]))),
    ]),
  );
}
