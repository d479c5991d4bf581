/** One row: its sides take turns, and their medians are compared. */
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
  /** Numbers besides, by side: `ours.secondStart`. */
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
  /** As tables call it, with the form that it runs in. */
  title: string;
  readonly answers: Answer[];
}

/** Runs the row's sides one after another, `repetitions` times, beginning with ours. */
export async function measureRow(row: Row, options: MeasureOptions): Promise<Outcome> {
  const reasons = row.peers.map(reasonAgainst);
  const definitions = [row.ours, ...row.peers.filter((_, index) => !reasons[index])];
  const turns = definitions.map((definition): Turn => ({ definition, title: definition.name, answers: [] }));
  const { threads, repetitions = row.repetitions, onProgress } = options;
  const running = new Map<Turn, RunningSide>();
  const startOf = async (turn: Turn) => {
    onProgress(`${row.name}: ${turn.definition.name} warms up`);
    const side = await RunningSide.start(turn.definition, row.options, threads);
    if (side.form) turn.title = `${turn.definition.name}, ${side.form}`;
    running.set(turn, side);
    return side;
  };
  try {
    for (const turn of turns) if (!turn.definition.fresh) await startOf(turn);
    for (let index = 0; index < repetitions; index++) {
      onProgress(`${row.name}: repetition ${index + 1} of ${repetitions}`);
      for (const turn of turns) {
        const side = running.get(turn) ?? (await startOf(turn));
        turn.answers.push(await side.measure());
        if (!turn.definition.fresh) continue;
        running.delete(turn);
        await side.close();
      }
    }
  } finally {
    await Promise.all([...running.values()].map((side) => side.close()));
  }
  const skipped = turns.length > 1 || row.peers.length === 0 ? null : (reasons[0] ?? null);
  return outcomeOf(row, turns, { threads, repetitions, skipped });
}

const valuesOf = ({ answers }: Turn) => answers.map(({ value }) => value);

function outcomeOf(
  row: Row,
  [ours, ...peers]: readonly Turn[],
  facts: { threads: number; repetitions: number; skipped: string | null },
): Outcome {
  const lessIsBetter = row.unit === 's' || row.unit === 'MiB';
  const order = [...peers].sort((a, b) => median(valuesOf(a)) - median(valuesOf(b)));
  const best = lessIsBetter ? order[0] : order.at(-1);
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
    peerName: best?.title ?? null,
    details: { ...detailsOf('ours', ours), ...(best ? detailsOf('peer', best) : {}) },
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
