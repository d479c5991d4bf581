/**
 * Denormal numbers are zero in every thread, that of the caller included. In a file of its own: the first session of a
 * process decides for its thread.
 */
import { expect, test } from 'vitest';
import { Graph, mul } from '../../src/graph/index.ts';
import { Executable } from '../../src/runtime/index.ts';
import { float32, type Tensor } from '../../src/tensor/tensor.ts';

const COUNT = 1 << 20;

test.each([1, 2])('products that are denormal, of %i threads', async (threads) => {
  const graph = new Graph();
  const x = graph.input('x', [COUNT]);
  const executable = await Executable.compile(new Map([['y', mul(x, x)]]), { threads });
  executable.set('x', float32([COUNT], new Float32Array(COUNT).fill(1e-20)));
  for (let run = 0; run < 3; run++) {
    const { data } = (await executable.run()).y as Tensor<'float32'>;
    // Bits: this thread takes denormal numbers for zero when it compares.
    const bits = new Uint32Array(data.buffer, data.byteOffset, COUNT);
    expect(bits.filter((word) => word !== 0).length).toBe(0);
  }
  await executable.close();
});
