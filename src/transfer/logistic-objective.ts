/**
 * The objective of multinomial logistic regression and its gradient, with a reference implementation in
 * plain float64.
 *
 *   L(W, b) = sum over images of -log softmax(W x + b)[label]  +  lambda / 2 |W|^2
 *   dL/dW   = (P - Y)' X + lambda W        dL/db = column sums of P - Y
 *
 * P: images x classes probabilities, Y: the labels as one-hot rows. The loss is summed, not averaged, and
 * the bias is not penalised; scikit-learn's C is 1 / lambda.
 *
 * Of the binary kind every class is a problem of its own, and the objective is their sum:
 *
 *   L(W, b) = sum over images and classes of log(1 + e^-m)  +  lambda / 2 |W|^2,  m = (2 y - 1) (W x + b)
 *
 * P is then the sigmoid of each score, and an image that is left out of a class has no term and no residual there.
 */
import type { LogisticProblem } from './logistic-problem.ts';

export interface LogisticObjective {
  readonly problem: LogisticProblem;
  /** Rounding error of the loss relative to its value: about 1e-14 in float64, 1e-6 in float32. */
  readonly valueNoise: number;
  /**
   * @param parameters classes x columns weights (row-major), then classes biases; not changed
   * @param gradient written, laid out as `parameters`
   * @param spread written when given: each class's sum over the images of p (1 - p), how much its scores curve the loss
   * @returns L(W, b)
   */
  lossAndGradient(
    parameters: Float64Array,
    lambda: number,
    gradient: Float64Array,
    spread?: Float64Array,
  ): number | Promise<number>;
  /** A classifier of some images, whose features are given in the coordinates that the problem was made from. */
  classifier(features: Float32Array): Classifier | Promise<Classifier>;
  /** Frees what the objective holds; it must not be used afterwards. */
  close(): void | Promise<void>;
}

/** What is predicted of images: a multinomial problem's classes, or a binary one's scores, images x classes. */
export type Predictions = Int32Array | Float32Array | Float64Array;

/** Tells the classes of a fixed set of images. */
export interface Classifier {
  /**
   * Multinomial: the class of the highest score of each image, of equal ones the first. Binary: the scores W x + b,
   * images x classes. Parameters as for `lossAndGradient`.
   */
  predict(parameters: Float64Array): Predictions | Promise<Predictions>;
  close(): void | Promise<void>;
}

/** Rows of features converted to float64 at a time: they stay in the cache between both products. */
const BLOCK = 32;

/** The objective in float64, one thread, no engine. */
export function createReferenceObjective(problem: LogisticProblem): LogisticObjective {
  const { kind, images, columns, classes, features, labels } = problem;
  const rows = new Float64Array(BLOCK * columns);
  const scores = new Float64Array(BLOCK * classes);
  const [residuals, perImage] = kind === 'binary' ? [binaryResiduals, classes] : [multinomialResiduals, 1];
  return {
    problem,
    valueNoise: 1e-14,
    lossAndGradient(parameters, lambda, gradient, spread) {
      gradient.fill(0);
      spread?.fill(0);
      let loss = 0;
      for (let first = 0; first < images; first += BLOCK) {
        const count = Math.min(BLOCK, images - first);
        rows.set(features.subarray(first * columns, (first + count) * columns));
        affineScores(rows, count, columns, classes, parameters, scores);
        loss += residuals(scores, labels.subarray(first * perImage, (first + count) * perImage), classes);
        if (spread) addSpread(scores, count, classes, spread);
        addOuterProducts(rows, count, columns, classes, scores, gradient);
      }
      return loss + addPenalty(parameters, lambda, gradient, classes * columns);
    },
    classifier(others) {
      const reduced = problem.reduce(others);
      return {
        predict(parameters) {
          const all = scoresOf(reduced, columns, classes, parameters);
          return kind === 'binary' ? all : largestOfRows(all, classes);
        },
        close() {},
      };
    },
    close() {},
  };
}

/** rows x classes. */
function scoresOf(
  features: Float32Array,
  columns: number,
  classes: number,
  parameters: Float64Array,
): Float64Array {
  const images = features.length / columns;
  const rows = new Float64Array(BLOCK * columns);
  const scores = new Float64Array(images * classes);
  for (let first = 0; first < images; first += BLOCK) {
    const count = Math.min(BLOCK, images - first);
    rows.set(features.subarray(first * columns, (first + count) * columns));
    const block = scores.subarray(first * classes, (first + count) * classes);
    affineScores(rows, count, columns, classes, parameters, block);
  }
  return scores;
}

/** The class of the highest score of each row, of equal ones the first. */
function largestOfRows(scores: Float64Array, classes: number): Int32Array {
  return Int32Array.from({ length: scores.length / classes }, (_, i) => {
    const row = scores.subarray(i * classes, (i + 1) * classes);
    return row.indexOf(largestOf(row));
  });
}

/** Adds p (1 - p), which a residual p or p - 1 gives alike. */
function addSpread(residual: Float64Array, count: number, classes: number, spread: Float64Array): void {
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < classes; k++) {
      const size = Math.abs(residual[i * classes + k]);
      spread[k] += size * (1 - size);
    }
  }
}

/**
 * `scores[i, k] = x_i . w_k + b_k`, for four classes and two rows at a time so that each number that is read
 * is used more than once.
 */
export function affineScores(
  rows: Float64Array,
  count: number,
  columns: number,
  classes: number,
  parameters: Float64Array,
  scores: Float64Array,
): void {
  const bias = classes * columns;
  for (let k = 0; k < classes; k += 4) {
    // Beyond the last class or row the last one is computed again: cheaper than a second kernel.
    const k1 = Math.min(k + 1, classes - 1);
    const k2 = Math.min(k + 2, classes - 1);
    const k3 = Math.min(k + 3, classes - 1);
    const [w0, w1, w2, w3] = [k * columns, k1 * columns, k2 * columns, k3 * columns];
    for (let i = 0; i < count; i += 2) {
      const i1 = Math.min(i + 1, count - 1);
      const [x0, x1] = [i * columns, i1 * columns];
      let [s00, s01, s02, s03] = [0, 0, 0, 0];
      let [s10, s11, s12, s13] = [0, 0, 0, 0];
      for (let j = 0; j < columns; j++) {
        const a = rows[x0 + j];
        const b = rows[x1 + j];
        const u0 = parameters[w0 + j];
        const u1 = parameters[w1 + j];
        const u2 = parameters[w2 + j];
        const u3 = parameters[w3 + j];
        s00 += a * u0;
        s01 += a * u1;
        s02 += a * u2;
        s03 += a * u3;
        s10 += b * u0;
        s11 += b * u1;
        s12 += b * u2;
        s13 += b * u3;
      }
      const [r0, r1] = [i * classes, i1 * classes];
      scores[r0 + k] = s00 + parameters[bias + k];
      scores[r0 + k1] = s01 + parameters[bias + k1];
      scores[r0 + k2] = s02 + parameters[bias + k2];
      scores[r0 + k3] = s03 + parameters[bias + k3];
      scores[r1 + k] = s10 + parameters[bias + k];
      scores[r1 + k1] = s11 + parameters[bias + k1];
      scores[r1 + k2] = s12 + parameters[bias + k2];
      scores[r1 + k3] = s13 + parameters[bias + k3];
    }
  }
}

/**
 * Turns the scores of a block into P - Y, in place, and returns the summed cross-entropy. Both come from the
 * other classes' exponentials relative to the label's, so that they keep their relative precision when the
 * label's probability is rounded to 1: with weak regularisation the whole loss lives there.
 */
function multinomialResiduals(scores: Float64Array, labels: Int32Array, classes: number): number {
  let loss = 0;
  for (let i = 0; i < labels.length; i++) {
    const row = scores.subarray(i * classes, (i + 1) * classes);
    const label = labels[i];
    const largest = largestOf(row);
    const own = row[label] - largest;
    let others = 0;
    for (let k = 0; k < classes; k++) {
      row[k] = Math.exp(row[k] - largest);
      if (k !== label) others += row[k];
    }
    const sum = others + row[label];
    loss += own === 0 ? Math.log1p(others) : Math.log(sum) - own;
    for (let k = 0; k < classes; k++) row[k] /= sum;
    row[label] = -others / sum;
  }
  return loss;
}

/** The same of binary problems: both come from e^-|m|, which keeps its relative precision where a class is told well. */
function binaryResiduals(scores: Float64Array, labels: Int32Array): number {
  let loss = 0;
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i];
    if (label < 0) {
      scores[i] = 0;
      continue;
    }
    const margin = label === 1 ? scores[i] : -scores[i];
    const small = Math.exp(-Math.abs(margin));
    loss += Math.log1p(small) + Math.max(-margin, 0);
    const wrong = (margin > 0 ? small : 1) / (1 + small);
    scores[i] = label === 1 ? -wrong : wrong;
  }
  return loss;
}

/** Turns a row of scores into probabilities, in place. */
export function softmax(row: Float64Array): void {
  const largest = largestOf(row);
  let sum = 0;
  for (let k = 0; k < row.length; k++) sum += row[k] = Math.exp(row[k] - largest);
  for (let k = 0; k < row.length; k++) row[k] /= sum;
}

function largestOf(row: Float64Array): number {
  let largest = row[0];
  for (let k = 1; k < row.length; k++) if (row[k] > largest) largest = row[k];
  return largest;
}

/** `gradient_k += sum over i of r_ik x_i` (weights) and `+= sum over i of r_ik` (bias), in the same blocks. */
function addOuterProducts(
  rows: Float64Array,
  count: number,
  columns: number,
  classes: number,
  residual: Float64Array,
  gradient: Float64Array,
): void {
  const factor = (i: number, k: number) => (i < count && k < classes ? residual[i * classes + k] : 0);
  for (let k = 0; k < classes; k += 2) {
    const g0 = k * columns;
    const g1 = Math.min(k + 1, classes - 1) * columns;
    for (let i = 0; i < count; i += 4) {
      const x0 = i * columns;
      const x1 = Math.min(i + 1, count - 1) * columns;
      const x2 = Math.min(i + 2, count - 1) * columns;
      const x3 = Math.min(i + 3, count - 1) * columns;
      // Beyond the last row or class the factors are 0.
      const [a0, a1, a2, a3] = [factor(i, k), factor(i + 1, k), factor(i + 2, k), factor(i + 3, k)];
      const [b0, b1, b2, b3] = [
        factor(i, k + 1),
        factor(i + 1, k + 1),
        factor(i + 2, k + 1),
        factor(i + 3, k + 1),
      ];
      for (let j = 0; j < columns; j++) {
        const u0 = rows[x0 + j];
        const u1 = rows[x1 + j];
        const u2 = rows[x2 + j];
        const u3 = rows[x3 + j];
        gradient[g0 + j] += a0 * u0 + a1 * u1 + a2 * u2 + a3 * u3;
        gradient[g1 + j] += b0 * u0 + b1 * u1 + b2 * u2 + b3 * u3;
      }
    }
  }
  const bias = classes * columns;
  for (let i = 0; i < count; i++)
    for (let k = 0; k < classes; k++) gradient[bias + k] += residual[i * classes + k];
}

/** lambda / 2 |W|^2, whose gradient is added. */
function addPenalty(
  parameters: Float64Array,
  lambda: number,
  gradient: Float64Array,
  weights: number,
): number {
  let squares = 0;
  for (let i = 0; i < weights; i++) {
    squares += parameters[i] * parameters[i];
    gradient[i] += lambda * parameters[i];
  }
  return (lambda / 2) * squares;
}
