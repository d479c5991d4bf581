/**
 * How well the accuracy on the source data predicts transfer: the numbers of one panel of the paper's figure 2.
 *
 * Reference: Kornblith, Shlens & Le, "Do better ImageNet models transfer better?", 2019, section 4.1.
 * Example: the source logits of sixteen models and their mean adjusted logit accuracies gave r = .96 in the paper.
 */
import { invariant } from '../util/errors.ts';
import type { BootstrapOptions } from './bootstrap.ts';
import { type Correlation, pearson, ranks, spearman } from './correlation.ts';
import { correlationBootstrap, fisherInterval } from './correlation-interval.ts';
import type { Interval } from './intervals.ts';
import { type BandPoint, type RegressionLine, regressionBand, regressionLine } from './regression.ts';

export interface CorrelationEstimate {
  readonly coefficient: number;
  /** Two-sided, of no correlation. */
  readonly pValue: number;
  /** By Fisher's transformation; null below four models. */
  readonly fisher: Interval | null;
  /** Percentile bootstrap over models. */
  readonly bootstrap: Interval;
}

export interface SourceRelation {
  /** Models that entered. */
  readonly n: number;
  readonly pearson: CorrelationEstimate;
  readonly spearman: CorrelationEstimate;
  readonly line: RegressionLine;
  /** The line and its bootstrap band at 41 places from the smallest to the largest source accuracy. */
  readonly band: readonly BandPoint[];
}

const BAND_STEPS = 40;

/**
 * @param source logit source accuracies
 * @param transfer mean adjusted logit accuracies, in the same order
 * @returns null with fewer than three models, or where either list is constant: there is no correlation then
 */
export function sourceRelation(
  source: readonly number[],
  transfer: readonly number[],
  options: BootstrapOptions = {},
): SourceRelation | null {
  invariant(source.length === transfer.length, 'a source accuracy for every transfer accuracy');
  const n = source.length;
  if (n < 3 || Number.isNaN(pearson(source, transfer).coefficient)) return null;
  const [least, most] = [Math.min(...source), Math.max(...source)];
  const places = Array.from({ length: BAND_STEPS + 1 }, (_, i) => least + ((most - least) * i) / BAND_STEPS);
  const estimate = (
    kind: 'pearson' | 'spearman',
    found: Correlation,
    drawn: typeof pearson,
  ): CorrelationEstimate => ({
    ...found,
    fisher: n < 4 ? null : fisherInterval(found.coefficient, n, { kind, confidence: options.confidence }),
    bootstrap: correlationBootstrap(source, transfer, drawn, options),
  });
  return {
    n,
    pearson: estimate('pearson', pearson(source, transfer), pearson),
    // The exact p-value of every resample would take long, and only its coefficient is asked for.
    spearman: estimate('spearman', spearman(source, transfer), (x, y) => pearson(ranks(x), ranks(y))),
    line: regressionLine(source, transfer),
    band: regressionBand(source, transfer, places, options),
  };
}
