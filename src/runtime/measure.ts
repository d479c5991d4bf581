/** How fast the engine is on this machine: the two numbers that bound any graph's speed. */
import type ort from 'onnxruntime-node';
import { encodeModel } from '../onnx/encode.ts';
import { modelOf } from '../onnx/model.ts';
import { Random, type Shape, sizeOf, tensor, zeros } from '../tensor/index.ts';
import { createSession, type SessionOptions, toRuntime } from './session.ts';

/** Extent of the square matrices: their product takes long enough to be timed and stays within a second. */
const EXTENT = 2048;
const PRODUCT_OPERATIONS = 2 * EXTENT ** 3;

/** Elements of the vector that is passed over: 64 MiB, more than caches hold. */
const ELEMENTS = 2 ** 24;

const RUNS = 5;

/** Most seconds for the runs of one measurement, beside the first. */
const SECONDS = 3;

/** Floating-point operations per second of a product of two matrices of 2048 x 2048 numbers (float32). */
export async function matrixProductPeak(options: SessionOptions): Promise<number> {
  const shape = [EXTENT, EXTENT];
  const random = new Random(1);
  const values = () =>
    tensor(
      'float32',
      shape,
      Float32Array.from({ length: sizeOf(shape) }, () => random.uniform()),
    );
  return (
    PRODUCT_OPERATIONS / (await fastestSeconds('MatMul', shape, [values(), values()].map(toRuntime), options))
  );
}

/** Bytes read and written per second by a pass over 64 MiB (one Relu, float32). */
export async function memoryBandwidth(options: SessionOptions): Promise<number> {
  const operand = toRuntime(zeros('float32', [ELEMENTS]));
  return (2 * 4 * ELEMENTS) / (await fastestSeconds('Relu', [ELEMENTS], [operand], options));
}

/** The fastest of some runs: what disturbs a run only makes it slower. */
async function fastestSeconds(
  op: string,
  shape: Shape,
  operands: readonly ort.Tensor[],
  options: SessionOptions,
): Promise<number> {
  const names = operands.map((_, index) => `x${index}`);
  const infos = (list: readonly string[]) => list.map((name) => ({ name, dtype: 'float32' as const, shape }));
  const node = { op, domain: '', name: op, inputs: names, outputs: ['y'], attributes: {} };
  const [inputs, outputs] = [infos(names), infos(['y'])];
  const graph = { name: op, nodes: [node], initializers: new Map(), inputs, outputs };
  const model = encodeModel(modelOf(graph));
  const session = await createSession(model, options);
  const feeds = Object.fromEntries(operands.map((operand, index) => [names[index], operand]));
  const fetches = { y: toRuntime(zeros('float32', shape)) };
  try {
    // The first run touches its memory for the first time.
    await session.run(feeds, fetches);
    let fastest = Number.POSITIVE_INFINITY;
    const begun = performance.now();
    for (let run = 0; run < RUNS && performance.now() - begun < 1000 * SECONDS; run++) {
      const started = performance.now();
      await session.run(feeds, fetches);
      fastest = Math.min(fastest, performance.now() - started);
    }
    return fastest / 1000;
  } finally {
    await session.release();
  }
}
