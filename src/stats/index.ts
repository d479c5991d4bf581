/** Statistics of a study: numbers in, numbers out. May import util only. */
export { type AdjustedScore, adjustedScores, grandMean } from './adjusted-scores.ts';
export { type BootstrapOptions, bootstrapInterval } from './bootstrap.ts';
export { type Correlation, pearson, spearman } from './correlation.ts';
export { holm } from './holm.ts';
export { type Interval, wilsonInterval } from './intervals.ts';
export { logit, logitOfCounts } from './logit.ts';
export { type PairedExactTest, pairedExactTest } from './paired-exact.ts';
export { type PairedPermutationTest, pairedPermutationTest } from './paired-permutation.ts';
export { type PairedTTest, pairedTTest } from './paired-t.ts';
