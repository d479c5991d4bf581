/**
 * The choice of learning rate and weight decay on the validation part: every point of the grid, or successive halving
 * over the same points (Jamieson and Talwalkar 2016, "Non-stochastic best arm identification"). A rung of the halving
 * is a checkpoint of a run of full length, whose cosine schedule it leaves as it is: so what reaches the end is bit by
 * bit what the whole grid has there, and the only thing that can go wrong is that the best point is cut on its way.
 */
import type { TuningProtocol } from './protocol.ts';
import { type SettingTrial, stopwatch } from './setting.ts';
import type { GridPoint, TrainingState, Tuning } from './tuning.ts';

/** Bytes of the states of trials that wait for others; a trial whose state was not kept is run from the start again. */
const KEPT_BYTES = 2 ** 30;

/** Every pair of the protocol's grid, larger learning rates first. */
export function gridOf(protocol: TuningProtocol): GridPoint[] {
  return [...protocol.learningRates]
    .sort((a, b) => b - a)
    .flatMap((learningRate) => protocol.weightDecays.map((decay) => pointOf(protocol, learningRate, decay)));
}

/** `decay` as the grid has it. */
function pointOf({ divideDecayByRate }: TuningProtocol, learningRate: number, decay: number): GridPoint {
  return { learningRate, weightDecay: divideDecayByRate ? decay / learningRate : decay };
}

export interface PlannedSteps {
  /** Steps of the search at most: trials that diverge or are given up take fewer. */
  readonly search: number;
  /** Steps that the whole grid takes, every point to the end. */
  readonly wholeGrid: number;
  /** Steps of the fit to train and validation part. */
  readonly final: number;
  /** Points that are tried, and how often the validation part is looked at for them, at most. */
  readonly trials: number;
  readonly validations: number;
}

/** The steps of a cell, known beforehand. */
export function plannedSteps(protocol: TuningProtocol): PlannedSteps {
  const { search, steps, giveUp } = protocol;
  const points = gridOf(protocol).length;
  const wholeGrid = points * steps;
  if (search.kind === 'grid') {
    const around = factorsOf(protocol.learningRates, 1).length * factorsOf(protocol.weightDecays, 1).length;
    const trials = points + search.refinements * (around - 1);
    const validations = trials * (1 + (giveUp?.after.length ?? 0));
    return { search: trials * steps, wholeGrid, final: steps, trials, validations };
  }
  const rungs = rungsOf(points, steps, search);
  const halved = rungs.reduce((sum, { trials, from, until }) => sum + trials * (until - from), 0);
  const validations = rungs.reduce((sum, { trials }) => sum + trials, 0);
  return { search: halved, wholeGrid, final: steps, trials: points, validations };
}

/** Runs the search of the protocol; one trial per point that was tried. */
export function searchPoints(tuning: Tuning): Promise<SettingTrial[]> {
  return tuning.protocol.search.kind === 'grid'
    ? new GridSearch(tuning).run()
    : halve(tuning, tuning.protocol.search);
}

/** A learning rate as people read it. */
export const showNumber = (value: number) => Number(value.toPrecision(2)).toString();

/** Trials one after another, each to the end unless it is given up. */
class GridSearch {
  /** Validation metric at each checkpoint, the best of the trials so far. */
  readonly #bestAt = new Map<number, number>();
  readonly #trials: SettingTrial[] = [];

  constructor(private readonly tuning: Tuning) {}

  async run(): Promise<SettingTrial[]> {
    const { protocol } = this.tuning;
    await this.#try(gridOf(protocol), 'trial');
    const refinements = protocol.search.kind === 'grid' ? protocol.search.refinements : 0;
    for (let round = 1; round <= refinements; round++) {
      const [best] = ranked(this.#trials);
      if (!best) break;
      const { learningRate, weightDecay } = best.hyperparameters;
      await this.#try(neighboursOf(protocol, { learningRate, weightDecay }, round), 'finer trial');
    }
    return this.#trials;
  }

  async #try(points: readonly GridPoint[], what: string): Promise<void> {
    const { tuning } = this;
    const { giveUp, steps } = tuning.protocol;
    for (const [index, point] of points.entries()) {
      const seconds = stopwatch();
      const values = new Map<number, number>();
      const run = await tuning.run({
        point,
        positions: tuning.trainPositions,
        title: `${what} ${index + 1} of ${points.length}: learning rate ${showNumber(point.learningRate)}`,
        budget: steps,
        checkpoints: giveUp?.after.map((share) => Math.round(share * steps)),
        onCheckpoint: (done) => this.#judge(done, values),
      });
      if (run.status !== 'diverged') this.#remember(values);
      const validation = run.status === 'diverged' ? null : await tuning.validate();
      const { status, steps: done } = run;
      this.#trials.push({
        hyperparameters: { ...point },
        status,
        validation,
        steps: done,
        seconds: seconds(),
      });
    }
  }

  async #judge(done: number, values: Map<number, number>): Promise<'go on' | 'stop'> {
    const value = await this.tuning.validate();
    values.set(done, value);
    const best = this.#bestAt.get(done) ?? Number.NEGATIVE_INFINITY;
    return value < best - this.tuning.protocol.giveUp!.margin ? 'stop' : 'go on';
  }

  /** Only trials that did not diverge set the mark: one that does later would have the others given up for nothing. */
  #remember(values: ReadonlyMap<number, number>): void {
    for (const [done, value] of values) {
      this.#bestAt.set(done, Math.max(value, this.#bestAt.get(done) ?? value));
    }
  }
}

/** Trials that gave a network, the best first: those that were run to the end, then the others; of equal ones the earlier. */
export function ranked(trials: readonly SettingTrial[]): SettingTrial[] {
  return (['finished', 'stopped'] as const).flatMap((status) =>
    trials.filter((trial) => trial.status === status).sort((a, b) => b.validation! - a.validation!),
  );
}

/** The points around `best` at 1 / 2^round of the grid's spacing, on the log scale; a decay of 0 has no neighbours. */
function neighboursOf(protocol: TuningProtocol, best: GridPoint, round: number): GridPoint[] {
  const { learningRates, weightDecays, divideDecayByRate } = protocol;
  const decay = best.weightDecay * (divideDecayByRate ? best.learningRate : 1);
  const rates = factorsOf(learningRates, round).map((factor) => best.learningRate * factor);
  const decays = decay === 0 ? [0] : factorsOf(weightDecays, round).map((factor) => decay * factor);
  return rates.flatMap((rate, i) =>
    // The first of each is the best point itself, which was tried.
    decays.flatMap((value, j) => (i === 0 && j === 0 ? [] : [pointOf(protocol, rate, value)])),
  );
}

/** 1 and, of an axis with more than one value, a step up and a step down. */
function factorsOf(axis: readonly number[], round: number): number[] {
  const positive = axis.filter((value) => value > 0);
  if (positive.length < 2) return [1];
  const spacing = (Math.max(...positive) / Math.min(...positive)) ** (1 / (positive.length - 1));
  const factor = spacing ** (1 / 2 ** round);
  return [1, factor, 1 / factor];
}

/** A stage of successive halving: so many trials go on from step `from` to step `until`. */
interface Rung {
  readonly trials: number;
  readonly from: number;
  readonly until: number;
}

function rungsOf(points: number, steps: number, { first, eta }: { first: number; eta: number }): Rung[] {
  const rungs: Rung[] = [];
  let [trials, from] = [points, 0];
  for (let share = first; from < steps; share *= eta) {
    // Who is alone has nobody to be compared with.
    const until = trials === 1 ? steps : Math.min(steps, Math.max(from + 1, Math.round(share * steps)));
    rungs.push({ trials, from, until });
    [trials, from] = [Math.ceil(trials / eta), until];
  }
  return rungs;
}

/** A trial on its way. */
interface Contender {
  readonly index: number;
  readonly point: GridPoint;
  status: SettingTrial['status'];
  validation: number | null;
  steps: number;
  seconds: number;
  state?: TrainingState;
}

const byMetric = (a: Contender, b: Contender) => b.validation! - a.validation! || a.index - b.index;

async function halve(tuning: Tuning, search: { first: number; eta: number }): Promise<SettingTrial[]> {
  const contenders = gridOf(tuning.protocol).map(
    (point, index): Contender => ({
      index,
      point,
      status: 'stopped',
      validation: null,
      steps: 0,
      seconds: 0,
    }),
  );
  let alive = contenders;
  const rungs = rungsOf(contenders.length, tuning.protocol.steps, search);
  for (const [i, rung] of rungs.entries()) {
    const places = rungs[i + 1]?.trials ?? 0;
    for (const [turn, contender] of alive.entries()) {
      await advance(
        tuning,
        contender,
        rung,
        `rung ${i + 1} of ${rungs.length}, trial ${turn + 1} of ${alive.length}`,
      );
      forget(tuning, alive.slice(0, turn + 1), places, alive.slice(turn + 1));
    }
    alive = standing(alive).slice(0, places);
  }
  return contenders.map(({ point, status, validation, steps, seconds }) => ({
    hyperparameters: { ...point },
    ...{ status, validation, steps, seconds },
  }));
}

/** Those of `contenders` that have a metric, the best first. */
const standing = (contenders: readonly Contender[]) =>
  contenders.filter(({ status }) => status !== 'diverged').sort(byMetric);

async function advance(
  tuning: Tuning,
  contender: Contender,
  { from, until }: Rung,
  title: string,
): Promise<void> {
  const seconds = stopwatch();
  const { point } = contender;
  const run = await tuning.run({
    point,
    positions: tuning.trainPositions,
    title: `${title}: learning rate ${showNumber(point.learningRate)}`,
    budget: until - from,
    from: contender.state,
    checkpoints: [until],
    onCheckpoint: async (done) => (done < tuning.protocol.steps ? 'stop' : 'go on'),
  });
  contender.status = run.status;
  contender.steps = run.steps;
  contender.validation = run.status === 'diverged' ? null : await tuning.validate();
  contender.state = run.status === 'stopped' ? await tuning.state(run.steps) : undefined;
  contender.seconds += seconds();
}

/**
 * Of the trials that have run in this rung lets go of the states of all but the `places` best, and of more where they
 * and those of the trials to come do not fit.
 */
function forget(
  tuning: Tuning,
  run: readonly Contender[],
  places: number,
  toCome: readonly Contender[],
): void {
  // Whoever limits the memory of training gets it for that alone.
  const limit = tuning.inputs.memory === undefined ? KEPT_BYTES : 0;
  let left = limit - toCome.reduce((sum, { state }) => sum + bytesOf(state), 0);
  const waiting = run.filter(({ state }) => state !== undefined).sort(byMetric);
  for (const [place, contender] of waiting.entries()) {
    const bytes = bytesOf(contender.state);
    if (place >= places || bytes > left) contender.state = undefined;
    else left -= bytes;
  }
}

function bytesOf(state: TrainingState | undefined): number {
  return [...(state?.values.values() ?? [])].reduce((sum, { data }) => sum + data.byteLength, 0);
}
