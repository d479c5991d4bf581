/** The logistic-regression objective on the engine: both matrix products, the softmax and its gradient in float32. */
import { gradient } from '../autodiff/gradient.ts';
import { add, logSoftmax, matmul, mul, neg, oneHot, sum } from '../graph/build.ts';
import { Graph } from '../graph/graph.ts';
import { Executable } from '../runtime/index.ts';
import { tensor } from '../tensor/tensor.ts';
import type { CreateObjective } from './logistic-regression.ts';

/** An objective whose products run on the engine's threads; the penalty is added here in float64. */
export function engineObjective(threads?: number): CreateObjective {
  return async (problem) => {
    const { images, columns, classes, features, labels } = problem;
    const graph = new Graph();
    const x = graph.input('features', [images, columns]);
    const y = graph.input('labels', [images], { dtype: 'int32' });
    const w = graph.input('weights', [classes, columns], { role: 'parameter' });
    const b = graph.input('bias', [classes], { role: 'parameter' });
    const logits = add(matmul(x, w, { transposeB: true }), b);
    const loss = neg(sum(mul(oneHot(y, classes), logSoftmax(logits))));
    const [dw, db] = gradient(loss, [w, b]);
    const outputs = new Map(Object.entries({ loss, dw, db }));
    const executable = await Executable.compile(outputs, { threads });
    executable.set('features', tensor('float32', [images, columns], features));
    executable.set('labels', tensor('int32', [images], labels));
    const size = classes * columns;
    return {
      problem,
      valueNoise: 1e-6,
      async lossAndGradient(parameters, lambda, result) {
        executable.set(
          'weights',
          tensor('float32', [classes, columns], Float32Array.from(parameters.subarray(0, size))),
        );
        executable.set('bias', tensor('float32', [classes], Float32Array.from(parameters.subarray(size))));
        const values = await executable.run();
        result.set(values.dw.data as Float32Array);
        result.set(values.db.data as Float32Array, size);
        let squares = 0;
        for (let i = 0; i < size; i++) {
          squares += parameters[i] * parameters[i];
          result[i] += lambda * parameters[i];
        }
        return Number(values.loss.data[0]) + (lambda / 2) * squares;
      },
      close: () => executable.close(),
    };
  };
}
