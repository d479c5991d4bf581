/**
 * How results differ between seeds, against NumPy and SciPy (scripts/fixtures/study_document.py): three networks with
 * three seeds each on a data set whose classes are of unlike size, judged by the share of images and by mean per-class
 * accuracy.
 */
import { expect, it } from 'vitest';
import { cellSummary } from '../../src/report/cells.ts';
import { meanResults } from '../../src/report/study/results.ts';
import { seedSpread } from '../../src/report/study/seeds.ts';
import type { FinishedCell } from '../../src/store/records.ts';
import fixture from '../fixtures/study-document.json' with { type: 'json' };
import { finished } from './study-sample.ts';

const expected = fixture.seeds;

const METRICS = ['top1', 'meanPerClass'] as const;

/** The data set is named for its metric. */
function runOf(metric: (typeof METRICS)[number], m: number, seed: number): FinishedCell {
  const hit = expected.hit[m][seed];
  const run = finished({ dataset: metric, model: `net-${m}`, setting: 'fixed', seed, accuracy: 0.5, metric });
  const value = expected[metric].values[m][seed];
  const correct = hit.reduce((sum, one) => sum + one, 0);
  const predictions = expected.labels.map((label, i) => ({
    image: `${i}`,
    label,
    predicted: hit[i] ? label : (label + 1) % 3,
    probability: 0.9,
  }));
  const test = { ...run.result.test, value, correct, n: hit.length };
  return { ...run, result: { ...run.result, classes: ['a', 'b', 'c'], predictions, test } };
}

function spreadOf(runs: readonly FinishedCell[]) {
  return seedSpread(meanResults(runs), runs.map(cellSummary));
}

const runs = METRICS.flatMap((metric) =>
  expected.hit.flatMap((own, m) => own.map((_, seed) => runOf(metric, m, seed))),
);
const seeds = spreadOf(runs);

it('the best and the worst of three seeds are one of three pairs', () => {
  const ours = seeds?.candidates.filter(({ dataset }) => dataset === 'top1') ?? [];
  for (const [m, { pValue, adjustedP }] of expected.extremes.entries()) {
    expect(ours[m].pValue).toBeCloseTo(pValue, 9);
    expect(ours[m].adjustedP).toBeCloseTo(adjustedP, 9);
  }
  const significant = (seeds?.candidates ?? []).filter(({ adjustedP }) => adjustedP < 0.05);
  expect(seeds?.significant).toBe(significant.length);
  // One network's seeds differ at .05 before the correction and not after it.
  expect(ours.map(({ pValue }) => pValue < 0.05)).not.toEqual(ours.map(({ adjustedP }) => adjustedP < 0.05));
});

it.each(METRICS)('tests that count seeds are of %s', (metric) => {
  const ours = seeds?.comparisons.filter(({ dataset }) => dataset === metric) ?? [];
  expect(ours).toHaveLength(2);
  for (const [i, truth] of expected[metric].comparisons.entries()) {
    expect(ours[i]).toMatchObject({ best: `net-${truth.best}`, model: `net-${truth.model}` });
    for (const name of ['difference', 'imagesError', 'seedsError', 'seedsP'] as const)
      expect(ours[i][name]).toBeCloseTo(truth[name], 7);
  }
});

it('the share of seeds is of what is left within data sets, and unknown with one network in each', () => {
  expect(seeds?.seedShare).toBeCloseTo(expected.seedShare, 9);
  const single = spreadOf(runs.filter(({ cell }) => cell.model === 'net-0'));
  expect(single?.candidates).toHaveLength(2);
  expect(single?.seedShare).toBeNull();
});
