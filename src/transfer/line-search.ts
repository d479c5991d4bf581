/**
 * A line search for the strong Wolfe conditions.
 *
 * Reference: J. Nocedal & S. J. Wright, "Numerical optimization", 2nd edition, 2006, algorithms 3.5 and 3.6,
 * here as one loop: `low` is the best step so far, `high` the other end of an interval known to hold a good
 * step, once there is one.
 */
import { dot, sumOf } from './vectors.ts';

/** `gradient` is written; the value is returned. Both belong to `point`, which must not be changed. */
export type Objective = (point: Float64Array, gradient: Float64Array) => number | Promise<number>;

/** The objective at a point. */
export interface Evaluation {
  readonly point: Float64Array;
  readonly value: number;
  readonly gradient: Float64Array;
}

interface Trial extends Evaluation {
  readonly step: number;
  /** Derivative along the direction. */
  readonly slope: number;
}

const SUFFICIENT_DECREASE = 1e-4;
const CURVATURE = 0.9;
const MAX_TRIALS = 20;

export async function evaluate(objective: Objective, point: Float64Array): Promise<Evaluation> {
  const gradient = new Float64Array(point.length);
  const value = await objective(point, gradient);
  return { point, value, gradient };
}

/**
 * A point along `direction` from `start` that satisfies the strong Wolfe conditions, or the best point with a
 * sufficient decrease when none was found in 20 evaluations or rounding hides the rest, or undefined when there is none of that kind.
 * @param noise differences of values up to this size count as rounding; within it slopes alone decide
 */
export async function lineSearch(
  objective: Objective,
  start: Evaluation,
  direction: Float64Array,
  firstStep: number,
  noise: number,
): Promise<{ found: Evaluation | undefined; evaluations: number }> {
  const origin: Trial = { ...start, step: 0, slope: dot(direction, start.gradient) };
  let low = origin;
  let high: Trial | undefined;
  let step = firstStep;
  const best = () => (low === origin ? undefined : low);
  for (let evaluations = 1; evaluations <= MAX_TRIALS; evaluations++) {
    const evaluation = await evaluate(objective, sumOf(start.point, step, direction));
    const trial: Trial = { ...evaluation, step, slope: dot(direction, evaluation.gradient) };
    const limit = Math.min(origin.value + SUFFICIENT_DECREASE * step * origin.slope, low.value) + noise;
    // Written so that a NaN, from a step far too long, counts as too high.
    let further = 0;
    if (!(trial.value <= limit)) {
      high = trial;
    } else {
      if (Math.abs(trial.slope) <= -CURVATURE * origin.slope) return { found: trial, evaluations };
      if (trial.slope * ((high?.step ?? Number.POSITIVE_INFINITY) - low.step) >= 0) high = low;
      if (!high) further = low.step + secantStep(low, trial);
      low = trial;
    }
    // What is left of the interval cannot hold a decrease that would be seen.
    if (high && Math.abs((high.step - low.step) * origin.slope) < noise)
      return { found: best(), evaluations };
    step = high ? between(low, high, noise) : Math.min(Math.max(further, 2 * step), 100 * step);
  }
  return { found: best(), evaluations: MAX_TRIALS };
}

/** A step between two trials, kept off both ends by a tenth of the interval so that it must shrink. */
function between(low: Trial, high: Trial, noise: number): number {
  const width = high.step - low.step;
  const useSlopes = Math.abs(high.value - low.value) <= noise;
  const fraction = (useSlopes ? secantStep(low, high) : cubicStep(low, high)) / width;
  // Also catches the NaN of values that are infinite or slopes that are equal.
  if (!(fraction >= 0.1)) return low.step + (Number.isFinite(high.value) ? 0.1 : 0.01) * width;
  return low.step + Math.min(0.9, fraction) * width;
}

/** Where the slope is zero if it is linear between the trials, relative to `low`. */
function secantStep(low: Trial, high: Trial): number {
  return (-low.slope * (high.step - low.step)) / (high.slope - low.slope);
}

/** Minimum of the cubic with the values and slopes of both trials (Nocedal & Wright 3.59), relative to `low`. */
function cubicStep(low: Trial, high: Trial): number {
  const width = high.step - low.step;
  const mean = low.slope + high.slope - (3 * (high.value - low.value)) / width;
  const root = Math.sign(width) * Math.sqrt(mean * mean - low.slope * high.slope);
  return width - (width * (high.slope + root - mean)) / (high.slope - low.slope + 2 * root);
}
