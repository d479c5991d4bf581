/**
 * Times the formulations of convolutions on this machine. Each is run alone, in turns with the others of its
 * convolution, so that what else the machine does meets all of them alike.
 */
import type ort from 'onnxruntime-node';
import {
  type Convolution,
  candidatesOf,
  type Formulations,
  lowerAlone,
  type Port,
  physicalShape,
} from '../compile/index.ts';
import { encodeModel } from '../onnx/encode.ts';
import { Random } from '../tensor/random.ts';
import { type Tensor, tensor, zeros } from '../tensor/tensor.ts';
import { sha256 } from '../util/hash.ts';
import { channelBlock } from './blocks.ts';
import { createSession, type SessionOptions, toRuntime } from './session.ts';
import { runWithoutCopies, withoutCopies } from './uncopied.ts';

/** What was found out about a convolution. */
export interface Tuned {
  /** The formulation that is taken without measuring. */
  readonly usual: string;
  /** The one to take. */
  readonly chosen: string;
  /** Seconds of those that were timed; none where there was no time for it. */
  readonly seconds: Readonly<Record<string, number>>;
}

/** By `shapeKey`. */
export type TunedTable = ReadonlyMap<string, Tuned>;

/** Seconds of formulations of a convolution, by name. */
export type Measure = (
  convolution: Convolution,
  names: readonly string[],
  options: SessionOptions,
) => Promise<ReadonlyMap<string, number>>;

export interface TuneOptions extends SessionOptions {
  /** Seconds after which no further convolution is begun; those left over are settled as usual. Default: no limit. */
  readonly seconds?: number;
  /** Called before each convolution, with the share of the work that is done. */
  readonly onProgress?: (convolution: Convolution, fraction: number) => void;
  /** Called with each that was measured. */
  readonly onTuned?: (key: string, tuned: Tuned) => Promise<void>;
  /** Another way to time them. */
  readonly measure?: Measure;
}

/** A challenger replaces the usual formulation when that takes so many times as long: less is noise. */
const CLEARLY = 1.05;

/** The fastest of those measured if it clearly beats the usual one. */
export function fastestOf(usual: string, seconds: ReadonlyMap<string, number>): string {
  const [fastest] = [...seconds].sort(([, a], [, b]) => a - b)[0];
  return seconds.get(usual)! > CLEARLY * seconds.get(fastest)! ? fastest : usual;
}

/**
 * What to take for each of `convolutions`: what `known` says, else what is measured, the first of them first; those
 * for which there is no time are settled as usual.
 */
export async function tune(
  convolutions: readonly Convolution[],
  known: TunedTable,
  options: TuneOptions,
): Promise<Map<string, Tuned>> {
  const { seconds = Number.POSITIVE_INFINITY, onProgress, onTuned, measure = measureFormulations } = options;
  const block = await channelBlock(options.device ?? 'cpu');
  const costOf = ({ key, multiplyAdds }: Convolution) => (known.has(key) ? 0 : multiplyAdds + FIXED_COST);
  const total = convolutions.reduce((sum, convolution) => sum + costOf(convolution), 0);
  const begun = performance.now();
  const table = new Map<string, Tuned>();
  let done = 0;
  for (const convolution of convolutions) {
    const { key } = convolution;
    const { names, usual } = candidatesOf(convolution, block);
    const left = performance.now() - begun < 1000 * seconds;
    if (known.has(key)) table.set(key, known.get(key)!);
    else if (names.length === 1 || !left) table.set(key, { usual, chosen: usual, seconds: {} });
    else {
      onProgress?.(convolution, done / total);
      const tuned = await choose(usual, (contenders) => measure(convolution, contenders, options), names);
      table.set(key, tuned);
      await onTuned?.(key, tuned);
    }
    done += costOf(convolution);
  }
  return table;
}

/** A challenger has to win twice, as one time may have met a moment in which the usual one was disturbed. */
async function choose(
  usual: string,
  measure: (names: readonly string[]) => Promise<ReadonlyMap<string, number>>,
  names: readonly string[],
): Promise<Tuned> {
  const first = await measure(names);
  const challenger = fastestOf(usual, first);
  const second = challenger === usual ? new Map() : await measure([usual, challenger]);
  const chosen = challenger === usual ? usual : fastestOf(usual, second);
  return { usual, chosen, seconds: Object.fromEntries([...first, ...second]) };
}

/** What building sessions costs beside the convolutions, in multiply-adds. */
const FIXED_COST = 2e7;

/** The names by shape that `lower` takes, of what was timed. */
export function formulationsOf(table: TunedTable): Formulations {
  const timed = [...table].filter(([, { seconds }]) => Object.keys(seconds).length > 0);
  return new Map(timed.map(([key, { chosen }]) => [key, chosen]));
}

/** One session of a formulation, or of several that lower to the same model. */
interface Contender {
  readonly names: string[];
  readonly session: ort.InferenceSession;
  fastest: number;
}

const ROUNDS = 6;
/** Those that take so many times as long as the fastest in the first rounds are not timed further. */
const HOPELESS = 1.4;
const TRIALS = 3;
/** Milliseconds of a sample at least, made of several runs where one is shorter. */
const SAMPLE = 2;

/**
 * The fastest of some rounds in which all formulations take turns: what disturbs a run only makes it slower. Numbers
 * are random, as zeros may be faster.
 */
export const measureFormulations: Measure = async (convolution, names, { threads, device = 'cpu' }) => {
  const block = await channelBlock(device);
  const contenders = new Map<string, Contender>();
  let memory: { feeds: Record<string, ort.Tensor>; fetches: Record<string, ort.Tensor> } | undefined;
  try {
    for (const name of names) {
      const { model, inputs, outputs } = lowerAlone(convolution, name, block);
      const bytes = encodeModel(device === 'cpu' ? withoutCopies(model) : model);
      const same = contenders.get(sha256(bytes));
      if (same) same.names.push(name);
      else {
        // On the processor the graphs that formulations are for are computed as they are written.
        const session = await createSession(bytes, { threads, device, asWritten: device === 'cpu' });
        contenders.set(sha256(bytes), { names: [name], session, fastest: Number.POSITIVE_INFINITY });
      }
      // The ports of all are alike: layouts depend on the graph alone.
      memory ??= { feeds: filled(inputs), fetches: { y: toRuntime(empty(outputs[0])) } };
    }
    const { feeds, fetches } = memory!;
    await takeTurns([...contenders.values()], (session) =>
      device === 'cpu' ? runWithoutCopies(session, feeds, fetches) : session.run(feeds, fetches),
    );
    return new Map(
      [...contenders.values()].flatMap((one) => one.names.map((name) => [name, one.fastest / 1000] as const)),
    );
  } finally {
    for (const { session } of contenders.values()) await session.release();
  }
};

async function takeTurns(
  all: readonly Contender[],
  run: (session: ort.InferenceSession) => Promise<unknown>,
): Promise<void> {
  const time = async (contender: Contender, runs: number) => {
    const started = performance.now();
    for (let i = 0; i < runs; i++) await run(contender.session);
    contender.fastest = Math.min(contender.fastest, (performance.now() - started) / runs);
  };
  // The first run touches its memory for the first time.
  for (const { session } of all) await run(session);
  for (let round = 0; round < TRIALS; round++) for (const contender of all) await time(contender, 1);
  const fastest = Math.min(...all.map((contender) => contender.fastest));
  const left = all.filter((contender) => contender.fastest <= HOPELESS * fastest);
  const runs = Math.ceil(SAMPLE / fastest);
  for (let round = 0; round < ROUNDS && left.length > 1; round++) {
    for (const contender of left) await time(contender, runs);
    // Who runs after whom matters to the caches.
    left.push(left.shift()!);
    if (round % 2 === 1) left.reverse();
  }
}

function empty(port: Port): Tensor {
  return zeros(port.dtype, physicalShape(port.shape, port.layout));
}

function filled(ports: readonly Port[]): Record<string, ort.Tensor> {
  const random = new Random(1, 'tuning');
  return Object.fromEntries(
    ports.map((port) => {
      const { shape, data } = empty(port);
      const values = Float32Array.from({ length: data.length }, () => random.uniform(-1, 1));
      return [port.name, toRuntime(tensor('float32', shape, values))];
    }),
  );
}
