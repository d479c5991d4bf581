/** NASNet-A Large against the network for which weights circulate (fixture by scripts/fixtures/nasnet.py). */
import { readFileSync } from 'node:fs';
import { test } from 'vitest';
import { findModel } from '../../src/models/index.ts';
import { expectFormulaAnswer, type FormulaAnswer } from '../models/formula-weights.ts';

const fixture: Record<string, FormulaAnswer> = JSON.parse(
  readFileSync(new URL('../fixtures/nasnet.json', import.meta.url), 'utf8'),
);

test('NASNet-A Large has their names and computes what they compute', async () => {
  await expectFormulaAnswer(findModel('nasnetalarge'), fixture.nasnetalarge);
});
