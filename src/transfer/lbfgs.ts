/**
 * Minimisation of a smooth function by limited-memory BFGS.
 *
 * Reference: J. Nocedal & S. J. Wright, "Numerical optimization", 2nd edition, 2006, algorithms 7.4 and 7.5;
 * D. C. Liu & J. Nocedal, "On the limited memory BFGS method for large scale optimization", 1989.
 */
import { invariant } from '../util/errors.ts';
import { type Evaluation, evaluate, lineSearch, type Objective } from './line-search.ts';
import { addMultiple, dot, norm, sumOf } from './vectors.ts';

export type { Objective } from './line-search.ts';

export interface MinimizeOptions {
  /**
   * Converged when the Euclidean norm of the gradient is at most this; a function gets the present value and
   * point.
   */
  readonly gradientTolerance: number | ((value: number, point: Float64Array) => number);
  /**
   * Also converged when half the gradient's square in the estimated inverse of the second derivative, which estimates
   * how far the value lies above the minimum (the Newton decrement), is at most this after a step of this search.
   * Default: not asked.
   */
  readonly decrementTolerance?: (value: number) => number;
  /** Never converged while the norm of the gradient is above this; default: no limit. */
  readonly largestGradient?: number;
  /** Number of past steps from which the curvature is estimated; default 10. */
  readonly memory?: number;
  /**
   * Past steps to begin with, for example of a function whose curvature differs little; steps of this search are
   * added. Default: none.
   */
  readonly corrections?: Correction[];
  /**
   * Roughly the diagonal of the second derivative where the objective was last evaluated, up to a common factor.
   * Default: the same everywhere.
   */
  readonly diagonal?: () => Float64Array;
  /** Default 1,000. */
  readonly maxIterations?: number;
  /**
   * Rounding error of the objective, relative to its value: about 1e-14 (the default) for sums in float64,
   * 1e-6 in float32. Smaller differences of values are not taken as progress.
   */
  readonly valueNoise?: number;
}

export interface Minimum {
  /** The best point seen. */
  readonly point: Float64Array;
  readonly value: number;
  /** Euclidean. */
  readonly gradientNorm: number;
  readonly iterations: number;
  /** Calls of the objective. */
  readonly evaluations: number;
  /** False when the iterations ran out, or when rounding hid any further progress. */
  readonly converged: boolean;
}

/** A past step: how the point (s) and the gradient (y) changed, and 1 / (s . y). */
export interface Correction {
  readonly s: Float64Array;
  readonly y: Float64Array;
  readonly rho: number;
}

/** Iterations without any progress, beyond rounding, after which the search ends. */
const PATIENCE = 8;

/**
 * Minimises `objective` from `start` (not changed). Ends at convergence, after `maxIterations`, or when
 * neither the value nor the gradient improves any more beyond rounding, and returns the best point seen.
 */
export async function minimize(
  objective: Objective,
  start: Float64Array,
  options: MinimizeOptions,
): Promise<Minimum> {
  const { memory = 10, maxIterations = 1000, valueNoise = 1e-14, gradientTolerance } = options;
  const { corrections = [], largestGradient = Number.POSITIVE_INFINITY } = options;
  const isFlat = ({ value, point, gradient }: Evaluation) => {
    const tolerance =
      typeof gradientTolerance === 'number' ? gradientTolerance : gradientTolerance(value, point);
    return norm(gradient) <= Math.min(tolerance, largestGradient);
  };
  let current = await evaluate(objective, start.slice());
  let evaluations = 1;
  invariant(Number.isFinite(current.value), `minimisation starts at a value of ${current.value}`);
  let best = current;
  let converged = isFlat(current);
  let iterations = 0;
  let plainStep = options.diagonal ? 1 : 1 / norm(current.gradient);
  for (let idle = 0; !converged && iterations < maxIterations && idle < PATIENCE; iterations++) {
    const diagonal = options.diagonal?.();
    const direction = descentDirection(current.gradient, corrections, diagonal);
    const decrement = -dot(direction, current.gradient) / 2;
    if (
      iterations > 0 &&
      corrections.length > 0 &&
      decrement <= (options.decrementTolerance?.(current.value) ?? Number.NEGATIVE_INFINITY) &&
      norm(current.gradient) <= largestGradient
    ) {
      converged = true;
      best = current;
      break;
    }
    const firstStep = corrections.length > 0 ? 1 : plainStep;
    const noise = valueNoise * Math.abs(current.value);
    const search = await lineSearch(objective, current, direction, firstStep, noise);
    evaluations += search.evaluations;
    if (!search.found) {
      // A poor curvature estimate may be to blame: try once more without, then give up.
      if (corrections.length === 0) break;
      plainStep = curvatureScale(corrections, diagonal);
      corrections.length = 0;
      continue;
    }
    remember(corrections, current, search.found, memory);
    current = search.found;
    converged = isFlat(current);
    const progress = converged || isBetter(current, best, valueNoise);
    idle = progress ? 0 : idle + 1;
    if (progress) best = current;
  }
  return {
    point: best.point,
    value: best.value,
    gradientNorm: norm(best.gradient),
    iterations,
    evaluations,
    converged,
  };
}

/** A lower value, or where rounding hides the difference a gradient smaller by a tenth. */
function isBetter(candidate: Evaluation, best: Evaluation, valueNoise: number): boolean {
  const noise = valueNoise * Math.abs(best.value);
  if (candidate.value < best.value - noise) return true;
  return candidate.value <= best.value + noise && norm(candidate.gradient) < 0.9 * norm(best.gradient);
}

/**
 * -H g by the two-loop recursion (algorithm 7.4), H starting as the multiple of 1, or of the inverse of `diagonal`,
 * that fits the latest step.
 */
function descentDirection(
  gradient: Float64Array,
  corrections: readonly Correction[],
  diagonal: Float64Array | undefined,
): Float64Array {
  const q = new Float64Array(gradient.length);
  addMultiple(q, -1, gradient);
  const alphas = new Array<number>(corrections.length);
  for (let i = corrections.length - 1; i >= 0; i--) {
    const { s, y, rho } = corrections[i];
    alphas[i] = rho * dot(s, q);
    addMultiple(q, -alphas[i], y);
  }
  const scale = curvatureScale(corrections, diagonal);
  if (diagonal) for (let i = 0; i < q.length; i++) q[i] *= scale / diagonal[i];
  else for (let i = 0; i < q.length; i++) q[i] *= scale;
  corrections.forEach(({ s, y, rho }, i) => {
    addMultiple(q, alphas[i] - rho * dot(y, q), s);
  });
  return q;
}

/** s . y / y . y of the latest step (Nocedal & Wright 7.20), lengths of y being measured in the inverse of `diagonal`. */
function curvatureScale(corrections: readonly Correction[], diagonal: Float64Array | undefined): number {
  const latest = corrections.at(-1);
  if (!latest) return 1;
  const { y, rho } = latest;
  if (!diagonal) return 1 / (rho * dot(y, y));
  let squares = 0;
  for (let i = 0; i < y.length; i++) squares += (y[i] * y[i]) / diagonal[i];
  return 1 / (rho * squares);
}

/** Adds the step to the memory if it shows positive curvature, which keeps the estimate positive definite. */
function remember(corrections: Correction[], from: Evaluation, to: Evaluation, memory: number): void {
  const s = sumOf(to.point, -1, from.point);
  const y = sumOf(to.gradient, -1, from.gradient);
  const product = dot(s, y);
  if (!(product > Number.EPSILON * norm(s) * norm(y))) return;
  corrections.push({ s, y, rho: 1 / product });
  if (corrections.length > memory) corrections.shift();
}
