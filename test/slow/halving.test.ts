/**
 * Successive halving against the whole grid on the same cells: small networks on procedural sets, fine-tuned and from
 * scratch. Prints what it saves and what it costs: the regret is what the point that it chose lacks to the best point
 * of the grid, both run to the end.
 */
import { expect, test } from 'vitest';
import { openProceduralDataset } from '../../src/data/index.ts';
import { argMaxRows } from '../../src/tensor/tensor.ts';
import { type Search, type SettingResult, type TuningProtocol, tuned } from '../../src/transfer/index.ts';
import { openModel } from '../../src/weights/index.ts';
import { SMALL_TUNING, smallInputs } from '../transfer/small-inputs.ts';

const GRID: TuningProtocol = {
  ...SMALL_TUNING,
  steps: 48,
  batchSize: 24,
  learningRates: [0.003, 0.01, 0.03, 0.1],
  weightDecays: [1e-6, 1e-4, 1e-3],
  smallestCrop: 0.8,
};
const SEARCHES: readonly Search[] = [
  { kind: 'halving', first: 1 / 8, eta: 2 },
  { kind: 'halving', first: 1 / 9, eta: 3 },
];
const CELLS = [
  ['procedural/shapes', 'demo/resnet18_025', 'finetune'],
  ['procedural/plants', 'demo/resnet18_025', 'finetune'],
  ['procedural/glyphs', 'demo/resnet18_025', 'finetune'],
  ['procedural/shapes', 'demo/mobilenet_v1_025', 'finetune'],
  ['procedural/shapes', 'demo/resnet18_025', 'scratch'],
] as const;

const percent = (value: number) => (100 * value).toFixed(1);
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

const found = SEARCHES.map(() => ({ saved: [] as number[], regret: [] as number[], test: [] as number[] }));

test.each(CELLS)(
  'on %s with %s, %s, what reaches the end is what the grid has there',
  async (set, name, setting) => {
    const dataset = openProceduralDataset(set);
    const { model, weights } = await openModel(name);
    const inputs = await smallInputs(dataset, {
      model,
      weights: setting === 'finetune' ? weights : undefined,
    });
    const accuracy = ({ testLogits }: SettingResult) =>
      mean([...argMaxRows(testLogits)].map((label, i) => Number(label === dataset.splits.test[i].label)));
    const whole = await tuned(inputs, GRID, setting);
    for (const [i, search] of SEARCHES.entries()) {
      const halved = await tuned(inputs, { ...GRID, search }, setting);
      const ended = halved.trials.flatMap((trial, at) => (trial.status === 'finished' ? [at] : []));
      for (const at of ended) expect(halved.trials[at].validation).toBe(whole.trials[at].validation);
      const { run, wholeGrid } = halved.searchSteps!;
      found[i].saved.push(1 - run / wholeGrid);
      found[i].regret.push(whole.validation - halved.validation);
      found[i].test.push(accuracy(whole) - accuracy(halved));
      console.log(`${set} ${name} ${setting} ${summary(search, found[i])}`);
    }
  },
);

test('it saves two thirds of the steps or more, and what it chooses is hardly worse', () => {
  for (const [i, entry] of found.entries()) {
    console.log(`all cells: ${summary(SEARCHES[i], entry)}`);
    expect(entry.saved.length).toBe(CELLS.length);
    expect(Math.min(...entry.saved)).toBeGreaterThan(0.65);
    expect(Math.min(...entry.regret)).toBeGreaterThanOrEqual(0);
    expect(mean(entry.regret)).toBeLessThan(0.05);
  }
});

/** Means so far, in points. */
function summary(search: Search, { saved, regret, test: onTest }: (typeof found)[number]): string {
  const last = (values: readonly number[]) => `${percent(values.at(-1)!)} (mean ${percent(mean(values))})`;
  return `${JSON.stringify(search)}: saved ${last(saved)}, regret on validation ${last(regret)}, on test ${last(onTest)}`;
}
