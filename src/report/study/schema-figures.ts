/** The parts of a study's document that compare networks with each other: correlations, settings, seeds, scores. */
import { z } from 'zod';
import { documentParts } from '../schema.ts';

const { share, count, hash, setting, metric, estimate } = documentParts;

/** Ends of an interval that may not exist for want of data. */
export const interval = z
  .strictObject({ low: z.number(), high: z.number() })
  .nullable()
  .describe('95% interval; null where there is too little data for one');

export const correlation = z
  .strictObject({
    coefficient: z.number().min(-1).max(1),
    pValue: share.describe('two-sided, of no correlation; of rho from all orders of up to nine points'),
    interval: interval.describe("Fisher's 95% interval; null with three points, and at -1 and 1"),
    n: count.describe('points'),
  })
  .nullable()
  .describe('null with fewer than three points, or where all have the same value');

export const trend = z
  .strictObject({
    slope: z.number(),
    intercept: z.number(),
    band: z
      .array(z.strictObject({ x: z.number(), y: z.number(), low: z.number(), high: z.number() }))
      .describe('the line on a grid of x, with its 95% bootstrap band: networks are drawn with replacement'),
  })
  .nullable()
  .describe('least squares; null where there is no correlation');

export const sourceAccuracy = z
  .strictObject({
    value: share,
    logit: z.number().describe('ln(p / (1 - p)), with half an image added to both sides at 0 and 1'),
    images: count.nullable().describe('test images of the source set; null where not known'),
  })
  .nullable()
  .describe('accuracy on the source set; null where not known');

const transferPoint = z.strictObject({
  rank: z.int().min(1).describe('equal scores share the better rank'),
  model: z.string(),
  source: sourceAccuracy,
  score: z.number().describe('mean over data sets of logit accuracy minus the mean of all networks there'),
  adjusted: z.array(z.number()).describe('what `score` is the mean of, in the order of `datasets`'),
  standardError: z
    .number()
    .nullable()
    .describe("Morey's standard error of `score`; null with one network or one data set"),
  accuracy: share.describe('`score` put back on the accuracy scale, on a data set of average difficulty'),
  difference: z
    .strictObject({ mean: z.number(), low: z.number(), high: z.number() })
    .nullable()
    .describe('of mean logits, this minus the best; null for the best, and with one data set'),
  pValue: share.nullable().describe('paired t-test over data sets against the best'),
  adjustedP: share.nullable().describe("after the study's correction"),
  tied: z
    .boolean()
    .describe(
      'not shown to differ from the best at .05 (true for the best itself; with one data set, which allows no test, for all)',
    ),
});

/** Figure 1 of the paper: a panel per setting. */
export const figure1 = z.strictObject({
  setting,
  datasets: z.array(z.string()),
  grandMean: z.number().describe('mean logit accuracy of all networks on all data sets'),
  points: z.array(transferPoint).describe('networks that have a result on each of `datasets`, best first'),
  excluded: z
    .strictObject({
      models: z.array(z.strictObject({ model: z.string(), missing: z.array(z.string()) })),
      datasets: z.array(z.string()),
    })
    .describe('networks and data sets left out because of missing results'),
  pearson: correlation.describe('r of logit source accuracy and `score`'),
  spearman: correlation.describe('rho of the same'),
  trend: trend.describe('of `score` on logit source accuracy'),
  bySize: z
    .array(
      z.strictObject({
        group: z.enum(['small', 'large']),
        below: count.describe('training images, validation included, that divide the groups'),
        datasets: z.array(z.string()),
        pearson: correlation,
      }),
    )
    .describe('r over the small and over the large data sets'),
});

/** Figure 2: a panel per data set and setting. */
export const figure2 = z.strictObject({
  dataset: z.string(),
  metric,
  setting,
  points: z
    .array(
      z.strictObject({
        rank: z.int().min(1),
        model: z.string(),
        source: sourceAccuracy,
        test: estimate,
        logit: z.number().describe('of `test.value`'),
        seeds: z.array(z.int()),
        spread: z.strictObject({ low: share, high: share }).nullable(),
        pValue: share
          .nullable()
          .describe('paired test of the same images against the best of the panel; null for the best'),
        adjustedP: share.nullable(),
        testedDifference: z
          .number()
          .nullable()
          .describe('as in `rankings`: of the networks tested, which are of the first seed that both have'),
        tied: z
          .boolean()
          .describe('`adjustedP` of .05 or more, or `testedDifference` above 0; true for the best'),
      }),
    )
    .describe('best first'),
  pearson: correlation.describe('r of logit source accuracy and logit test metric'),
  spearman: correlation,
  trend,
});

const settingOfDataset = z.strictObject({
  setting,
  models: count,
  best: z.strictObject({ model: z.string(), test: estimate }),
  mean: share.describe('of the metric over networks'),
  meanLogit: z.number(),
});

export const settingPair = z
  .strictObject({
    a: setting,
    b: setting,
    n: count.describe('networks or data sets that are paired'),
    difference: z.number().describe('mean of a - b of the metric'),
    logitDifference: z.number().describe('mean of a - b of its logit'),
    interval: interval.describe('of `logitDifference`, from the t-distribution'),
    pValue: share.nullable().describe('paired t-test of the logits; null with one pair'),
    adjustedP: share.nullable(),
  })
  .describe('two settings of the same networks');

const bestPair = z
  .strictObject({
    a: setting,
    b: setting,
    difference: z.number().describe('best network of a minus best network of b; means over seeds'),
    seed: z.int().describe('the first that both have: of the two networks that were tested'),
    testedDifference: z
      .number()
      .describe(
        'a minus b of these two; multi-label: of their right decisions per image and class. May have another sign than `difference`',
      ),
    pValue: share.describe('paired test of `testedDifference` on the same test images'),
    adjustedP: share,
  })
  .describe('the best networks of two settings');

/** The three settings per data set and over all of them. */
export const settingsCompared = z.strictObject({
  datasets: z.array(
    z.strictObject({
      dataset: z.string(),
      metric,
      images: count.describe('training images, validation included'),
      settings: z.array(settingOfDataset),
      pairs: z.array(settingPair).describe('over networks'),
      best: z.array(bestPair),
    }),
  ),
  overall: z.array(settingPair).describe('over data sets, of the means over networks'),
  wins: z.array(
    z.strictObject({
      a: setting,
      b: setting,
      cells: count.describe('pairs of a network and a data set that have both settings'),
      won: count.describe('of them, where a has the higher metric; means over seeds'),
      tied: count,
      lost: count,
      share: share.describe('`won` of `cells`'),
      interval: z
        .strictObject({ low: share, high: share })
        .describe('of `share`, by drawing networks and data sets with replacement (pigeonhole bootstrap)'),
      wilson: z
        .strictObject({ low: share, high: share })
        .describe('of `share`, with cells taken for independent, which they are not'),
      pValue: share.describe('sign test without the ties, two-sided, cells taken for independent'),
    }),
  ),
});

export const seeds = z
  .strictObject({
    candidates: z.array(
      z.strictObject({
        dataset: z.string(),
        model: z.string(),
        setting,
        values: z.array(z.strictObject({ seed: z.int(), value: share, key: hash })),
        mean: share,
        standardDeviation: z.number().describe('over seeds, n - 1 in the denominator'),
        samplingError: z.number().describe('a fourth of the width of the 95% interval of the test images'),
        pValue: share.describe('paired test between the best and the worst seed on the same images'),
        adjustedP: share.describe('`pValue` times the number of pairs of seeds (Bonferroni)'),
      }),
    ),
    medianStandardDeviation: z.number(),
    medianSamplingError: z.number(),
    significant: count.describe('candidates with an `adjustedP` below .05'),
    seedShare: share
      .nullable()
      .describe(
        'share of the variance of logits within a data set and setting that is due to seeds; null with one network in each',
      ),
    comparisons: z
      .array(
        z.strictObject({
          dataset: z.string(),
          setting,
          best: z.string(),
          model: z.string(),
          difference: z.number().describe('of the metric, `model` minus `best`; means over seeds'),
          imagesError: z.number().describe('standard error of the difference that is due to the images'),
          seedsError: z.number().describe('and to the seeds'),
          pairedP: share.describe('paired test of the first seed, which sees the images alone'),
          seedsP: share.describe('test that counts images and seeds'),
        }),
      )
      .describe(
        'the best network of each data set and setting against the others there; not of multi-label data sets',
      ),
  })
  .nullable()
  .describe('how results differ between seeds, which paired tests do not see; null with one seed');

const scoreOnDataset = z.strictObject({
  dataset: z.string(),
  n: count.describe('networks'),
  pearson: correlation.describe('of the score and the logit of the outcome'),
  spearman: correlation,
  kendall: z.number().nullable().describe('tau-b; null where all are equal'),
  weightedKendall: z.number().nullable().describe('tau in which the top of the order counts more'),
  chosen: z.string().describe('the network with the highest score'),
  best: z.string().describe('the network that transferred best'),
  chosenRank: z.int().min(1).describe('rank of the chosen network by outcome'),
  regret: z.number().min(0).describe('metric of the best network minus that of the chosen one'),
  chanceRegret: z.number().min(0).describe('what a network drawn at random loses on average'),
});

const prediction = z
  .strictObject({
    n: count,
    error: z.number().describe('root mean square of predicted minus measured logit'),
    baseline: z.number().describe('the same of predicting the mean logit of the other data sets'),
    coverage: share.describe('share of the outcomes inside their 95% interval'),
    points: z.array(
      z.strictObject({
        dataset: z.string(),
        model: z.string(),
        score: z.number(),
        predicted: share,
        low: share,
        high: share,
        measured: share,
      }),
    ),
  })
  .nullable()
  .describe(
    'logit accuracy predicted from the score by a line through the other data sets; null with too little data',
  );

export const transferability = z
  .strictObject({
    scores: z.array(
      z.strictObject({
        name: z.string(),
        setting,
        datasets: z.array(scoreOnDataset),
        meanRho: z.number().nullable().describe('mean over data sets of Spearman rho'),
        meanRhoInterval: interval.describe('of the mean, from the t-distribution over data sets'),
        pooled: correlation.describe(
          'Spearman rho over all networks and data sets, both with the mean of their data set taken out',
        ),
        meanWeightedKendall: z.number().nullable(),
        meanRegret: z.number(),
        worstRegret: z.number(),
        meanChanceRegret: z.number(),
        prediction,
      }),
    ),
    values: z.array(
      z.strictObject({ model: z.string(), dataset: z.string(), score: z.string(), value: z.number() }),
    ),
  })
  .nullable()
  .describe('scores that are meant to tell without training which network transfers best');
