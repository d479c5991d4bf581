/**
 * The JSON document of `compare`: what `--json` prints, and what the terminal text and the page are made of.
 * The schema is the type's only definition, so the document, its description and its JSON Schema agree.
 * May import store and stats.
 */
import { z } from 'zod';
import { SCORES } from '../stats/transferability/names.ts';
import { DOCUMENT_VERSION } from '../store/records.ts';

const share = z.number().min(0).max(1);
const count = z.int().min(0);
const hash = z.string().describe('SHA-256, hexadecimal');
const setting = z
  .enum(['fixed', 'finetune', 'scratch'])
  .describe('features kept fixed, all weights fine-tuned, or trained from random weights');
const metric = z
  .enum(['top1', 'meanPerClass', 'meanAveragePrecision'])
  .describe(
    'share of the images that are right, the mean over classes of that share, or, where an image can have several ' +
      'classes, the mean over classes of the 11-point average precision',
  );
const labelled = z.record(z.string(), z.union([z.string(), z.number()]));

const estimate = z
  .strictObject({ value: share, low: share, high: share })
  .describe('a share and its 95% interval: Wilson for top1, percentile bootstrap of images for the others');

const split = z.enum(['train', 'validation', 'test']);

const audit = z
  .strictObject({
    images: count,
    unreadable: count.describe('compared by their bytes only'),
    overlaps: z
      .array(
        z.strictObject({
          split,
          otherSplit: split,
          images: z.array(z.string()).readonly().describe('ids of those of `split`'),
          exact: count.describe('how many of them have the same bytes as a copy'),
        }),
      )
      .describe('images of a part that have a copy in a part that is used before it'),
    within: z.array(z.strictObject({ split, images: count })).describe('superfluous copies within one part'),
    labelConflicts: count.describe('groups of copies with different labels'),
    crowded: z.boolean().describe('whether too many images look alike for comparing all of them'),
    groupCount: count,
    groups: z
      .array(
        z.strictObject({
          kind: z.enum(['exact', 'near']),
          mirrored: z.boolean(),
          correlation: z.number(),
          size: count.describe('how many images the group has'),
          images: z.array(z.strictObject({ id: z.string(), split, label: z.string().nullable() })).readonly(),
        }),
      )
      .describe('the first ones, those across parts before those within one'),
  })
  .describe(
    'copies among the images: the same bytes, or encoded again, resized, mirrored, brighter or darker',
  );

const dataset = z.strictObject({
  name: z.string(),
  classes: z.array(z.string()).readonly(),
  images: z.strictObject({ train: count, validation: count, test: count }),
  metric,
  fingerprint: z.string().describe('content address of classes, images, labels and splits'),
  problems: z
    .array(
      z.strictObject({
        kind: z.enum(['unreadable', 'duplicate', 'annotation', 'deviation']),
        images: z.array(z.string()).readonly(),
        message: z.string(),
      }),
    )
    .readonly(),
  audit: audit.optional(),
});

const model = z.strictObject({
  name: z.string(),
  family: z.string(),
  parameters: count.describe('number of weights without the classifier'),
  featureSize: count.describe('length of the penultimate features'),
  inputSize: count.describe('side of the square input, pixels'),
  source: z.string().describe('where the pre-trained weights come from'),
  weightsHash: hash.optional(),
});

const protocol = z.strictObject({
  name: z.string(),
  hash: z.string(),
  fields: z.record(z.string(), z.unknown()),
});

const cell = z.strictObject({
  key: hash.describe('content address of everything that determines the result'),
  dataset: z.string(),
  model: z.string(),
  setting,
  seed: z.int(),
  hyperparameters: z.record(z.string(), z.number()).describe('as chosen on the validation part'),
  validation: z.strictObject({ value: share, n: count }),
  test: z.strictObject({
    ...estimate.shape,
    metric,
    top1: share.nullable().describe('null where an image can have several classes'),
    meanPerClass: share.nullable(),
    correct: count.describe('images that are right; multi-label: all of whose classes are'),
    n: count,
  }),
  trainImages: count,
  seconds: z.strictObject({ total: z.number(), search: z.number(), final: z.number() }),
  network: z
    .strictObject({ sha256: hash, bytes: count, mediaType: z.string() })
    .describe('the trained network in the artifact folder'),
  finishedAt: z.string(),
});

const failedCell = z.strictObject({
  key: hash,
  dataset: z.string(),
  model: z.string(),
  setting,
  seed: z.int(),
  error: z.string(),
});

const comparison = z
  .strictObject({
    difference: z.number().describe('this candidate minus the best, of the metric; means over seeds'),
    seed: z.int().describe('seed of the two networks whose test images were compared'),
    testedDifference: z
      .number()
      .describe(
        'this minus the best, of the metric of those two networks; multi-label: of their right decisions per image and class. May have another sign than `difference`',
      ),
    bestOnly: count.describe(
      'test images that only the best gets right; multi-label: of which it gets more classes right',
    ),
    thisOnly: count.describe('likewise this candidate'),
    pValue: share.describe(
      'paired test of the same images, two-sided: exact (top1, and multi-label: of their right decisions) or by permutation (meanPerClass)',
    ),
    adjustedP: share.describe(
      "after the correction for all comparisons of this data set: Holm's, or that of the study",
    ),
  })
  .describe('with the best candidate of the data set');

const candidate = z.strictObject({
  rank: z.int().min(1),
  model: z.string(),
  setting,
  seeds: z.array(z.int()),
  test: estimate.describe('mean over seeds; the interval is that of the sample of test images'),
  correct: z.number().describe('test images right, mean over seeds'),
  n: count,
  spread: z
    .strictObject({ low: share, high: share })
    .nullable()
    .describe('lowest and highest seed; null with one seed'),
  seconds: z.number().describe('wall-clock time of one seed, search included; mean over seeds'),
  comparison: comparison.nullable().describe('null for the best itself'),
  tied: z
    .boolean()
    .describe(
      'not significantly worse than the best: `adjustedP` of .05 or more, or `testedDifference` above 0 (true for the best itself)',
    ),
  keys: z.array(hash).describe('the cells, in the order of `seeds`'),
});

const settingSummary = z.strictObject({
  setting,
  model: z.string().describe('the best model in this setting'),
  value: share,
  gainOverScratch: z
    .number()
    .nullable()
    .describe('minus the best network trained from scratch; null when none was'),
});

const power = z
  .strictObject({
    disagreement: share.describe(
      'share of the test images that exactly one of the best and its runner-up gets right',
    ),
    detectable: z
      .number()
      .describe('true difference that one comparison at .05 would notice four times in five'),
    observed: z.number().describe('the best minus its runner-up'),
    imagesNeeded: count
      .nullable()
      .describe('test images with which the observed difference would be noticed; null when it is 0'),
  })
  .describe(
    'how small a difference this test part can show; null also where the metric is not what is tested',
  );

const sentences = z.strictObject({ headline: z.string(), sentences: z.array(z.string()) });

const ranking = z.strictObject({
  dataset: z.string(),
  metric,
  baseline: share
    .nullable()
    .describe('the metric of always answering the most frequent class; multi-label: of scoring all alike'),
  candidates: z.array(candidate).describe('best first'),
  settings: z.array(settingSummary),
  power: power.nullable(),
  verdict: sentences,
});

const acrossCandidate = z.strictObject({
  rank: z.int().min(1),
  model: z.string(),
  setting,
  score: z.number().describe('mean over data sets of logit accuracy minus the mean of all candidates there'),
  standardError: z.number().nullable().describe("Morey's standard error of `score`"),
  accuracy: share.describe('`score` put back on the accuracy scale, on a data set of average difficulty'),
  seconds: z.number().describe('over all data sets, one seed each'),
  comparison: z
    .strictObject({
      difference: z.number().describe('of mean logits, this minus the best'),
      pValue: share.describe('paired t-test over data sets'),
      adjustedP: share.describe("after the correction for all candidates: Holm's, or that of the study"),
    })
    .nullable(),
  tied: z.boolean().describe('p-value of .05 or more, without correction (true for the best itself)'),
});

const acrossDatasets = z
  .strictObject({
    datasets: z.array(z.string()),
    grandMean: z.number().describe('mean logit accuracy of all candidates on all data sets'),
    candidates: z.array(acrossCandidate),
    excluded: z.array(z.strictObject({ model: z.string(), setting, missing: z.array(z.string()) })),
  })
  .describe(
    'candidates that have a result on every data set, with the difficulty of the data sets taken out',
  );

const shortlist = z
  .strictObject({
    keep: z.int().min(1).describe('networks per data set that were to be kept'),
    datasets: z.array(
      z.strictObject({
        dataset: z.string(),
        score: z.enum(SCORES).describe('what was computed on the training images, without training'),
        candidates: z
          .array(
            z.strictObject({
              model: z.string(),
              value: z.number().nullable().describe('null where it could not be computed: these are kept'),
              kept: z.boolean(),
            }),
          )
          .describe('highest score first'),
      }),
    ),
    seconds: z.number().describe('that computing the scores took'),
  })
  .describe('which networks were dropped untried because of a transferability score');

const compareSchema = z
  .strictObject({
    kind: z.literal('compare'),
    version: z.literal(DOCUMENT_VERSION),
    title: z.string(),
    startedAt: z.string().describe('ISO 8601, UTC'),
    command: z.string().describe('repeats this comparison'),
    protocol,
    environment: labelled,
    datasets: z.array(dataset),
    models: z.array(model),
    cells: z.array(cell),
    failed: z.array(failedCell),
    rankings: z.array(ranking).describe('one per data set, in the order of `datasets`'),
    acrossDatasets: acrossDatasets.nullable(),
    shortlist: shortlist.optional(),
    cost: z.strictObject({
      seconds: z.number(),
      search: z.number(),
      final: z.number(),
      images: z
        .strictObject({
          seconds: z.number().describe('of the runs that kept count'),
          preparing: z.number().describe('decoding images or reading them from the cache'),
          waiting: z.number().describe('batches that were not ready when they were needed'),
        })
        .nullable(),
    }),
    verdict: sentences.describe('the answer in plain sentences'),
  })
  .describe('Result of `transferlab compare`. All shares are in 0..1, all times in seconds.');

/** What documents of other commands have in common with this one. */
export const documentParts = {
  share,
  count,
  hash,
  setting,
  metric,
  labelled,
  estimate,
  dataset,
  model,
  protocol,
  cell,
  failedCell,
  ranking,
  acrossDatasets,
  sentences,
};

export type CompareDocument = z.infer<typeof compareSchema>;
export type DatasetSummary = z.infer<typeof dataset>;
export type DatasetAudit = z.infer<typeof audit>;
export type ModelSummary = z.infer<typeof model>;
export type CellSummary = z.infer<typeof cell>;
export type Candidate = z.infer<typeof candidate>;
export type Ranking = z.infer<typeof ranking>;
export type Power = z.infer<typeof power>;
export type Estimate = z.infer<typeof estimate>;
export type AcrossDatasets = z.infer<typeof acrossDatasets>;
export type Shortlist = z.infer<typeof shortlist>;
export type Verdict = z.infer<typeof sentences>;

/** JSON Schema (draft 2020-12) of the document. */
export function compareJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(compareSchema, { target: 'draft-2020-12' });
}

/** The document in a JSON value, for example of a stored file; throws zod's error where it is not one. */
export function parseCompareDocument(value: unknown): CompareDocument {
  return compareSchema.parse(value);
}
