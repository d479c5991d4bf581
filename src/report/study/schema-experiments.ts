/** The parts of a study's document that are experiments of their own, pictures, cost and claims. */
import { z } from 'zod';
import { documentParts } from '../schema.ts';
import { interval, sourceAccuracy } from './schema-figures.ts';

const { share, count, setting } = documentParts;

const switchName = z
  .enum(['gamma', 'labelSmoothing', 'dropout', 'auxiliary'])
  .describe('batch-norm scale, label smoothing, dropout, auxiliary head');

const effect = z.strictObject({
  setting,
  n: count.describe('data sets'),
  difference: z.number().describe('of the metric, on minus off; mean over data sets'),
  logitDifference: z.number(),
  interval: interval.describe('of `logitDifference`, from the t-distribution over data sets'),
  pValue: share.nullable().describe('paired t-test over data sets; null with one'),
  adjustedP: share.nullable(),
  datasets: z.array(
    z.strictObject({ dataset: z.string(), difference: z.number(), logitDifference: z.number() }),
  ),
});

export const regularisation = z
  .strictObject({
    base: z.string().describe('the variant from which one switch at a time was changed'),
    variants: z.array(
      z.strictObject({
        model: z.string(),
        gamma: z.boolean(),
        labelSmoothing: z.boolean(),
        dropout: z.boolean(),
        auxiliary: z.boolean(),
        source: sourceAccuracy,
        scores: z.array(
          z.strictObject({
            setting,
            score: z
              .number()
              .describe('mean over data sets of logit accuracy minus the mean of all variants'),
            standardError: z.number().nullable(),
            n: count.describe('data sets, those on which every variant has a result'),
          }),
        ),
      }),
    ),
    effects: z.array(
      z.strictObject({
        switch: switchName,
        pairs: z
          .array(z.strictObject({ on: z.string(), off: z.string() }))
          .describe('variants that differ in this switch alone'),
        source: z
          .strictObject({ difference: z.number(), logitDifference: z.number(), n: count.describe('pairs') })
          .nullable()
          .describe('source accuracy, on minus off; mean over pairs'),
        transfer: z.array(effect),
      }),
    ),
  })
  .nullable();

export const convergence = z
  .strictObject({
    shareOfOdds: share.describe('share of the maximum odds of a right answer that counts as converged'),
    curves: z.array(
      z.strictObject({
        model: z.string(),
        dataset: z.string(),
        setting,
        points: z.array(
          z.strictObject({
            steps: count,
            epochs: z.number(),
            value: share.describe('test metric after a run of so many steps; mean over seeds'),
            low: share.describe('of the 95% interval of the sample of test images'),
            high: share,
            odds: z.number().describe('value / (1 - value), with half an image added at 1'),
            runs: count,
            seconds: z.number(),
          }),
        ),
        maximumOdds: z.number(),
        steps: z
          .number()
          .describe(
            'that reach `shareOfOdds` of the maximum odds, on a line between budgets in log odds and log steps',
          ),
        epochs: z.number().describe('of as many steps'),
        atMost: z
          .boolean()
          .describe('whether the smallest budget reached it already, so that fewer might do'),
        stillRising: z
          .boolean()
          .describe('whether the largest budget has the maximum, so that more steps might reach more'),
        settled: z
          .boolean()
          .describe(
            'whether the last budget but one has `shareOfOdds` of the maximum too: the curve is flat at its end',
          ),
      }),
    ),
    ratios: z.array(
      z.strictObject({
        model: z.string(),
        dataset: z.string(),
        scratch: z.number(),
        finetune: z.number(),
        ratio: z.number().describe('`scratch` / `finetune`'),
        bound: z
          .enum(['exact', 'at least', 'at most', 'unknown'])
          .describe('what `atMost` and `settled` of the two curves leave of the ratio'),
      }),
    ),
    ratio: z
      .strictObject({ value: z.number().describe('geometric mean'), interval, n: count })
      .nullable()
      .describe('how many times fewer steps fine-tuning needs than training from scratch'),
  })
  .nullable();

export const datasetSize = z
  .strictObject({
    curves: z.array(
      z.strictObject({
        model: z.string(),
        dataset: z.string(),
        setting,
        points: z.array(
          z.strictObject({
            images: count.describe('training and validation together'),
            perClass: z.number(),
            values: z.array(share).describe('one per subset'),
            mean: share,
            low: share.describe('lowest subset'),
            high: share,
            logit: z.number().describe('mean over subsets'),
          }),
        ),
      }),
    ),
    comparisons: z.array(
      z.strictObject({
        model: z.string(),
        dataset: z.string(),
        a: setting,
        b: setting,
        points: z.array(
          z.strictObject({
            images: count,
            n: count.describe('subsets that have both'),
            difference: z.number().describe('a - b of the metric'),
            logitDifference: z.number(),
            interval: interval.describe('of `logitDifference`, from the t-distribution over subsets'),
            pValue: share.nullable(),
          }),
        ),
        crossing: z
          .strictObject({
            kind: z
              .enum(['crosses', 'always', 'never'])
              .describe('a stays ahead from `at` on, at all sizes, or is not ahead at the largest'),
            at: z.number().nullable().describe('images, on lines between sizes in log images'),
            interval: z
              .strictObject({ low: z.number().nullable(), high: z.number().nullable() })
              .nullable()
              .describe('95% bootstrap over subsets; an end that is null lies beyond the sizes tried'),
            draws: z
              .strictObject({ always: share, crosses: share, never: share })
              .nullable()
              .describe(
                'shares of the bootstrap draws of each kind, which say what is known where ends are null; null without an interval',
              ),
          })
          .nullable()
          .describe('null with one size'),
      }),
    ),
    gap: z
      .strictObject({
        perTenfold: z
          .number()
          .describe('change of fine-tuned minus from scratch in logits per tenfold number of images'),
        interval: interval.describe('from the t-distribution over curves'),
        n: count.describe('pairs of curves, a network on a data set'),
      })
      .nullable()
      .describe('how the gap to training from scratch changes with size'),
  })
  .nullable();

export const embedding = z.strictObject({
  model: z.string(),
  dataset: z.string(),
  setting: z.string(),
  method: z.enum(['tsne', 'umap']),
  classes: z.array(z.string()).readonly(),
  points: z.array(z.strictObject({ x: z.number(), y: z.number(), label: count })).readonly(),
  knn: share.optional().describe('accuracy of nearest neighbours in the full feature space'),
  trustworthiness: share
    .optional()
    .describe('how far near points of the drawing are near in the full feature space'),
});

const ofModel = {
  model: z.string(),
  dataset: z.string(),
  setting: z.string(),
  classes: z.array(z.string()).readonly(),
};

export const panel = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('neighbours'),
    ...ofModel,
    rows: z
      .array(
        z.strictObject({
          image: z.string(),
          label: count,
          neighbours: z
            .array(z.strictObject({ image: z.string(), label: count, similarity: z.number() }))
            .readonly(),
        }),
      )
      .readonly(),
  }),
  z.strictObject({
    kind: z.literal('activation'),
    ...ofModel,
    missing: z.string().nullable().describe('why the network has no such maps, as half a sentence'),
    rows: z
      .array(
        z.strictObject({
          image: z.string(),
          label: count,
          predicted: count,
          probability: share,
          map: z.array(z.array(share).readonly()).readonly(),
          seen: z.string().describe('key of the picture of what the network sees of the image'),
          overlay: z.string().describe('key of that picture with the map over it'),
        }),
      )
      .readonly(),
  }),
]);

export const cost = z.strictObject({
  seconds: z.number(),
  settings: z.array(
    z.strictObject({
      setting,
      cells: count,
      seconds: z.number(),
      search: z.number(),
      final: z.number(),
      trials: count,
      images: z
        .number()
        .nullable()
        .describe(
          'images passed through the networks: steps times batch size, or for fixed features every image once; ' +
            'null where the protocol does not say the batch size',
        ),
    }),
  ),
  experiments: z.array(z.strictObject({ experiment: z.string(), cells: count, seconds: z.number() })),
});

export const claim = z.strictObject({
  id: z.string(),
  topic: z.string().describe('heading under which it stands'),
  claim: z.string(),
  paper: z.string().describe("the paper's value"),
  study: z.string().nullable().describe("this study's value in words; null without data"),
  value: z.number().nullable(),
  interval,
  n: count,
  unit: z.string().describe('what `n` counts'),
  verdict: z.enum(['supported', 'contradicted', 'not enough data']),
  rule: z.string().describe('when it counts as supported, and when as contradicted'),
  reason: z.string().describe('why the verdict is what it is, in one sentence'),
  figure: z
    .enum(['figure1', 'settings', 'regularisation', 'convergence', 'datasetSize'])
    .describe('where its data is shown'),
});

export const experimentNames = z
  .array(z.enum(['settings', 'regularisation', 'convergence', 'datasetSize']))
  .describe('the experiments that the cell belongs to');
