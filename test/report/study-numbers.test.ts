/**
 * The numbers of a study's document against NumPy and SciPy, which were given the same table of test images right
 * (scripts/fixtures/study_document.py). One cell has all of them right and one none.
 */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { studyDocument } from '../../src/report/study/document.ts';
import type { Setting } from '../../src/store/records.ts';
import { finished, modelOf, studyInput } from './study-sample.ts';

interface Correlated {
  readonly r: number;
  readonly p: number;
  readonly low: number;
  readonly high: number;
  readonly rho: number;
  readonly rhoP: number;
  readonly slope: number;
  readonly intercept: number;
}

interface Paired {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  readonly p: number;
}

interface Expected {
  readonly images: number;
  readonly right: Record<Setting, number[][]>;
  readonly source: number[];
  readonly figure1: Record<
    Setting,
    Correlated & {
      score: number[];
      standardError: number[];
      grandMean: number;
      pValues: (number | null)[];
      datasets: Correlated[];
    }
  >;
  readonly settings: {
    a: Setting;
    b: Setting;
    datasets: Paired[];
    overall: Paired;
    won: number;
    tied: number;
    signP: number;
  }[];
  readonly scores: {
    values: number[][];
    meanRho: number;
    pooled: number;
    weightedTau: number;
    regret: number;
    error: number;
    points: number[][];
  };
}

const expected: Expected = JSON.parse(
  readFileSync(new URL('../fixtures/study-document.json', import.meta.url), 'utf8'),
);

/** The distribution functions that intervals and p-values come from agree with SciPy to eight digits or so. */
const DIGITS = 7;

const SETTINGS = ['fixed', 'finetune', 'scratch'] as const;
const base = studyInput({ skills: expected.source, eases: expected.right.fixed[0], settings: [] });
const outcomes = SETTINGS.flatMap((setting) =>
  expected.right[setting].flatMap((row, m) =>
    row.map((right, d) =>
      finished({
        dataset: `set-${d}`,
        model: `net-${m}`,
        setting,
        accuracy: right / expected.images,
        images: expected.images,
      }),
    ),
  ),
);
const document = studyDocument({
  ...base,
  models: expected.source.map((sourceAccuracy, m) => ({ ...modelOf(`net-${m}`, 0), sourceAccuracy })),
  outcomes,
  experiments: { ...base.experiments, settings: { cells: outcomes.map(({ cell }) => cell) } },
  scores: expected.scores.values.flatMap((row, m) =>
    row.map((score, d) => ({ model: `net-${m}`, dataset: `set-${d}`, values: { score } })),
  ),
});

type Relation = Pick<(typeof document.figure1)[number], 'pearson' | 'spearman' | 'trend'>;

function expectRelation({ pearson, spearman, trend }: Relation, truth: Correlated): void {
  expect(pearson?.coefficient).toBeCloseTo(truth.r, DIGITS);
  expect(pearson?.pValue).toBeCloseTo(truth.p, DIGITS);
  expect(pearson?.interval?.low).toBeCloseTo(truth.low, DIGITS);
  expect(pearson?.interval?.high).toBeCloseTo(truth.high, DIGITS);
  expect(spearman?.coefficient).toBeCloseTo(truth.rho, DIGITS);
  expect(spearman?.pValue).toBeCloseTo(truth.rhoP, DIGITS);
  expect(trend?.slope).toBeCloseTo(truth.slope, DIGITS);
  expect(trend?.intercept).toBeCloseTo(truth.intercept, DIGITS);
  for (const { x, y, low, high } of trend?.band ?? []) {
    expect(y).toBeCloseTo(truth.intercept + truth.slope * x, DIGITS);
    expect(low).toBeLessThanOrEqual(high);
  }
}

it.each(SETTINGS)('figure 1, %s', (setting) => {
  const panel = document.figure1.find((one) => one.setting === setting);
  const truth = expected.figure1[setting];
  expect(panel?.grandMean).toBeCloseTo(truth.grandMean, DIGITS);
  expect(panel?.points).toHaveLength(truth.score.length);
  for (const { model, score, standardError, pValue } of panel?.points ?? []) {
    const m = Number(model.slice(4));
    expect(score).toBeCloseTo(truth.score[m], DIGITS);
    expect(standardError).toBeCloseTo(truth.standardError[m], DIGITS);
    const p = truth.pValues[m];
    if (p === null) expect(pValue).toBeNull();
    else expect(pValue).toBeCloseTo(p, DIGITS);
  }
  if (panel) expectRelation(panel, truth);
});

it.each(SETTINGS)('figure 2, %s', (setting) => {
  const panels = document.figure2.filter((panel) => panel.setting === setting);
  expect(panels).toHaveLength(expected.figure1[setting].datasets.length);
  for (const [d, panel] of panels.entries()) expectRelation(panel, expected.figure1[setting].datasets[d]);
});

it.each(expected.settings)('$a against $b', ({ a, b, datasets, overall, won, tied, signP }) => {
  const of = (pairs: typeof document.settings.overall) => pairs.find((pair) => pair.a === a && pair.b === b);
  const pairs = [
    ...document.settings.datasets.map((dataset) => of(dataset.pairs)),
    of(document.settings.overall),
  ];
  for (const [i, truth] of [...datasets, overall].entries()) {
    expect(pairs[i]?.logitDifference).toBeCloseTo(truth.mean, DIGITS);
    expect(pairs[i]?.interval?.low).toBeCloseTo(truth.low, DIGITS);
    expect(pairs[i]?.interval?.high).toBeCloseTo(truth.high, DIGITS);
    expect(pairs[i]?.pValue).toBeCloseTo(truth.p, DIGITS);
  }
  const wins = document.settings.wins.find((one) => one.a === a && one.b === b);
  expect(wins).toMatchObject({ won, tied });
  expect(wins?.pValue).toBeCloseTo(signP, DIGITS);
});

it('a transferability score', () => {
  const truth = expected.scores;
  const score = document.transferability?.scores.find(
    ({ name, setting }) => name === 'score' && setting === 'fixed',
  );
  expect(score?.meanRho).toBeCloseTo(truth.meanRho, DIGITS);
  expect(score?.pooled?.coefficient).toBeCloseTo(truth.pooled, DIGITS);
  expect(score?.meanWeightedKendall).toBeCloseTo(truth.weightedTau, DIGITS);
  expect(score?.meanRegret).toBeCloseTo(truth.regret, DIGITS);
  expect(score?.prediction?.error).toBeCloseTo(truth.error, DIGITS);
  // Both go data set by data set.
  const points = score?.prediction?.points.map(({ predicted, low, high }) => [predicted, low, high]) ?? [];
  expect(points).toHaveLength(truth.points.length);
  for (const [i, values] of points.entries())
    for (const [k, value] of values.entries()) expect(value).toBeCloseTo(truth.points[i][k], DIGITS);
});
