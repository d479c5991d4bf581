/**
 * Published tables, read in as results and analysed by the functions that analyse a study of our own. The numbers are held
 * against SciPy's (test/fixtures/published-tables.json, made by scripts/fixtures/statistics.py) and, where a source states
 * its own, against those.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  analyseTable,
  kendall,
  logit,
  logitOfCounts,
  pearson,
  rankRegret,
  shareWon,
  spearman,
  type TableAnalysis,
  weightedKendall,
} from '../../src/stats/index.ts';
import fixture from '../fixtures/published-tables.json' with { type: 'json' };
import { describeShared, sharedPath } from '../shared.ts';

/** Rows of a CSV file of the shared tables, which have no quoted commas in the columns read here. */
function readTable(name: string): string[][] {
  const lines = readFileSync(sharedPath('tables', name), 'utf8').trim().split(/\r?\n/);
  return lines.filter((line) => !line.startsWith('#')).map((line) => line.split(','));
}

/** Percent as a logit; 100% as half an image wrong of the 73,728 of VTAB's dSprites, the only set where that occurs. */
const logitOfPercent = (percent: number) =>
  percent === 100 ? logitOfCounts(73_728, 73_728) : logit(percent / 100);

interface Expected {
  readonly mean: readonly number[];
  readonly standardError: readonly number[];
  readonly best: number;
  readonly pValue: readonly (number | null)[];
}

function expectAnalysis(analysis: TableAnalysis, expected: Expected): void {
  for (const [m, row] of analysis.rows.entries()) {
    expect(row.score).toBeCloseTo(expected.mean[m], 10);
    expect(row.standardError).toBeCloseTo(expected.standardError[m], 10);
    const p = expected.pValue[m];
    if (p === null) expect(row).toMatchObject({ rank: 1, pValue: null });
    else expect(Math.abs(row.pValue! / p - 1)).toBeLessThan(1e-6);
    expect(row.tied).toBe(p === null || p > 0.05);
  }
}

const tiedNames = (analysis: TableAnalysis, names: readonly string[]) =>
  analysis.rows.filter(({ tied }) => tied).map(({ model }) => names[model]);

describeShared('three settings of ResNet-50 on twelve data sets', () => {
  const rows = readTable('resnet50_three_settings.csv').slice(1);
  const settings = [2, 3, 4].map((column) => rows.map((row) => logit(Number(row[column]) / 100)));
  const [linear, fineTuned, scratch] = settings;

  test('fine-tuning is best and neither other setting is tied with it', () => {
    const analysis = analyseTable(settings)!;
    expect(analysis.datasets).toHaveLength(12);
    expectAnalysis(analysis, fixture.threeSettings);
    expect(tiedNames(analysis, ['linear', 'fine-tuned', 'random'])).toEqual(['fine-tuned']);
  });

  test('cells won, counted in the table by hand', () => {
    const difference = (a: readonly number[], b: readonly number[]) => [a.map((value, d) => value - b[d])];
    expect(shareWon(difference(fineTuned, linear))).toMatchObject({ won: 10, lost: 2 });
    expect(shareWon(difference(fineTuned, scratch))).toMatchObject({ won: 11, lost: 1 });
    expect(shareWon(difference(linear, scratch))).toMatchObject({ won: 6, lost: 6, pValue: 1 });
  });
});

describeShared('VTAB: sixteen methods on nineteen data sets, 1,000 examples and all', () => {
  const [sizes, names, , ...methods] = readTable('vtab_results.csv');
  const methodNames = methods.map(([name]) => name);
  // A value below 1% is a failed run (Cond-BigGAN on Caltech101), which is no result.
  const table = (size: string) =>
    methods.map((row) =>
      names.flatMap((_, k) =>
        sizes[k] === size ? [Number(row[k]) < 1 ? null : logitOfPercent(Number(row[k]))] : [],
      ),
    );
  const few = analyseTable(table('1000'))!;

  test('with 1,000 examples', () => {
    expect(few.datasets).toHaveLength(19);
    expectAnalysis(few, fixture.vtab['1000']);
    expect(tiedNames(few, methodNames)).toEqual(['Sup-Exemplar-100%', 'Sup-Rotation-100%']);
  });

  test('with all examples: the data set of the failed run is left out, the order stays nearly the same', () => {
    const all = analyseTable(table('full'), { source: few.rows.map(({ score }) => score) })!;
    expect(all.rows).toHaveLength(16);
    const columns = names.filter((_, k) => sizes[k] === 'full');
    expect(columns.filter((_, d) => !all.datasets.includes(d))).toEqual(['Caltech101']);
    expectAnalysis(all, fixture.vtab.full);
    expect(methodNames[fixture.vtab.full.best]).toBe('Sup-Rotation-100%');
    expect(tiedNames(all, methodNames)).toEqual([
      'Semi-Exemplar-10%',
      'Sup-100%',
      'Sup-Exemplar-100%',
      'Sup-Rotation-100%',
    ]);
    for (const name of ['pearson', 'spearman'] as const) {
      const [coefficient, pValue] = fixture.vtab.full[name];
      expect(all.source?.[name].coefficient).toBeCloseTo(coefficient, 10);
      expect(Math.abs(all.source![name].pValue / pValue - 1)).toBeLessThan(1e-6);
    }
  });
});

describeShared('model selection: ten networks on eight data sets, fine-tuned', () => {
  const rows = readTable('model_selection.csv').slice(1);
  const models = [...new Set(rows.map(([model]) => model))];
  const datasets = [...new Set(rows.map(([, dataset]) => dataset))];
  const scoreNames = ['hscore', 'leep', 'logme', 'nce'] as const;
  const column = (dataset: string, k: number) =>
    rows.filter((row) => row[1] === dataset).map((row) => Number(row[k]));
  const stated = new Map(
    readTable('model_selection_correlations.csv')
      .slice(1)
      .map(([dataset, statistic, ...values]) => [`${dataset} ${statistic}`, values.map(Number)]),
  );

  test('adjusted scores, ties with the best, and ImageNet accuracy of the networks for which it is known', () => {
    const table = models.map((model) =>
      rows.filter((row) => row[0] === model).map((row) => logit(Number(row[2]) / 100)),
    );
    const expected = fixture.modelSelection;
    const analysis = analyseTable(table, { source: expected.source })!;
    expectAnalysis(analysis, expected);
    expect(tiedNames(analysis, models)).toEqual(['Inception V3', 'ResNet101', 'ResNet152']);
    expect(analysis.source?.n).toBe(7);
    expect(analysis.source?.pearson.coefficient).toBeCloseTo(expected.pearson[0], 10);
    expect(analysis.source?.pearson.pValue).toBeCloseTo(expected.pearson[1], 7);
    expect(analysis.source?.spearman.coefficient).toBeCloseTo(expected.spearman[0], 10);
  });

  test.each(datasets)('%s: correlations of the scores with accuracy as SciPy has them', (dataset) => {
    const accuracy = column(dataset, 2);
    const expected = fixture.modelSelection.scores[dataset as keyof typeof fixture.modelSelection.scores];
    for (const [k, name] of scoreNames.entries()) {
      const score = column(dataset, 3 + k);
      expect(pearson(score, accuracy).coefficient).toBeCloseTo(expected[name].pearson, 10);
      expect(spearman(score, accuracy).coefficient).toBeCloseTo(expected[name].spearman, 10);
      expect(kendall(score, accuracy).coefficient).toBeCloseTo(expected[name].kendall, 10);
      expect(weightedKendall(score, accuracy)).toBeCloseTo(expected[name].weightedKendall, 10);
    }
  });

  // The table's caution: the rows of Aircraft, Pets and DTD do not give what the source states.
  test.each(['Caltech101', 'CIFAR10', 'CIFAR100', 'StanfordCars', 'SUN397'])(
    '%s: correlations as the source states them',
    (dataset) => {
      const accuracy = column(dataset, 2);
      for (const [k, name] of scoreNames.entries()) {
        const score = column(dataset, 3 + k);
        const linear = stated.get(`${dataset} pearson`)![k];
        expect(Math.abs(pearson(score, accuracy).coefficient - linear)).toBeLessThan(0.0052);
        const weighted = stated.get(`${dataset} weighted_kendall_tau`)![k];
        // Two scores that round to the same third digit had an order before; one of the two orders is the source's.
        const candidates = orders(score).map((order) => weightedKendall(order, accuracy));
        expect(Math.min(...candidates.map((tau) => Math.abs(tau - weighted))), name).toBeLessThan(0.0006);
      }
    },
  );

  test('regret of training only the networks that a score likes best, in points of accuracy', () => {
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    for (const [k, name] of scoreNames.entries()) {
      for (const shortlist of [1, 3] as const) {
        const regrets = datasets.map(
          (dataset) => rankRegret(column(dataset, 3 + k), column(dataset, 2), shortlist).regret,
        );
        expect(mean(regrets)).toBeCloseTo(fixture.modelSelection.regret[`${name} ${shortlist}`], 10);
      }
    }
  });
});

/** The list itself, and for every pair of equal values both lists in which one of them is the larger by a hair. */
function orders(values: readonly number[]): number[][] {
  const found = [[...values]];
  values.forEach((value, i) => {
    if (values.some((other, j) => j !== i && other === value))
      found.push(values.map((other, j) => (j === i ? other * (1 + 1e-9) : other)));
  });
  return found;
}
