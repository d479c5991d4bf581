/** The logistic-regression objective on the engine: both matrix products and the softmax in float32. */
import { add, div, exp, matmul, max, mul, sub, sum } from '../graph/build.ts';
import { Graph } from '../graph/graph.ts';
import { Executable, type SessionOptions } from '../runtime/index.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import type { LogisticProblem } from './logistic-problem.ts';
import type { CreateObjective } from './logistic-regression.ts';

/**
 * The residual P - Y and its products with the features. As in the reference objective, everything comes from
 * the other classes' exponentials relative to the largest score, so that loss and gradient keep their relative
 * precision when the label's probability is rounded to 1; the logarithm is taken outside, in float64.
 */
function outputsOf({ images, columns, classes }: LogisticProblem) {
  const graph = new Graph();
  const x = graph.input('features', [images, columns]);
  const label = graph.input('labels', [images, classes]);
  const w = graph.input('weights', [classes, columns], { role: 'parameter' });
  const b = graph.input('bias', [classes], { role: 'parameter' });
  const scores = add(matmul(x, w, { transposeB: true }), b);
  const relative = sub(scores, max(scores, [1], true));
  const own = sum(mul(relative, label), [1], true);
  const other = mul(exp(relative), sub(graph.scalar(1), label));
  const others = sum(other, [1], true);
  const total = add(others, exp(own));
  const residual = div(sub(other, mul(label, others)), total);
  const dw = matmul(residual, x, { transposeA: true });
  return new Map(Object.entries({ own, others, dw, db: sum(residual, [0]) }));
}

/** An objective whose products run in the engine; loss and penalty are added up here in float64. */
export function engineObjective(engine: SessionOptions = {}): CreateObjective {
  return async (problem) => {
    const { images, columns, classes, features, labels } = problem;
    const executable = await Executable.compile(outputsOf(problem), engine);
    executable.set('features', tensor('float32', [images, columns], features));
    executable.set('labels', oneHotRows(labels, classes));
    const size = classes * columns;
    return {
      problem,
      valueNoise: 1e-6,
      async lossAndGradient(parameters, lambda, result) {
        const weights = Float32Array.from(parameters.subarray(0, size));
        executable.set('weights', tensor('float32', [classes, columns], weights));
        executable.set('bias', tensor('float32', [classes], Float32Array.from(parameters.subarray(size))));
        const { own, others, dw, db } = await executable.run();
        result.set(dw.data as Float32Array);
        result.set(db.data as Float32Array, size);
        let loss = 0;
        for (let i = 0; i < images; i++) loss += crossEntropy(Number(own.data[i]), Number(others.data[i]));
        let squares = 0;
        for (let i = 0; i < size; i++) {
          squares += parameters[i] * parameters[i];
          result[i] += lambda * parameters[i];
        }
        return loss + (lambda / 2) * squares;
      },
      close: () => executable.close(),
    };
  };
}

function oneHotRows(labels: Int32Array, classes: number): Tensor {
  const rows = new Float32Array(labels.length * classes);
  labels.forEach((label, row) => {
    rows[row * classes + label] = 1;
  });
  return tensor('float32', [labels.length, classes], rows);
}

/** -log of the label's probability, from its score below the largest and the sum of the others' exponentials. */
function crossEntropy(own: number, others: number): number {
  return own === 0 ? Math.log1p(others) : Math.log(others + Math.exp(own)) - own;
}
