/** Weights by a formula, so that the answers of another program can be stored without the weights that it had. */
import { expect } from 'vitest';
import { type Model, variablesOf } from '../../src/models/index.ts';
import { type Shape, sizeOf, type Tensor, tensor } from '../../src/tensor/tensor.ts';
import { sha256 } from '../../src/util/hash.ts';
import { compileModel } from '../run-model.ts';

interface Summary {
  size: number;
  first8: number[];
  mean: number;
  std: number;
}

/** What the other program says of one network. */
export interface FormulaAnswer {
  /** SHA-256 of the sorted lines "name:shape". */
  names: string;
  /** Of the trained numbers, with the classifier. */
  parameters: number;
  /** Of the images, in pixels. */
  size: number;
  features: Summary;
  logits: Summary;
}

/** The largest difference allowed, in standard deviations of the expected numbers. */
const TOLERANCE = 1e-4;

/** The formula of scripts/fixtures/nasnet.py: `stream` is the variable's place among the sorted names. */
export function formulaWeights(
  variables: readonly { name: string; shape: Shape }[],
): Map<string, Tensor<'float32'>> {
  const sorted = [...variables].sort((a, b) => (a.name < b.name ? -1 : 1));
  return new Map(
    sorted.map(({ name, shape }, stream) => {
      const fanIn = sizeOf(shape) / shape[0];
      const numbers = Float32Array.from({ length: sizeOf(shape) }, (_, i) => {
        const x = Math.sin(i * 12.9898 + 78.233 * stream) * 43758.5453;
        const u = x - Math.floor(x);
        if (shape.length > 1) return (2 * u - 1) * Math.sqrt(6 / fanIn);
        if (name.endsWith('running_var')) return 0.5 + u;
        return name.endsWith('.weight') ? 0.5 + 0.5 * u : 0.2 * (u - 0.5);
      });
      return [name, tensor('float32', shape, numbers)];
    }),
  );
}

function summary(values: Tensor): Summary {
  const data = Array.from(values.data as Float32Array);
  const mean = data.reduce((sum, x) => sum + x, 0) / data.length;
  const variance = data.reduce((sum, x) => sum + (x - mean) ** 2, 0) / data.length;
  return { size: data.length, first8: data.slice(0, 8), mean, std: Math.sqrt(variance) };
}

function expectNear(found: Summary, expected: Summary): void {
  expect(found.size).toBe(expected.size);
  const pairs = [
    [found.mean, expected.mean],
    [found.std, expected.std],
    ...found.first8.map((x, i) => [x, expected.first8[i]]),
  ];
  const gap = Math.max(...pairs.map(([a, b]) => Math.abs(a - b)));
  expect(gap / expected.std).toBeLessThan(TOLERANCE);
}

/** Names, shapes, counts, and features and logits of the image sin(0.001 k). */
export async function expectFormulaAnswer(model: Model, answer: FormulaAnswer): Promise<void> {
  const { backbone, head } = variablesOf(model);
  const variables = [...backbone, ...head];
  const line = (variable: { name: string; shape: Shape }) => `${variable.name}:${variable.shape.join('x')}`;
  expect(sha256(variables.map(line).sort().join('\n'))).toBe(answer.names);
  const trained = variables.filter(({ kind }) => kind === 'parameter');
  expect(trained.reduce((sum, { shape }) => sum + sizeOf(shape), 0)).toBe(answer.parameters);
  await expectOutputs(model, formulaWeights(variables), answer);
}

/** Features and logits of the image sin(0.001 k) with given weights. */
export async function expectOutputs(
  model: Model,
  weights: ReadonlyMap<string, Tensor<'float32'>>,
  answer: FormulaAnswer,
): Promise<void> {
  const { size } = answer;
  expect(model.input.size).toBe(size);
  const pixels = Float32Array.from({ length: 3 * size * size }, (_, k) => Math.sin(0.001 * k));
  const network = await compileModel(model, weights, 1, 'inference');
  const { features, logits } = await network.run(tensor('float32', [1, 3, size, size], pixels));
  await network.close();
  expectNear(summary(features), answer.features);
  expectNear(summary(logits), answer.logits);
}
