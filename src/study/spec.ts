/**
 * Study files: what is compared, in YAML. The schema here is published as `docs/schemas/study.json`, by which editors
 * complete and check; its descriptions are the manual.
 */
import { readFile } from 'node:fs/promises';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { SCORES } from '../stats/transferability/names.ts';
import { MOST_POINTS } from '../transfer/index.ts';
import { messageOf, UserError } from '../util/errors.ts';
import { changedProtocolSchema } from './protocol-changes.ts';

const setting = z.enum(['fixed', 'finetune', 'scratch']);
const settings = z.array(setting).min(1);
const share = z.number().min(0).max(1);
const count = z.int().positive();
const name = z.string().min(1);
const names = z.array(name).min(1);
const distinct = (values: readonly number[]) => new Set(values).size === values.length;
const TWICE = 'the same number stands there twice';
const seeds = z.array(z.int().min(0)).min(1).refine(distinct, TWICE);

const training = z
  .strictObject({
    epochs: z.number().positive().describe('passes over the training images'),
    batchSize: count.default(64),
    learningRate: z.number().positive().describe('the highest; how it changes is the schedule'),
    weightDecay: z.number().min(0).default(5e-4),
    smallestCrop: share.default(0.08).describe('share of the image that the smallest random crop covers'),
    labelSmoothing: share.default(0).describe('of models that do not say otherwise'),
    average: z
      .number()
      .min(0)
      .lt(1)
      .optional()
      .describe('decay of the moving average of the weights that is kept'),
    schedule: z
      .enum(['cosine', 'warm-up-exponential'])
      .default('cosine')
      .describe('cosine to 0, or linear over 10 epochs and then times 0.975 after each epoch'),
  })
  .describe('how networks are trained on the source');

const source = z
  .strictObject({ dataset: name.describe('a data set, named as in `compare`'), training })
  .describe('what networks are pre-trained on before they are transferred');

const pretrain = z
  .strictObject({
    model: name.describe('a built-in network with its switches, such as inception_v3_025@64-gamma+aux'),
    source: name.describe('one of `sources`'),
    labelSmoothing: share.optional().describe('in place of the source’s'),
  })
  .describe('weights are trained here, on a source');

const model = z.union([
  name.describe('a model, named as in `compare --models`'),
  z.strictObject({
    name: name.optional().describe('as tables and figures call it'),
    open: name.describe('a model, named as in `compare --models`'),
    sourceAccuracy: share.optional().describe('published top-1 accuracy on the source, 0..1'),
    sourceImages: count.optional().describe('test images that it was measured on'),
  }),
  z.strictObject({ name: name.optional(), pretrain }),
]);

const dataset = z.union([
  name.describe('a data set, named as in `compare`'),
  z.strictObject({
    name: name.optional().describe('as tables and figures call it'),
    open: name.describe('a data set, named as in `compare`'),
  }),
]);

const protocol = z.union([
  name.describe('a protocol, as `transferlab protocol list` shows them'),
  changedProtocolSchema,
]);

/** What most experiments take. */
const chosen = {
  models: names.optional().describe('names of models of the study; all unless given'),
  datasets: names.optional().describe('names of data sets of the study; all unless given'),
};

/** What experiments take that are of cells of their own. */
const seeded = { seeds: seeds.optional().describe('those of the study unless given') };

const experiments = z.strictObject({
  settings: z
    .strictObject({ ...chosen })
    .optional()
    .describe('every model on every data set in every setting: figures 1 and 2 of Kornblith et al.'),
  regularisation: z
    .strictObject({
      model: name.describe('a built-in network of the Inception family'),
      source: name.describe('one of `sources`'),
      labelSmoothing: share.default(0.1),
      datasets: chosen.datasets,
      ...seeded,
      settings: settings.default(['fixed', 'finetune']),
    })
    .optional()
    .describe(
      'the published setting (no scale in batch norm; label smoothing, dropout and auxiliary head), each part switched in turn',
    ),
  convergence: z
    .strictObject({
      ...chosen,
      ...seeded,
      steps: z.array(count).min(2).refine(distinct, TWICE).describe('lengths of training'),
      settings: z
        .array(z.enum(['finetune', 'scratch']))
        .min(1)
        .default(['finetune', 'scratch']),
    })
    .optional()
    .describe('accuracy against the number of training steps, hyper-parameters chosen anew for each'),
  datasetSize: z
    .strictObject({
      ...chosen,
      ...seeded,
      perClass: z
        .array(z.int().min(2))
        .min(1)
        .refine(distinct, TWICE)
        .describe('images of each class for training and validation'),
      subsets: count.default(3).describe('random subsets of each size'),
      settings: settings.default(['fixed', 'finetune', 'scratch']),
    })
    .optional()
    .describe('accuracy against the number of training images'),
  embedding: z
    .strictObject({
      ...chosen,
      settings: settings.default(['fixed']),
      methods: z
        .array(z.enum(['tsne', 'umap']))
        .min(1)
        .default(['tsne']),
      classes: count.default(10),
      imagesPerClass: count.default(40),
    })
    .refine(
      ({ classes, imagesPerClass }) => classes * imagesPerClass <= MOST_POINTS,
      `at most ${MOST_POINTS} images can be drawn: classes times imagesPerClass`,
    )
    .optional()
    .describe('penultimate features of test images in two dimensions'),
  panels: z
    .strictObject({ ...chosen, settings: settings.default(['fixed']), images: count.default(6) })
    .optional()
    .describe('nearest training images and class activation maps of some test images'),
});

const studySchema = z
  .strictObject({
    title: name,
    description: z.string().default(''),
    protocol,
    settings: settings.default(['fixed', 'finetune', 'scratch']),
    seeds: seeds.default([0]),
    splitSeed: z.int().min(0).default(0).describe('seed of the split of data sets without official parts'),
    budget: z
      .strictObject({ hours: z.number().positive() })
      .optional()
      .describe('`plan` says so when the estimate exceeds it'),
    sources: z.record(name, source).default({}),
    models: z.array(model).min(1),
    datasets: z.array(dataset).min(1),
    experiments: experiments.default({ settings: {} }),
    scores: z
      .array(z.enum(SCORES))
      .default([...SCORES])
      .describe('transferability scores to compute'),
    correction: z
      .enum(['none', 'holm', 'benjamini-hochberg'])
      .default('none')
      .describe('of p-values of many comparisons; the paper has none'),
  })
  .describe(
    'A study for `transferlab run`. A dollar sign and a NAME in braces stand for the environment variable NAME.',
  );

type Parsed = z.output<typeof studySchema>;

type SourceSpec = z.output<typeof source>;

export type StudyModel =
  | {
      readonly kind: 'open';
      readonly name: string | undefined;
      readonly open: string;
      readonly sourceAccuracy?: number;
      readonly sourceImages?: number;
    }
  | {
      readonly kind: 'pretrain';
      readonly name: string;
      readonly model: string;
      readonly source: string;
      readonly labelSmoothing: number;
    };

interface StudyDataset {
  readonly name: string | undefined;
  readonly open: string;
}

/** A study file, read and completed: nothing is left to be looked up but what data sets and models are. */
export interface Study extends Omit<Parsed, 'models' | 'datasets'> {
  readonly models: readonly StudyModel[];
  readonly datasets: readonly StudyDataset[];
}

/** JSON Schema (draft 2020-12) of study files. */
export function studyFileJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(studySchema, { target: 'draft-2020-12', io: 'input' });
}

/** A study is a page or two; what is larger by far is something else. */
const LARGEST_FILE = 1 << 20;

/**
 * Reads a study file.
 * @throws UserError STUDY_UNREADABLE, STUDY_SYNTAX, STUDY_FORM (each mistake with its line), STUDY_VARIABLE
 */
export async function readStudy(path: string): Promise<Study> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new UserError(
      'STUDY_UNREADABLE',
      `${path} cannot be read: ${messageOf(error)}.`,
      'Check the path.',
    );
  });
  if (text.length > LARGEST_FILE) {
    throw new UserError(
      'STUDY_UNREADABLE',
      `${path} has ${text.length} characters.`,
      'A study file is a few pages of YAML.',
    );
  }
  return parseStudy(text, path);
}

/** The study in a file's text; `path` is for messages. @throws as `readStudy` */
export function parseStudy(text: string, path: string): Study {
  const lines = new LineCounter();
  // Without aliases a short file cannot stand for a huge one.
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const [error] = document.errors;
  if (error) {
    throw new UserError('STUDY_SYNTAX', `${path} is no YAML: ${error.message.trim()}`, 'Mend the line.');
  }
  let value: unknown;
  try {
    value = withVariables(document.toJS({ maxAliasCount: 0 }), path);
  } catch (thrown) {
    if (thrown instanceof UserError) throw thrown;
    throw new UserError('STUDY_SYNTAX', `${path}: ${messageOf(thrown)}`, 'Write a study without aliases.');
  }
  const parsed = studySchema.safeParse(value);
  if (!parsed.success) {
    const lineOf = (at: readonly PropertyKey[]) => {
      const node = document.getIn(at, true) as { range?: [number, number, number] } | undefined;
      return node?.range ? lines.linePos(node.range[0]).line : undefined;
    };
    throw malformed(path, parsed.error.issues, lineOf);
  }
  return completed(parsed.data, path);
}

/** `${NAME}` replaced by the environment variable. */
function withVariables(value: unknown, path: string): unknown {
  if (typeof value === 'string') {
    return value.replace(/\$\{(\w+)\}/g, (_, variable: string) => {
      const found = process.env[variable];
      if (found !== undefined) return found;
      throw new UserError(
        'STUDY_VARIABLE',
        `${path} speaks of \${${variable}}, and there is no environment variable of that name.`,
        `Set it: ${variable}=/path transferlab plan ${path}`,
      );
    });
  }
  if (Array.isArray(value)) return value.map((item) => withVariables(item, path));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withVariables(inner, path)]));
}

type Issue = z.core.$ZodIssue;

function malformed(
  path: string,
  issues: readonly Issue[],
  lineOf: (at: readonly PropertyKey[]) => number | undefined,
): UserError {
  const told = issues
    .flatMap(flattened)
    .slice(0, 6)
    .map(({ at, message }) => {
      const line = lineOf(at);
      const where = at.length === 0 ? 'the file' : at.join('.');
      return `${line === undefined ? '' : `line ${line}, `}${where}: ${message}`;
    });
  return new UserError(
    'STUDY_FORM',
    `${path} is no study:\n  ${told.join('\n  ')}`,
    'docs/schemas/study.json has what is allowed; an editor that knows it completes and checks.',
  );
}

/** Of a choice between forms the mistakes in the form that comes nearest. */
function flattened(issue: Issue): { at: PropertyKey[]; message: string }[] {
  if (issue.code !== 'invalid_union') return [{ at: [...issue.path], message: issue.message }];
  const objects = issue.errors.filter((errors) =>
    errors.some(({ code }) => code !== 'invalid_type' || errors.length > 1),
  );
  const nearest =
    [...(objects.length > 0 ? objects : issue.errors)].sort((a, b) => a.length - b.length)[0] ?? [];
  if (nearest.length === 0) return [{ at: [...issue.path], message: issue.message }];
  return nearest.flatMap(flattened).map(({ at, message }) => ({ at: [...issue.path, ...at], message }));
}

function completed(parsed: Parsed, path: string): Study {
  const models = parsed.models.map((given): StudyModel => {
    if (typeof given === 'string') return { kind: 'open', name: undefined, open: given };
    if ('open' in given) return { kind: 'open', ...given, name: given.name };
    const { model: architecture, source: sourceName, labelSmoothing } = given.pretrain;
    const found = sourceOf(parsed, sourceName, path);
    return {
      kind: 'pretrain',
      name: given.name ?? architecture,
      model: architecture,
      source: sourceName,
      labelSmoothing: labelSmoothing ?? found.training.labelSmoothing,
    };
  });
  if (parsed.experiments.regularisation) sourceOf(parsed, parsed.experiments.regularisation.source, path);
  const datasets = parsed.datasets.map((given) =>
    typeof given === 'string' ? { name: undefined, open: given } : { name: given.name, open: given.open },
  );
  return { ...parsed, models, datasets };
}

function sourceOf({ sources }: Pick<Parsed, 'sources'>, wanted: string, path: string): SourceSpec {
  if (Object.hasOwn(sources, wanted)) return sources[wanted];
  throw new UserError(
    'STUDY_FORM',
    `${path} speaks of the source "${wanted}", which it does not describe.`,
    `Its sources are: ${Object.keys(sources).join(', ') || 'none'}.`,
  );
}
