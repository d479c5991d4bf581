/** Statistics of a study: numbers in, numbers out. May import util only. */
export { type AdjustedScore, adjustedScores, grandMean } from './adjusted-scores.ts';
export { analyseTable, type TableAnalysis, type TableOptions, type TableRow } from './analyse-table.ts';
export { benjaminiHochberg } from './benjamini-hochberg.ts';
export { bestOrTied, type Standing } from './best-or-tied.ts';
export { type BootstrapOptions, bootstrapInterval, bootstrapIntervals } from './bootstrap.ts';
export { adjusted, type Correction } from './correction.ts';
export { type Correlation, pearson, spearman } from './correlation.ts';
export { correlationBootstrap, fisherInterval } from './correlation-interval.ts';
export { type Crossing, crossing } from './crossing.ts';
export { holm } from './holm.ts';
export { type Interval, wilsonInterval } from './intervals.ts';
export { kendall } from './kendall.ts';
export { type LinePrediction, linePrediction } from './line-prediction.ts';
export { inverseLogit, logit, logitOfCounts } from './logit.ts';
export { type PairedExactTest, pairedExactTest } from './paired-exact.ts';
export { type PairedPerClassTest, pairedPerClassTest } from './paired-per-class.ts';
export { type PairedPermutationTest, pairedPermutationTest } from './paired-permutation.ts';
export { type PairedSeedsTest, pairedSeedsTest } from './paired-seeds.ts';
export { type PairedTTest, pairedTTest } from './paired-t.ts';
export { type RankRegret, rankRegret } from './rank-regret.ts';
export { type BandPoint, type RegressionLine, regressionBand, regressionLine } from './regression.ts';
export { type ShareWon, shareWon } from './share-won.ts';
export { signTest } from './sign-test.ts';
export { type CorrelationEstimate, type SourceRelation, sourceRelation } from './source-relation.ts';
export { type Spread, spread } from './spread.ts';
export { type StepsToOdds, stepsToOdds } from './steps-to-odds.ts';
export {
  Features,
  gbc,
  hScore,
  ledoitWolf,
  leep,
  logme,
  logmeOfMultiLabel,
  nce,
  transRate,
} from './transferability/index.ts';
export { type VarianceComponents, varianceComponents } from './variance-components.ts';
export { weightedKendall } from './weighted-kendall.ts';
