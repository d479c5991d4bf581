/** Networks against those of timm under its own names (fixture by scripts/fixtures/timm_networks.py). */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { findModel } from '../../src/models/index.ts';
import { type Shape, sizeOf } from '../../src/tensor/tensor.ts';
import { fitWeights } from '../../src/weights/index.ts';
import { withNamesOf } from '../../src/weights/names.ts';
import { readTensors, type TensorFile } from '../../src/weights/tensor-file.ts';
import { expectFormulaAnswer, expectOutputs, type FormulaAnswer, formulaWeights } from './formula-weights.ts';

interface TimmAnswer extends FormulaAnswer {
  /** Our name. */
  readonly model: string;
  /** All of timm's names, where they are not ours. */
  readonly shapes?: Readonly<Record<string, Shape>>;
}

const { made_by: _, ...answers } = JSON.parse(
  readFileSync(new URL('../fixtures/timm.json', import.meta.url), 'utf8'),
) as Record<string, TimmAnswer> & { made_by?: unknown };

export const TIMM: ReadonlyMap<string, TimmAnswer> = new Map(Object.entries(answers));

/** A file as timm would have written it. */
export function timmFile({ shapes = {} }: TimmAnswer): TensorFile {
  const variables = Object.entries(shapes).map(([name, shape]) => ({ name, shape }));
  // Made when they are asked for: names alone need no numbers, and some networks have many.
  let weights: ReturnType<typeof formulaWeights> | undefined;
  return {
    metadata: {},
    shapes: new Map(Object.entries(shapes)),
    async read(name) {
      weights ??= formulaWeights(variables);
      return weights.get(name)!;
    },
  };
}

/** Its file fits ours, and both compute the same. */
export async function expectAsTimm(architecture: string): Promise<void> {
  const answer = TIMM.get(architecture)!;
  const model = findModel(answer.model);
  if (!answer.shapes) {
    await expectFormulaAnswer(model, answer);
    return;
  }
  const file = withNamesOf(model, timmFile(answer), architecture);
  const tensors = await readTensors(file, file.shapes.keys());
  const total = [...tensors.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  expect(total).toBeGreaterThanOrEqual(answer.parameters);
  const fitted = fitWeights(model, tensors, { source: architecture, originalHead: 'keep' });
  expect(fitted.size).toBe(tensors.size);
  await expectOutputs(model, fitted, answer);
}
