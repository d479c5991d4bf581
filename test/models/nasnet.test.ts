/** NASNet-A against the networks for which weights circulate (fixture by scripts/fixtures/nasnet.py). */
import { readFileSync } from 'node:fs';
import { test } from 'vitest';
import { findModel } from '../../src/models/index.ts';
import { nasnet } from '../../src/models/nasnet.ts';
import { expectFormulaAnswer, type FormulaAnswer } from './formula-weights.ts';

const fixture: Record<string, FormulaAnswer> = JSON.parse(
  readFileSync(new URL('../fixtures/nasnet.json', import.meta.url), 'utf8'),
);

test('a narrow NASNet-A Mobile has their names and computes what they compute', async () => {
  const { narrow } = fixture;
  const model = nasnet('narrow', narrow.size, { stem: 8, features: 288, repeats: 4, skips: false });
  await expectFormulaAnswer(model, narrow);
});

test('NASNet-A Mobile has their names and computes what they compute', async () => {
  await expectFormulaAnswer(findModel('nasnetamobile'), fixture.nasnetamobile);
});
