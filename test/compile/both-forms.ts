/** Runs graphs in the training form and in the inference form, for tests that hold both to a definition. */
import { expect } from 'vitest';
import { lower } from '../../src/compile/index.ts';
import type { Value } from '../../src/graph/index.ts';
import { encodeModel } from '../../src/onnx/index.ts';
import { Executable, OnnxFunction } from '../../src/runtime/index.ts';
import { Random } from '../../src/tensor/random.ts';
import { float32, type Shape, sizeOf, type Tensor } from '../../src/tensor/tensor.ts';

export type Feeds = Readonly<Record<string, Tensor>>;
export const THREADS = { threads: 1 };

/** Uniform in [-1, 1), always the same for a label. */
export function draw(shape: Shape, label: string): Tensor<'float32'> {
  const random = new Random(5, label);
  return float32(
    shape,
    Array.from({ length: sizeOf(shape) }, () => random.uniform(-1, 1)),
  );
}

export async function runTraining(
  outputs: ReadonlyMap<string, Value>,
  feeds: Feeds,
): Promise<Record<string, Tensor>> {
  const executable = await Executable.compile(outputs, THREADS);
  for (const name of executable.inputs) executable.set(name, feeds[name]);
  const results = await executable.run();
  await executable.close();
  return results;
}

export async function runInference(
  outputs: ReadonlyMap<string, Value>,
  feeds: Feeds,
): Promise<Record<string, Tensor>> {
  const { model, inputs } = lower(outputs, { form: 'inference' });
  const network = await OnnxFunction.load(encodeModel(model), THREADS);
  const results = await network.run(Object.fromEntries(inputs.map(({ name }) => [name, feeds[name]])));
  await network.close();
  return results;
}

export function expectNear(found: Tensor, expected: ArrayLike<number>, shape: Shape, tolerance = 1e-5): void {
  expect(found.shape).toEqual(shape);
  expect(found.data.length).toBe(expected.length);
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(Number(found.data[i]) - expected[i]);
    worst = Math.max(worst, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
  }
  expect(worst).toBeLessThan(tolerance);
}

/** Both forms of one value against expected numbers. */
export async function expectBoth(
  value: Value,
  feeds: Feeds,
  expected: ArrayLike<number>,
  tolerance = 1e-5,
): Promise<void> {
  const outputs = new Map([['y', value]]);
  expectNear((await runTraining(outputs, feeds)).y, expected, value.shape, tolerance);
  expectNear((await runInference(outputs, feeds)).y, expected, value.shape, tolerance);
}
