/** Tables of networks on data sets: accuracies, source accuracy against transfer, and the settings compared. */
import { SETTING_NAMES } from '../../format.ts';
import { SETTINGS } from '../../ranking.ts';
import { isUntested } from '../figures/transfer.ts';
import type { CorrelationSummary, SettingPair, StudyDocument, Trend } from '../schema.ts';
import { type ColumnOf, column, type Table, tableOf } from './table.ts';

/** Networks by data sets, a table per setting; what is best or not told from it is strong. */
export function accuracyTables({ figure2, models, datasets }: StudyDocument): Table[] {
  return SETTINGS.map((setting): Table => {
    const panels = datasets.map(({ name }) =>
      figure2.find((panel) => panel.dataset === name && panel.setting === setting),
    );
    const points = models
      .map(({ name }) => panels.map((panel) => panel?.points.find(({ model }) => model === name)))
      .map((row, m) => ({ name: models[m].name, row }))
      .filter(({ row }) => row.some((point) => point));
    return {
      name: `accuracy-${setting}`,
      title: `Test metric, ${SETTING_NAMES[setting]}`,
      columns: [
        { title: 'Network', format: 'text' },
        ...datasets.map(({ name }) => ({ title: name, format: 'share' as const })),
      ],
      rows: points.map(({ name, row }) => [name, ...row.map((point) => point?.test.value ?? null)]),
      strong: (row, c) => c > 0 && points[row].row[c - 1]?.tied === true,
    };
  });
}

/** Figures 1 and 2, their correlations and their bands. */
export function transferTables({ figure1, figure2 }: StudyDocument): Table[] {
  const panels = [
    ...figure1.map((panel) => ({ ...panel, dataset: 'all' })),
    ...figure1.flatMap(({ bySize, setting }) =>
      bySize
        .filter(({ datasets }) => datasets.length > 0)
        .map(({ group, pearson, datasets }) => ({
          setting,
          dataset: `${datasets.length} ${group}`,
          pearson,
          spearman: null,
          trend: null,
        })),
    ),
    ...figure2,
  ];
  return [
    tableOf(
      'figure-1',
      'Source accuracy and transfer over data sets',
      figure1.flatMap(({ setting, points, datasets }) =>
        points.map((point) => ({ setting, datasets: datasets.length, ...point })),
      ),
      [
        column('text', 'Setting', ({ setting }) => setting),
        column('count', 'Rank', ({ rank }) => rank),
        column('text', 'Network', ({ model }) => model),
        column('share', 'Source accuracy', ({ source }) => source?.value ?? null),
        column('number', 'Source logit', ({ source }) => source?.logit ?? null),
        column('number', 'Adjusted score', ({ score }) => score),
        column('number', 'Standard error', ({ standardError }) => standardError),
        column('share', 'Accuracy', ({ accuracy }) => accuracy),
        column('number', 'To best', ({ difference }) => difference?.mean ?? null),
        column('number', 'Low', ({ difference }) => difference?.low ?? null),
        column('number', 'High', ({ difference }) => difference?.high ?? null),
        column('pValue', 'p', ({ pValue }) => pValue),
        column('pValue', 'Adjusted p', ({ adjustedP }) => adjustedP),
        column('text', 'Best or tied', (point) => (isUntested(point) ? null : point.tied)),
        column('count', 'Data sets', ({ datasets }) => datasets),
      ],
    ),
    tableOf('correlations', 'Source accuracy and transfer: correlations', panels, correlationColumns()),
    tableOf(
      'regression-bands',
      'Regression lines with 95% bootstrap bands',
      panels.flatMap(({ setting, dataset, trend }) =>
        (trend?.band ?? []).map((point) => ({ setting, dataset, ...point })),
      ),
      [
        column('text', 'Data set', ({ dataset }) => dataset),
        column('text', 'Setting', ({ setting }) => setting),
        column('number', 'Source logit', ({ x }) => x),
        column('number', 'Line', ({ y }) => y),
        column('number', 'Low', ({ low }) => low),
        column('number', 'High', ({ high }) => high),
      ],
    ),
    tableOf(
      'figure-2',
      'Source accuracy and transfer per data set',
      figure2.flatMap(({ dataset, setting, metric, points }) =>
        points.map((point) => ({ dataset, setting, metric, ...point })),
      ),
      [
        column('text', 'Data set', ({ dataset }) => dataset),
        column('text', 'Setting', ({ setting }) => setting),
        column('text', 'Metric', ({ metric }) => metric),
        column('count', 'Rank', ({ rank }) => rank),
        column('text', 'Network', ({ model }) => model),
        column('share', 'Source accuracy', ({ source }) => source?.value ?? null),
        column('share', 'Test', ({ test }) => test.value),
        column('share', 'Low', ({ test }) => test.low),
        column('share', 'High', ({ test }) => test.high),
        column('number', 'Test logit', ({ logit }) => logit),
        column('count', 'Seeds', ({ seeds }) => seeds.length),
        column('share', 'Lowest seed', ({ spread }) => spread?.low ?? null),
        column('share', 'Highest seed', ({ spread }) => spread?.high ?? null),
        column('number', 'Tested difference to best', ({ testedDifference }) => testedDifference),
        column('pValue', 'p', ({ pValue }) => pValue),
        column('pValue', 'Adjusted p', ({ adjustedP }) => adjustedP),
        column('text', 'Best or tied', ({ tied }) => tied),
      ],
    ),
  ];
}

interface Correlated {
  readonly setting: string;
  readonly dataset: string;
  readonly pearson: CorrelationSummary;
  readonly spearman: CorrelationSummary;
  readonly trend: Trend;
}

function correlationColumns(): ColumnOf<Correlated>[] {
  return [
    column('text', 'Data set', ({ dataset }) => dataset),
    column('text', 'Setting', ({ setting }) => setting),
    column('count', 'Networks', ({ pearson }) => pearson?.n ?? null),
    column('number', 'r', ({ pearson }) => pearson?.coefficient ?? null),
    column('number', 'r low', ({ pearson }) => pearson?.interval?.low ?? null),
    column('number', 'r high', ({ pearson }) => pearson?.interval?.high ?? null),
    column('pValue', 'p of r', ({ pearson }) => pearson?.pValue ?? null),
    column('number', 'rho', ({ spearman }) => spearman?.coefficient ?? null),
    column('number', 'rho low', ({ spearman }) => spearman?.interval?.low ?? null),
    column('number', 'rho high', ({ spearman }) => spearman?.interval?.high ?? null),
    column('pValue', 'p of rho', ({ spearman }) => spearman?.pValue ?? null),
    column('number', 'Slope', ({ trend }) => trend?.slope ?? null),
    column('number', 'Intercept', ({ trend }) => trend?.intercept ?? null),
  ];
}

/** The settings per data set, in pairs, and cell by cell. */
export function settingTables({ settings }: StudyDocument): Table[] {
  return [
    tableOf(
      'settings',
      'Settings per data set',
      settings.datasets.flatMap(({ dataset, images, settings: parts }) =>
        parts.map((part) => ({ dataset, images, ...part })),
      ),
      [
        column('text', 'Data set', ({ dataset }) => dataset),
        column('count', 'Training images', ({ images }) => images),
        column('text', 'Setting', ({ setting }) => setting),
        column('count', 'Networks', ({ models }) => models),
        column('text', 'Best network', ({ best }) => best.model),
        column('share', 'Best', ({ best }) => best.test.value),
        column('share', 'Low', ({ best }) => best.test.low),
        column('share', 'High', ({ best }) => best.test.high),
        column('share', 'Mean', ({ mean }) => mean),
        column('number', 'Mean logit', ({ meanLogit }) => meanLogit),
      ],
    ),
    tableOf(
      'setting-pairs',
      'Settings compared: per data set over networks, and over data sets',
      [
        ...settings.datasets.flatMap(({ dataset, pairs }) => pairs.map((pair) => ({ dataset, ...pair }))),
        ...settings.overall.map((pair) => ({ dataset: 'all', ...pair })),
      ],
      [column('text', 'Data set', ({ dataset }) => dataset), ...pairColumns()],
    ),
    tableOf(
      'setting-best',
      'The best networks of two settings on the same test images',
      settings.datasets.flatMap(({ dataset, best }) => best.map((pair) => ({ dataset, ...pair }))),
      [
        column('text', 'Data set', ({ dataset }) => dataset),
        column('text', 'a', ({ a }) => a),
        column('text', 'b', ({ b }) => b),
        column('number', 'a minus b', ({ difference }) => difference),
        column('number', 'Tested difference', ({ testedDifference }) => testedDifference),
        column('pValue', 'p', ({ pValue }) => pValue),
        column('pValue', 'Adjusted p', ({ adjustedP }) => adjustedP),
      ],
    ),
    tableOf('setting-wins', 'Cells that one setting wins', settings.wins, [
      column('text', 'a', ({ a }) => a),
      column('text', 'b', ({ b }) => b),
      column('count', 'Cells', ({ cells }) => cells),
      column('count', 'a won', ({ won }) => won),
      column('count', 'Tied', ({ tied }) => tied),
      column('count', 'a lost', ({ lost }) => lost),
      column('share', 'Share won', ({ share }) => share),
      column('share', 'Low', ({ interval }) => interval.low),
      column('share', 'High', ({ interval }) => interval.high),
      column('share', 'Wilson low', ({ wilson }) => wilson.low),
      column('share', 'Wilson high', ({ wilson }) => wilson.high),
      column('pValue', 'p', ({ pValue }) => pValue),
    ]),
  ];
}

function pairColumns(): ColumnOf<SettingPair>[] {
  return [
    column('text', 'a', ({ a }) => a),
    column('text', 'b', ({ b }) => b),
    column('count', 'n', ({ n }) => n),
    column('number', 'a minus b', ({ difference }) => difference),
    column('number', 'In logits', ({ logitDifference }) => logitDifference),
    column('number', 'Low', ({ interval }) => interval?.low ?? null),
    column('number', 'High', ({ interval }) => interval?.high ?? null),
    column('pValue', 'p', ({ pValue }) => pValue),
    column('pValue', 'Adjusted p', ({ adjustedP }) => adjustedP),
  ];
}
