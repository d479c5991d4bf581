/**
 * Training as a share of the machine's matrix-product peak, in percent. The peak is the best of square products
 * of several sizes that the same runtime makes with the same threads in the same repetition; training counts three
 * times the multiply-adds of the forward pass.
 */
import { matmul } from '../../src/graph/build.ts';
import { Graph } from '../../src/graph/index.ts';
import { findModel } from '../../src/models/index.ts';
import { Executable } from '../../src/runtime/index.ts';
import { tensor } from '../../src/tensor/index.ts';
import { serve, timed } from '../child.ts';
import { type NetworkTask, trainingStep } from './network.ts';

const SIZES = [1024, 2048, 3072];

async function product(size: number, threads: number): Promise<() => Promise<number>> {
  const graph = new Graph();
  const [a, b] = ['a', 'b'].map((name) => graph.input(name, [size, size]));
  const executable = await Executable.compile(new Map([['product', matmul(a, b)]]), { threads });
  const ones = tensor('float32', [size, size], new Float32Array(size * size).fill(1));
  for (const name of ['a', 'b']) executable.set(name, ones);
  await executable.run();
  return async () => (2 * size ** 3) / 1e9 / (await timed(() => executable.run()));
}

await serve<NetworkTask>(async (task) => {
  const { step, inputs } = await trainingStep(task);
  const products = await Promise.all(SIZES.map((size) => product(size, task.threads)));
  for (let i = 0; i < 2; i++) await step.run(inputs(i));
  const operations = (3 * 2 * findModel(task.model).multiplyAdds * task.batch) / 1e9;
  return {
    async measure() {
      const rates: number[] = [];
      for (const run of products) rates.push(await run(), await run());
      const matrixProductGflops = Math.max(...rates);
      const trainingGflops = operations / (await timed(() => step.run(inputs(2))));
      return { value: (100 * trainingGflops) / matrixProductGflops, matrixProductGflops, trainingGflops };
    },
  };
});
