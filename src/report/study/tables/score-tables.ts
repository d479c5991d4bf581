/** Tables of transferability scores: how well they order networks, what trusting them costs, what they predict. */
import type { StudyDocument } from '../schema.ts';
import { column, type Table, tableOf } from './table.ts';

export function scoreTables({ transferability }: StudyDocument): Table[] {
  if (!transferability) return [];
  const { scores, values } = transferability;
  return [
    tableOf('scores', 'Transferability scores', scores, [
      column('text', 'Setting', ({ setting }) => setting),
      column('text', 'Score', ({ name }) => name),
      column('count', 'Data sets', ({ datasets }) => datasets.length),
      column('number', 'Mean rho', ({ meanRho }) => meanRho),
      column('number', 'Low', ({ meanRhoInterval }) => meanRhoInterval?.low ?? null),
      column('number', 'High', ({ meanRhoInterval }) => meanRhoInterval?.high ?? null),
      column('number', 'Pooled rho', ({ pooled }) => pooled?.coefficient ?? null),
      column('number', 'Mean weighted tau', ({ meanWeightedKendall }) => meanWeightedKendall),
      column('share', 'Mean regret', ({ meanRegret }) => meanRegret),
      column('share', 'Worst regret', ({ worstRegret }) => worstRegret),
      column('share', 'Regret of chance', ({ meanChanceRegret }) => meanChanceRegret),
      column('number', 'Error of prediction', ({ prediction }) => prediction?.error ?? null),
      column('number', 'Error without score', ({ prediction }) => prediction?.baseline ?? null),
      column('share', 'Coverage', ({ prediction }) => prediction?.coverage ?? null),
    ]),
    tableOf(
      'scores-datasets',
      'Transferability scores per data set',
      scores.flatMap(({ name, setting, datasets }) =>
        datasets.map((dataset) => ({ name, setting, ...dataset })),
      ),
      [
        column('text', 'Setting', ({ setting }) => setting),
        column('text', 'Score', ({ name }) => name),
        column('text', 'Data set', ({ dataset }) => dataset),
        column('count', 'Networks', ({ n }) => n),
        column('number', 'r', ({ pearson }) => pearson?.coefficient ?? null),
        column('number', 'rho', ({ spearman }) => spearman?.coefficient ?? null),
        column('pValue', 'p of rho', ({ spearman }) => spearman?.pValue ?? null),
        column('number', 'tau', ({ kendall }) => kendall),
        column('number', 'Weighted tau', ({ weightedKendall }) => weightedKendall),
        column('text', 'Chosen', ({ chosen }) => chosen),
        column('count', 'Rank of chosen', ({ chosenRank }) => chosenRank),
        column('text', 'Best', ({ best }) => best),
        column('share', 'Regret', ({ regret }) => regret),
        column('share', 'Regret of chance', ({ chanceRegret }) => chanceRegret),
      ],
    ),
    tableOf(
      'scores-predictions',
      'Accuracy predicted from scores, each data set from the others',
      scores.flatMap(({ name, setting, prediction }) =>
        (prediction?.points ?? []).map((point) => ({ name, setting, ...point })),
      ),
      [
        column('text', 'Setting', ({ setting }) => setting),
        column('text', 'Score', ({ name }) => name),
        column('text', 'Data set', ({ dataset }) => dataset),
        column('text', 'Network', ({ model }) => model),
        column('number', 'Value', ({ score }) => score),
        column('share', 'Predicted', ({ predicted }) => predicted),
        column('share', 'Low', ({ low }) => low),
        column('share', 'High', ({ high }) => high),
        column('share', 'Measured', ({ measured }) => measured),
      ],
    ),
    tableOf('scores-values', 'Values of transferability scores', values, [
      column('text', 'Network', ({ model }) => model),
      column('text', 'Data set', ({ dataset }) => dataset),
      column('text', 'Score', ({ score }) => score),
      column('number', 'Value', ({ value }) => value),
    ]),
  ];
}
