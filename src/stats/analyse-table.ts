/**
 * The analysis of a table of results: models x data sets, one logit accuracy in each place.
 *
 * Purpose: one function for every such table, computed here or published: adjusted scores with Morey's error bars,
 * which models do not differ from the best, and how well accuracy on the source predicts transfer. The rows may as
 * well be the settings of one network.
 * Reference: Kornblith, Shlens & Le, "Do better ImageNet models transfer better?", 2019, section 3 and figure 2.
 * Example: `analyseTable([[2, 1], [0, 1], [1, 0]], { source: [1.5, 1.1, 1] })` has scores 0.667, -0.333, -0.333.
 */
import { adjustedScores, grandMean } from './adjusted-scores.ts';
import { bestOrTied, type Standing } from './best-or-tied.ts';
import type { BootstrapOptions } from './bootstrap.ts';
import type { Correction } from './correction.ts';
import { inverseLogit } from './logit.ts';
import { pairedTTest } from './paired-t.ts';
import { type SourceRelation, sourceRelation } from './source-relation.ts';

export interface TableOptions extends BootstrapOptions {
  /** Source accuracy of every model on the logit scale, null where it is unknown. Without it, no `source` comes out. */
  readonly source?: readonly (number | null)[];
  /** Of the p-values of the tests against the best; default none, as the paper does. */
  readonly correction?: Correction;
  /** Default 0.05. */
  readonly alpha?: number;
}

export interface TableRow extends Standing {
  /** Row of the table given. */
  readonly model: number;
  /** Mean adjusted logit accuracy; those of all rows sum to 0. */
  readonly score: number;
  /** Morey's; null with one data set or one model, which show no spread. */
  readonly standardError: number | null;
  /** `score` and the grand mean as an accuracy, 0..1: on a data set of average difficulty. */
  readonly accuracy: number;
  /** Logit accuracy minus the mean of all models there, per data set, in the order of `TableAnalysis.datasets`. */
  readonly adjusted: readonly number[];
  /** Mean difference of logits to the best (0 or below) and its interval; null where `pValue` is. */
  readonly difference: { readonly mean: number; readonly low: number; readonly high: number } | null;
}

export interface TableAnalysis {
  /** Columns of the table given that entered, ascending. */
  readonly datasets: readonly number[];
  /** Mean of the logits that entered: added to scores for display. */
  readonly grandMean: number;
  /** The models that entered, in the order given. */
  readonly rows: readonly TableRow[];
  /** Transfer (`score`) against the source; null without `source` or with fewer than three models that differ there. */
  readonly source: SourceRelation | null;
}

/**
 * Adjusted scores, standings by paired t-tests across data sets, and the relation to the source. Every number that
 * comes out is finite.
 * @param logits `logits[m][d]`: of model m on data set d (`logitOfCounts`), null where there is no result. Rows and
 *   columns with holes are left out, the one with the largest share of holes first, until none is left.
 * @returns null when not a single result is left
 */
export function analyseTable(
  logits: readonly (readonly (number | null)[])[],
  { source, correction = 'none', alpha = 0.05, confidence = 0.95, ...bootstrap }: TableOptions = {},
): TableAnalysis | null {
  const { models, datasets } = withoutHoles(logits);
  if (models.length === 0 || datasets.length === 0) return null;
  const table = models.map((m) => datasets.map((d) => logits[m][d] as number));
  const scores = adjustedScores(table);
  const best = scores.reduce((top, score, m) => (score.mean > scores[top].mean ? m : top), 0);
  const tests = table.map((row, m) =>
    m === best || datasets.length < 2 ? null : pairedTTest(row, table[best], confidence),
  );
  const standings = bestOrTied(
    scores.map((score) => score.mean),
    (m) => tests[m]?.pValue ?? null,
    { alpha, correction },
  );
  const centre = grandMean(table);
  const rows = scores.map((score, m): TableRow => {
    const test = tests[m];
    return {
      model: models[m],
      score: score.mean,
      standardError: Number.isFinite(score.standardError) ? score.standardError : null,
      accuracy: inverseLogit(score.mean + centre),
      adjusted: score.perDataset,
      difference: test && { mean: test.meanDifference, ...test.interval },
      ...standings[m],
    };
  });
  return {
    datasets,
    grandMean: centre,
    rows,
    source: source ? relationOf(rows, source, { ...bootstrap, confidence }) : null,
  };
}

/** Of the models whose source accuracy is known. */
function relationOf(
  rows: readonly TableRow[],
  source: readonly (number | null)[],
  options: BootstrapOptions,
): SourceRelation | null {
  const points = rows.flatMap(({ model, score }) => {
    const x = source[model];
    return x === null ? [] : [{ x, y: score }];
  });
  return sourceRelation(
    points.map(({ x }) => x),
    points.map(({ y }) => y),
    options,
  );
}

/** The rows and columns that are left when those with holes are dropped, the emptiest first. */
function withoutHoles(table: readonly (readonly (number | null)[])[]) {
  const models = new Set(table.keys());
  const datasets = new Set((table[0] ?? []).keys());
  for (;;) {
    const rows = [...models].map((m) => [...datasets].filter((d) => table[m][d] === null).length);
    const columns = [...datasets].map((d) => [...models].filter((m) => table[m][d] === null).length);
    const [mostInRow, mostInColumn] = [Math.max(0, ...rows), Math.max(0, ...columns)];
    if (mostInRow === 0) return { models: [...models], datasets: [...datasets] };
    // One hole in a table with more models than data sets costs less as a model, and the other way round.
    if (mostInRow / datasets.size >= mostInColumn / models.size)
      models.delete([...models][rows.indexOf(mostInRow)]);
    else datasets.delete([...datasets][columns.indexOf(mostInColumn)]);
  }
}
