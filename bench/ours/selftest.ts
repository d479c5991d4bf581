/** Seconds of one small matrix product on the engine. */
import { matmul } from '../../src/graph/build.ts';
import { Graph } from '../../src/graph/index.ts';
import { Executable } from '../../src/runtime/index.ts';
import { tensor } from '../../src/tensor/index.ts';
import { serve, timed } from '../child.ts';

await serve<{ size: number; threads: number }>(async ({ size, threads }) => {
  const graph = new Graph();
  const [a, b] = ['a', 'b'].map((name) => graph.input(name, [size, size]));
  const executable = await Executable.compile(new Map([['product', matmul(a, b)]]), { threads });
  for (const name of ['a', 'b']) {
    executable.set(name, tensor('float32', [size, size], new Float32Array(size * size).fill(1)));
  }
  return {
    async measure() {
      let sample = 0;
      const value = await timed(async () => {
        sample = Number((await executable.run()).product.data[0]);
      });
      return { value, sample };
    },
  };
});
