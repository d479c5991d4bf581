/**
 * Logistic regression on penultimate features, along a path of regularisation strengths: the fixed-features setting.
 * Multinomial, or one binary problem per class under one strength where an image can have several.
 *
 * Reference: Kornblith, Shlens & Le, "Do better ImageNet models transfer better?", 2019, appendix A: L2
 * penalty, L-BFGS, 45 strengths, each fit started from the next stronger one. See `logistic-objective.ts`
 * for the objective and `logistic-problem.ts` for the coordinates in which it is minimised.
 */
import { setImmediate } from 'node:timers/promises';
import { invariant } from '../util/errors.ts';
import { type ProgressListener, silent } from '../util/progress.ts';
import { type Correction, type Minimum, minimize, type Objective } from './lbfgs.ts';
import {
  affineScores,
  createReferenceObjective,
  type LogisticObjective,
  type Predictions,
  softmax,
} from './logistic-objective.ts';
import {
  type LabelledFeatures,
  type LogisticKind,
  type LogisticProblem,
  prepareProblem,
} from './logistic-problem.ts';
import { dot, norm, sumOf } from './vectors.ts';

/** 45 values, four to the decade, from 1e-6 to 1e5. */
export const LAMBDA_GRID: readonly number[] = Array.from({ length: 45 }, (_, i) => 10 ** (i / 4 - 6));

const TOLERANCE = 1e-6;

export interface FitOptions {
  /**
   * Largest relative excess of the loss over its minimum, as estimated where it cannot be bounded; default 1e-6. The
   * norm of the gradient must also fall below a tenth of its root times the norm at weights 0.
   */
  readonly tolerance?: number;
  /** L-BFGS iterations per lambda; default 1,000. */
  readonly maxIterations?: number;
  readonly onProgress?: ProgressListener;
}

export interface LogisticSolution {
  readonly lambda: number;
  readonly classes: number;
  /** classes x columns, row-major. */
  readonly weights: Float64Array;
  readonly bias: Float64Array;
  /** Summed cross-entropy + lambda / 2 |W|^2. */
  readonly loss: number;
  readonly iterations: number;
  /** False when the iterations ran out, or when rounding hid any further progress before `tolerance`. */
  readonly converged: boolean;
}

/**
 * Yields the solution of each lambda, from the strongest to the weakest whatever the order given. Each fit
 * starts where the line through the two solutions before it, drawn over log lambda, points: on separable
 * data weights grow in proportion to -log lambda, and the iterations fall to a quarter. It also starts with the
 * curvature that the fits before it have seen.
 */
export async function* fitPath(
  objective: LogisticObjective,
  {
    lambdas = LAMBDA_GRID,
    onProgress = silent,
    ...options
  }: FitOptions & { lambdas?: readonly number[] } = {},
): AsyncGenerator<Solution> {
  const descending = [...lambdas].sort((a, b) => b - a);
  invariant(descending.length > 0 && descending.at(-1)! > 0, 'every lambda must be positive');
  let latest = constantPrediction(objective.problem);
  const initialGradient = new Float64Array(latest.length);
  await objective.lossAndGradient(latest, 0, initialGradient);
  const largestGradient = (Math.sqrt(options.tolerance ?? TOLERANCE) / 10) * norm(initialGradient);
  let earlier: Float64Array | undefined;
  let corrections: Correction[] = [];
  for (const [index, lambda] of descending.entries()) {
    const stride =
      Math.log(lambda / descending[index - 1]) / Math.log(descending[index - 1] / descending[index - 2]);
    const start =
      earlier && Number.isFinite(stride) ? sumOf(latest, stride, sumOf(latest, -1, earlier)) : latest;
    if (index > 0) corrections = underPenalty(corrections, lambda - descending[index - 1], objective.problem);
    const minimum = await fitOne(objective, lambda, start, { ...options, corrections, largestGradient });
    earlier = index > 0 ? latest : undefined;
    latest = minimum.point;
    const note = `lambda ${lambda.toExponential(1)}, ${minimum.iterations} iterations`;
    onProgress({ phase: 'fit logistic regression', done: index + 1, total: descending.length, note });
    yield new Solution(objective.problem, lambda, minimum);
    // A synchronous objective would otherwise keep timers and other work waiting for the whole path.
    await setImmediate();
  }
}

/**
 * What the corrections of one penalty would have been under another: the second derivative of lambda / 2 |W|^2 is
 * lambda. Those are dropped whose curvature came from the penalty alone.
 */
function underPenalty(
  corrections: readonly Correction[],
  change: number,
  { classes, columns }: LogisticProblem,
): Correction[] {
  return corrections.flatMap(({ s, y, rho }) => {
    const weights = s.slice().fill(0, classes * columns);
    const changed = sumOf(y, change, weights);
    const product = dot(s, changed);
    return product * rho > SMALLEST_REST ? [{ s, y: changed, rho: 1 / product }] : [];
  });
}

/** The decrement is an estimate, so it must fall this much below the tolerance. */
const DECREMENT_MARGIN = 0.01;

/** Share of a correction's curvature that must be left under the weaker penalty. */
const SMALLEST_REST = 1e-3;

/**
 * Minimises the loss of one lambda. Biases are counted in units of the typical length of a feature vector, so
 * that they curve the loss about as much as the weights do.
 *
 * The loss is lambda-strongly convex in the weights, so |gradient|^2 / (2 lambda) bounds its excess over the
 * minimum, and the search ends when that is below `tolerance` times the loss. In their units the biases are
 * at least as curved, except under a lambda so strong that predictions stay near the class frequencies p,
 * where the curvature is images p (1 - p), at least half of images / classes for balanced classes (`biasCurvature`).
 *
 * The second derivative by the weight of class k and column j is the sum over the images of p (1 - p) x^2, p being
 * the probability of the class and x the feature, plus lambda. With the mean of p (1 - p) taken out of the sum it is
 * cheap, and in coordinates along the principal axes of the features little lies beside the diagonal.
 */
async function fitOne(
  objective: LogisticObjective,
  lambda: number,
  start: Float64Array,
  {
    tolerance = TOLERANCE,
    maxIterations = 1000,
    corrections,
    largestGradient,
  }: FitOptions & { corrections: Correction[]; largestGradient: number },
) {
  const { problem } = objective;
  const { images, classes, columns, rowLength: unit, columnSquares } = problem;
  const scaleBias = (parameters: Float64Array, factor: number) => {
    for (let i = classes * columns; i < parameters.length; i++) parameters[i] *= factor;
    return parameters;
  };
  const spread = new Float64Array(classes);
  let latestSpread = spread;
  const scaled: Objective = async (point, gradient) => {
    const loss = await objective.lossAndGradient(scaleBias(point.slice(), unit), lambda, gradient, spread);
    scaleBias(gradient, unit);
    // A step far too long has no spread.
    if (Number.isFinite(loss)) latestSpread = spread.slice();
    return loss;
  };
  const diagonal = () => {
    const result = new Float64Array(start.length).fill(lambda);
    for (let k = 0; k < classes; k++) {
      const mean = latestSpread[k] / images;
      for (let j = 0; j < columns; j++) result[k * columns + j] += mean * columnSquares[j];
      result[classes * columns + k] += latestSpread[k] * unit * unit;
    }
    return result;
  };
  const curvature = Math.min(lambda, unit * unit * biasCurvature(problem));
  const minimum = await minimize(scaled, scaleBias(start.slice(), 1 / unit), {
    gradientTolerance: (loss) => Math.sqrt(2 * curvature * tolerance * loss),
    largestGradient,
    decrementTolerance: (loss) => tolerance * loss * DECREMENT_MARGIN,
    maxIterations,
    valueNoise: objective.valueNoise,
    corrections,
    diagonal,
    // An evaluation costs in proportion to the images, a past step does not.
    memory: Math.min(20, Math.max(5, Math.round(images / 1000))),
  });
  return { ...minimum, point: scaleBias(minimum.point, unit) };
}

/** The least second derivative by a bias where predictions are the class frequencies. */
function biasCurvature(problem: LogisticProblem): number {
  const { kind, images, classes } = problem;
  if (kind === 'multinomial') return images / (2 * classes);
  return Math.min(...frequencies(problem).map(({ share, counted }) => counted * share * (1 - share)));
}

/** How often each class occurs among the images that count for it. */
function frequencies({ kind, classes, images, labels }: LogisticProblem) {
  // Half an image keeps the bias of a class without images finite, and of one without others in a binary problem.
  const present = new Float64Array(classes).fill(0.5);
  const counted = new Float64Array(classes).fill(kind === 'binary' ? 1 : 0);
  if (kind === 'multinomial') {
    counted.fill(images);
    for (const label of labels) present[label]++;
  } else {
    for (const [i, label] of labels.entries()) {
      if (label < 0) continue;
      present[i % classes] += label;
      counted[i % classes]++;
    }
  }
  return Array.from(present, (count, k) => ({ share: count / counted[k], counted: counted[k] }));
}

/** Weights 0 and biases that predict the class frequencies: the solution for an infinite lambda. */
function constantPrediction(problem: LogisticProblem): Float64Array {
  const { kind, classes, columns } = problem;
  const parameters = new Float64Array(classes * (columns + 1));
  for (const [k, { share }] of frequencies(problem).entries())
    parameters[classes * columns + k] = Math.log(kind === 'binary' ? share / (1 - share) : share);
  return parameters;
}

/**
 * The loss of a guess, from which the end of a path is told: all classes alike, or in binary problems each as often as
 * it occurs (most classes are absent from most images, which is easily guessed).
 */
function lossOfGuess(problem: LogisticProblem): number {
  if (problem.kind === 'multinomial') return problem.images * Math.log(problem.classes);
  return frequencies(problem).reduce(
    (sum, { share, counted }) =>
      sum - counted * (share * Math.log(share) + (1 - share) * Math.log(1 - share)),
    0,
  );
}

/** A solution, translated back to the features that were given when that is asked for. */
class Solution implements LogisticSolution {
  readonly classes: number;
  readonly loss: number;
  readonly iterations: number;
  readonly converged: boolean;
  /** In the coordinates of the problem: classes x columns weights, then biases. */
  readonly parameters: Float64Array;
  #restored: { weights: Float64Array; bias: Float64Array } | undefined;

  constructor(
    private readonly problem: LogisticProblem,
    readonly lambda: number,
    minimum: Minimum,
  ) {
    this.classes = problem.classes;
    this.loss = minimum.value;
    this.iterations = minimum.iterations;
    this.converged = minimum.converged;
    this.parameters = minimum.point;
  }

  get weights(): Float64Array {
    return this.#restore().weights;
  }

  get bias(): Float64Array {
    return this.#restore().bias;
  }

  #restore() {
    const size = this.classes * this.problem.columns;
    this.#restored ??= this.problem.restore(
      this.parameters.subarray(0, size),
      this.parameters.subarray(size),
    );
    return this.#restored;
  }
}

/** Makes an objective of a problem: the reference in plain float64, or one that runs on an engine. */
export type CreateObjective = (problem: LogisticProblem) => LogisticObjective | Promise<LogisticObjective>;

export interface PathOptions extends FitOptions {
  readonly train: LabelledFeatures;
  readonly validation: LabelledFeatures;
  readonly classes: number;
  /** Default: `multinomial`. */
  readonly kind?: LogisticKind;
  /** The validation metric, larger is better: of labels as they were given and of what a `Classifier` predicts. */
  score(labels: Int32Array, predicted: Predictions): number;
  /** Default: `LAMBDA_GRID`. */
  readonly lambdas?: readonly number[];
  readonly createObjective?: CreateObjective;
  /**
   * The path ends after so many lambdas in a row without a better validation score; default: never. Only those
   * count whose loss is below half of a guess's, since under strong penalties all predict alike.
   */
  readonly patience?: number;
}

interface PathTrial {
  readonly lambda: number;
  /** `score` on the validation part. */
  readonly validation: number;
  readonly loss: number;
  readonly iterations: number;
  readonly converged: boolean;
  readonly seconds: number;
}

export interface RegularizationPath {
  /** From the largest lambda to the smallest. */
  readonly trials: readonly PathTrial[];
  /** The trial with the highest validation score; of equal ones that with the largest lambda. */
  readonly best: PathTrial;
  /** The solution of `best`, fitted on the training part alone. */
  readonly solution: LogisticSolution;
}

/** Fits every lambda on the training part and scores it on the validation part. */
export async function regularizationPath(options: PathOptions): Promise<RegularizationPath> {
  const { train, validation, classes, score, createObjective = createReferenceObjective } = options;
  const { patience = Number.POSITIVE_INFINITY } = options;
  let sinceBest = 0;
  const problem = prepareProblem(train, classes, options.kind);
  const guess = lossOfGuess(problem);
  const objective = await createObjective(problem);
  const classifier = await objective.classifier(validation.features);
  const trials: PathTrial[] = [];
  let chosen: { best: PathTrial; solution: LogisticSolution } | undefined;
  try {
    let started = performance.now();
    for await (const solution of fitPath(objective, options)) {
      const { lambda, loss, iterations, converged } = solution;
      const value = score(validation.labels, await classifier.predict(solution.parameters));
      const seconds = (performance.now() - started) / 1000;
      const trial = { lambda, validation: value, loss, iterations, converged, seconds };
      trials.push(trial);
      if (loss < guess / 2) sinceBest++;
      if (!chosen || value > chosen.best.validation) {
        chosen = { best: trial, solution };
        sinceBest = 0;
      }
      if (sinceBest >= patience) break;
      started = performance.now();
    }
  } finally {
    await classifier.close();
    await objective.close();
  }
  invariant(chosen, 'a regularisation path has no lambda');
  return { trials, ...chosen };
}

/** Fits one lambda, for example the chosen one on training and validation part together. */
export async function fitLogisticRegression(
  train: LabelledFeatures,
  classes: number,
  lambda: number,
  {
    createObjective = createReferenceObjective,
    kind,
    ...options
  }: FitOptions & { createObjective?: CreateObjective; kind?: LogisticKind } = {},
): Promise<LogisticSolution> {
  const objective = await createObjective(prepareProblem(train, classes, kind));
  try {
    const { value } = await fitPath(objective, { ...options, lambdas: [lambda] }).next();
    invariant(value, 'a path of one lambda yields one solution');
    return value;
  } finally {
    await objective.close();
  }
}

const BLOCK = 64;

/**
 * Class probabilities of images.
 * @param features images x columns, row-major, as many columns as the solution was fitted on
 * @returns images x classes, row-major; every row sums to 1
 */
export function predictProbabilities(features: Float32Array, solution: LogisticSolution): Float64Array {
  const { classes, weights, bias } = solution;
  const columns = weights.length / classes;
  const images = features.length / columns;
  invariant(Number.isInteger(images), `${features.length} features for a solution of ${columns} columns`);
  const parameters = new Float64Array(weights.length + classes);
  parameters.set(weights);
  parameters.set(bias, weights.length);
  const probabilities = new Float64Array(images * classes);
  const rows = new Float64Array(BLOCK * columns);
  for (let first = 0; first < images; first += BLOCK) {
    const count = Math.min(BLOCK, images - first);
    rows.set(features.subarray(first * columns, (first + count) * columns));
    const block = probabilities.subarray(first * classes, (first + count) * classes);
    affineScores(rows, count, columns, classes, parameters, block);
    for (let i = 0; i < count; i++) softmax(block.subarray(i * classes, (i + 1) * classes));
  }
  return probabilities;
}

/** The most probable class of each image; of equally probable ones the first. */
export function predictClasses(features: Float32Array, solution: LogisticSolution): Int32Array {
  const { classes } = solution;
  const probabilities = predictProbabilities(features, solution);
  const predicted = new Int32Array(probabilities.length / classes);
  for (let i = 0; i < predicted.length; i++) {
    const row = probabilities.subarray(i * classes, (i + 1) * classes);
    predicted[i] = row.indexOf(Math.max(...row));
  }
  return predicted;
}
