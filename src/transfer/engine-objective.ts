/**
 * The logistic-regression objective on the engine: matrix products and softmax in float32, sums of losses in float64.
 *
 * Features are constants of the graph, so that the runtime lays them out for its products once and not in every
 * evaluation, and scores lie classes x images, so that the features are the right operand of both products.
 */
import {
  abs,
  add,
  argMax,
  div,
  exp,
  matmul,
  max,
  minimum,
  mul,
  neg,
  sub,
  sum,
  transpose,
} from '../graph/build.ts';
import { Graph, type Value } from '../graph/graph.ts';
import { Executable, type SessionOptions } from '../runtime/index.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import type { Classifier } from './logistic-objective.ts';
import { type LogisticProblem, squaresOf } from './logistic-problem.ts';
import type { CreateObjective } from './logistic-regression.ts';
import { principalAxes } from './principal-axes.ts';
import { type Reflections, reflectBack, reflectionsOnto } from './reflections.ts';

/** Principal axes to which features are turned: more save no evaluations worth their cost (docs/decisions/0006). */
const AXES = 64;
/** A graph's constants must stay well below the 2 GB of an ONNX file. */
const BLOCK_BYTES = 1 << 29;

/** An objective whose products run in the engine, in coordinates along the principal axes of the features. */
export function engineObjective(engine: SessionOptions = {}): CreateObjective {
  return async (given) => {
    const { problem, reflections } = await turned(given, engine);
    const { kind, images, columns, classes } = problem;
    const blocks: Executable[] = [];
    const rows = blockRows(columns);
    const graphOf = kind === 'binary' ? binaryGraph : lossGraph;
    for (let first = 0; first < images; first += rows)
      blocks.push(await Executable.compile(graphOf(problem, first, Math.min(images, first + rows)), engine));
    const size = classes * columns;
    return {
      problem,
      valueNoise: 1e-6,
      async lossAndGradient(parameters, lambda, gradient, spread) {
        gradient.fill(0);
        spread?.fill(0);
        let loss = 0;
        for (const block of blocks) {
          setParameters(block, parameters, classes, columns);
          const result = await block.run();
          accumulate(gradient, result.dw, 0);
          accumulate(gradient, result.db, size);
          if (spread) accumulate(spread, result.spread, 0);
          loss += kind === 'binary' ? binaryLoss(result) : multinomialLoss(result);
        }
        let squares = 0;
        for (let i = 0; i < size; i++) {
          squares += parameters[i] * parameters[i];
          gradient[i] += lambda * parameters[i];
        }
        return loss + (lambda / 2) * squares;
      },
      async classifier(features) {
        const reduced = await reflected(given.reduce(features), columns, reflections, engine);
        return engineClassifier(reduced, problem, engine);
      },
      async close() {
        for (const block of blocks) await block.close();
      },
    };
  };
}

const blockRows = (columns: number): number => Math.max(1, Math.floor(BLOCK_BYTES / (4 * columns)));

/** The problem in coordinates of which the first are along the principal axes. */
async function turned(
  problem: LogisticProblem,
  engine: SessionOptions,
): Promise<{ problem: LogisticProblem; reflections: Reflections }> {
  const { columns, classes, features } = problem;
  const count = Math.min(AXES, columns);
  const product = await gramProduct(problem, count, engine);
  const reflections = reflectionsOnto(await principalAxes(product.gram, columns, count));
  await product.close();
  const moved = await reflected(features, columns, reflections, engine);
  return {
    reflections,
    problem: {
      ...problem,
      features: moved,
      columnSquares: squaresOf(moved, columns),
      restore(weights, bias) {
        return problem.restore(reflectBack(weights.slice(0, classes * columns), columns, reflections), bias);
      },
    },
  };
}

/**
 * The residual P - Y and its products with some of the features. As in the reference objective, everything comes
 * from the other classes' exponentials relative to the largest score, so that loss and gradient keep their relative
 * precision when the label's probability is rounded to 1; the logarithm is taken outside, in float64.
 */
function lossGraph({ columns, classes, features, labels }: LogisticProblem, first: number, last: number) {
  const graph = new Graph();
  const part = features.subarray(first * columns, last * columns);
  const x = graph.constant(tensor('float32', [last - first, columns], part));
  const label = graph.constant(oneHotColumns(labels.subarray(first, last), classes));
  const relative = relativeScores(graph, x, classes);
  const own = sum(mul(relative, label), [0]);
  const other = mul(exp(relative), sub(graph.scalar(1), label));
  const others = sum(other, [0]);
  const residual = div(sub(other, mul(label, others)), add(others, exp(own)));
  const size = abs(residual);
  return new Map<string, Value>([
    ['own', own],
    ['others', others],
    ['dw', matmul(residual, x)],
    ['db', sum(residual, [1])],
    ['spread', sum(mul(size, sub(graph.scalar(1), size)), [1])],
  ]);
}

/** Added to the margin where an image is left out: its exponential is then 0, and so are loss and residual. */
const LEFT_OUT = 1e4;

/** The same of binary problems: margins m = (2 y - 1) (W x + b), and from e^-|m| the residuals. */
function binaryGraph({ columns, classes, features, labels }: LogisticProblem, first: number, last: number) {
  const graph = new Graph();
  const part = features.subarray(first * columns, last * columns);
  const x = graph.constant(tensor('float32', [last - first, columns], part));
  const constant = (entry: (label: number) => number) => {
    const values = new Float32Array(classes * (last - first));
    for (let image = first; image < last; image++)
      for (let k = 0; k < classes; k++)
        values[k * (last - first) + image - first] = entry(labels[image * classes + k]);
    return graph.constant(tensor('float32', [classes, last - first], values));
  };
  const sign = constant((label) => (label < 0 ? 0 : 2 * label - 1));
  const { w, b } = parameterInputs(graph, classes, columns);
  const margin = add(
    mul(add(matmul(w, x, { transposeB: true }), b), sign),
    constant((label) => (label < 0 ? LEFT_OUT : 0)),
  );
  const wrong = div(exp(minimum(neg(margin), 0)), add(graph.scalar(1), exp(neg(abs(margin)))));
  const residual = neg(mul(sign, wrong));
  return new Map<string, Value>([
    ['margin', margin],
    ['dw', matmul(residual, x)],
    ['db', sum(residual, [1])],
    ['spread', sum(mul(wrong, sub(graph.scalar(1), wrong)), [1])],
  ]);
}

function parameterInputs(graph: Graph, classes: number, columns: number): { w: Value; b: Value } {
  return {
    w: graph.input('weights', [classes, columns], { role: 'parameter' }),
    b: graph.input('bias', [classes, 1], { role: 'parameter' }),
  };
}

/** classes x images: W x + b, less the largest of each image. */
function relativeScores(graph: Graph, x: Value, classes: number): Value {
  const { w, b } = parameterInputs(graph, classes, x.shape[1]);
  const scores = add(matmul(w, x, { transposeB: true }), b);
  return sub(scores, max(scores, [0], true));
}

function setParameters(
  executable: Executable,
  parameters: Float64Array,
  classes: number,
  columns: number,
): void {
  const values = new Float32Array(parameters);
  const size = classes * columns;
  executable.set('weights', tensor('float32', [classes, columns], values.subarray(0, size)));
  executable.set('bias', tensor('float32', [classes, 1], values.subarray(size)));
}

function accumulate(target: Float64Array, { data }: Tensor, from: number): void {
  const values = data as Float32Array;
  for (let i = 0; i < values.length; i++) target[from + i] += values[i];
}

async function engineClassifier(
  features: Float32Array,
  { kind, columns, classes }: LogisticProblem,
  engine: SessionOptions,
): Promise<Classifier> {
  const graph = new Graph();
  const x = graph.input('features', [features.length / columns, columns]);
  const predicted =
    kind === 'binary' ? plainScores(graph, x, classes) : argMax(relativeScores(graph, x, classes), 0);
  const executable = await Executable.compile(new Map([['predicted', predicted]]), engine);
  executable.set('features', tensor('float32', x.shape, features));
  return {
    async predict(parameters) {
      setParameters(executable, parameters, classes, columns);
      const { data } = (await executable.run()).predicted;
      return kind === 'binary'
        ? (data as Float32Array).slice()
        : Int32Array.from(data as BigInt64Array, Number);
    },
    close: () => executable.close(),
  };
}

/** images x classes: W x + b. */
function plainScores(graph: Graph, x: Value, classes: number): Value {
  const { w, b } = parameterInputs(graph, classes, x.shape[1]);
  return add(matmul(x, w, { transposeB: true }), transpose(b, [1, 0]));
}

function oneHotColumns(labels: Int32Array, classes: number): Tensor {
  const values = new Float32Array(classes * labels.length);
  labels.forEach((label, image) => {
    values[label * labels.length + image] = 1;
  });
  return tensor('float32', [classes, labels.length], values);
}

function multinomialLoss({ own, others }: Record<string, Tensor>): number {
  const [first, second] = [own.data as Float32Array, others.data as Float32Array];
  let loss = 0;
  for (let i = 0; i < first.length; i++) loss += crossEntropy(first[i], second[i]);
  return loss;
}

function binaryLoss({ margin }: Record<string, Tensor>): number {
  const margins = margin.data as Float32Array;
  let loss = 0;
  for (const m of margins) loss += Math.log1p(Math.exp(-Math.abs(m))) + Math.max(-m, 0);
  return loss;
}

/** -log of the label's probability, from its score below the largest and the sum of the others' exponentials. */
function crossEntropy(own: number, others: number): number {
  return own === 0 ? Math.log1p(others) : Math.log(others + Math.exp(own)) - own;
}

/** Products of up to `count` rows with X'X. */
async function gramProduct(
  { images, columns, features }: LogisticProblem,
  count: number,
  engine: SessionOptions,
) {
  const graph = new Graph();
  const x = graph.input('features', [images, columns]);
  const block = graph.input('block', [count, columns]);
  const product = matmul(matmul(block, x, { transposeB: true }), x);
  const executable = await Executable.compile(new Map([['product', product]]), engine);
  executable.set('features', tensor('float32', x.shape, features));
  return {
    async gram(rows: Float32Array) {
      const filled = new Float32Array(count * columns);
      filled.set(rows);
      executable.set('block', tensor('float32', block.shape, filled));
      const { product: found } = await executable.run();
      return (found.data as Float32Array).subarray(0, rows.length);
    },
    close: () => executable.close(),
  };
}

/** Rows of features in the coordinates of `reflections`. */
async function reflected(
  features: Float32Array,
  columns: number,
  { a, v }: Reflections,
  engine: SessionOptions,
): Promise<Float32Array> {
  if (a.length === 0) return features;
  const graph = new Graph();
  const x = graph.input('features', [features.length / columns, columns]);
  const constant = (rows: readonly Float64Array[]) => {
    const values = new Float32Array(rows.length * columns);
    for (const [i, row] of rows.entries()) values.set(row, i * columns);
    return graph.constant(tensor('float32', [rows.length, columns], values));
  };
  const moved = sub(x, matmul(matmul(x, constant(a), { transposeB: true }), constant(v)));
  const executable = await Executable.compile(new Map([['moved', moved]]), engine);
  try {
    executable.set('features', tensor('float32', x.shape, features));
    return (await executable.run()).moved.data as Float32Array;
  } finally {
    await executable.close();
  }
}
