/** Statistics of a study: numbers in, numbers out. May import util only. */
export { type AdjustedScore, adjustedScores, grandMean } from './adjusted-scores.ts';
export { analyseTable, type TableAnalysis, type TableOptions, type TableRow } from './analyse-table.ts';
export { benjaminiHochberg } from './benjamini-hochberg.ts';
export { bestOrTied, type Standing } from './best-or-tied.ts';
export { type BootstrapOptions, bootstrapInterval, bootstrapIntervals } from './bootstrap.ts';
export { adjusted, type Correction } from './correction.ts';
export { type Correlation, pearson, spearman } from './correlation.ts';
export { correlationBootstrap, fisherInterval } from './correlation-interval.ts';
export { holm } from './holm.ts';
export { type Interval, wilsonInterval } from './intervals.ts';
export { inverseLogit, logit, logitOfCounts } from './logit.ts';
export { type PairedExactTest, pairedExactTest } from './paired-exact.ts';
export { type PairedPermutationTest, pairedPermutationTest } from './paired-permutation.ts';
export { type PairedTTest, pairedTTest } from './paired-t.ts';
export { type BandPoint, type RegressionLine, regressionBand, regressionLine } from './regression.ts';
export { type CorrelationEstimate, type SourceRelation, sourceRelation } from './source-relation.ts';
