/** Every table of a study, and the data of every figure as one. */
import type { StudyDocument } from '../schema.ts';
import { experimentTables } from './experiment-tables.ts';
import { scoreTables } from './score-tables.ts';
import { column, type Table, tableOf } from './table.ts';
import { accuracyTables, settingTables, transferTables } from './transfer-tables.ts';

/** In the order of the page; tables without rows are left out. */
export function studyTables(document: StudyDocument): Table[] {
  return [
    claimsTable(document),
    modelsTable(document),
    datasetsTable(document),
    ...accuracyTables(document),
    ...transferTables(document),
    ...settingTables(document),
    ...experimentTables(document),
    ...scoreTables(document),
    costTable(document),
    cellsTable(document),
    failedTable(document),
  ].filter(({ rows }) => rows.length > 0);
}

function claimsTable({ claims }: StudyDocument): Table {
  return tableOf('claims', 'Claims of the paper, held against this study', claims, [
    column('text', 'Claim', ({ claim }) => claim),
    column('text', 'Paper', ({ paper }) => paper),
    column('text', 'This study', ({ study }) => study),
    column('number', 'Value', ({ value }) => value),
    column('number', 'Low', ({ interval }) => interval?.low ?? null),
    column('number', 'High', ({ interval }) => interval?.high ?? null),
    column('count', 'n', ({ n }) => n),
    column('text', 'Unit', ({ unit }) => unit),
    column('text', 'Verdict', ({ verdict }) => verdict),
    column('text', 'Rule', ({ rule }) => rule),
    column('text', 'Reason', ({ reason }) => reason),
  ]);
}

function modelsTable({ models }: StudyDocument): Table {
  return tableOf('models', 'Networks', models, [
    column('text', 'Network', ({ name }) => name),
    column('text', 'Family', ({ family }) => family),
    column('count', 'Parameters', ({ parameters }) => parameters),
    column('count', 'Features', ({ featureSize }) => featureSize),
    column('count', 'Input size', ({ inputSize }) => inputSize),
    column('text', 'Source', ({ source }) => source),
    column('share', 'Source accuracy', ({ sourceAccuracy }) => sourceAccuracy?.value ?? null),
    column('count', 'Source test images', ({ sourceAccuracy }) => sourceAccuracy?.images ?? null),
  ]);
}

function datasetsTable({ datasets }: StudyDocument): Table {
  return tableOf('datasets', 'Data sets', datasets, [
    column('text', 'Data set', ({ name }) => name),
    column('count', 'Classes', ({ classes }) => classes.length),
    column('count', 'Training images', ({ images }) => images.train),
    column('count', 'Validation images', ({ images }) => images.validation),
    column('count', 'Test images', ({ images }) => images.test),
    column('text', 'Metric', ({ metric }) => metric),
  ]);
}

function costTable({ cost }: StudyDocument): Table {
  return tableOf('cost', 'What the settings cost', cost.settings, [
    column('text', 'Setting', ({ setting }) => setting),
    column('count', 'Cells', ({ cells }) => cells),
    column('number', 'Seconds', ({ seconds }) => seconds),
    column('number', 'Search seconds', ({ search }) => search),
    column('number', 'Final seconds', ({ final }) => final),
    column('count', 'Trials', ({ trials }) => trials),
    column('count', 'Images', ({ images }) => images),
  ]);
}

function cellsTable({ cells }: StudyDocument): Table {
  return tableOf('cells', 'All cells', cells, [
    column('text', 'Data set', ({ dataset }) => dataset),
    column('text', 'Network', ({ model }) => model),
    column('text', 'Setting', ({ setting }) => setting),
    column('text', 'Seed', ({ seed }) => String(seed)),
    column('text', 'Experiments', ({ experiments }) => experiments.join(' ')),
    column('text', 'Metric', ({ test }) => test.metric),
    column('share', 'Test', ({ test }) => test.value),
    column('share', 'Low', ({ test }) => test.low),
    column('share', 'High', ({ test }) => test.high),
    column('count', 'Correct', ({ test }) => test.correct),
    column('count', 'Test images', ({ test }) => test.n),
    column('share', 'Validation', ({ validation }) => validation.value),
    column('text', 'Hyper-parameters', ({ hyperparameters }) =>
      Object.entries(hyperparameters)
        .map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`)
        .join(', '),
    ),
    column('number', 'Seconds', ({ seconds }) => seconds.total),
    column('text', 'Key', ({ key }) => key),
  ]);
}

function failedTable({ failed }: StudyDocument): Table {
  return tableOf('failed', 'Failed cells', failed, [
    column('text', 'Data set', ({ dataset }) => dataset),
    column('text', 'Network', ({ model }) => model),
    column('text', 'Setting', ({ setting }) => setting),
    column('text', 'Seed', ({ seed }) => String(seed)),
    column('text', 'Error', ({ error }) => error),
    column('text', 'Key', ({ key }) => key),
  ]);
}
