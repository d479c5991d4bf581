/**
 * The JSON document of a study: what `report --json` prints, and what the page, the tables and the terminal text are
 * made of. The schema is the type's only definition. May import store alone.
 */
import { z } from 'zod';
import { DOCUMENT_VERSION, MEASUREMENT_KINDS } from '../../store/records.ts';
import { documentParts } from '../schema.ts';
import {
  claim,
  convergence,
  cost,
  datasetSize,
  embedding,
  experimentNames,
  panel,
  regularisation,
} from './schema-experiments.ts';
import {
  type correlation,
  figure1,
  figure2,
  seeds,
  type settingPair,
  settingsCompared,
  sourceAccuracy,
  transferability,
  type trend,
} from './schema-figures.ts';

const { labelled, dataset, model, protocol, cell, failedCell, ranking, acrossDatasets, sentences } =
  documentParts;

const failedMeasurement = z.strictObject({
  kind: z.enum(MEASUREMENT_KINDS),
  dataset: z.string(),
  model: z.string(),
  setting: z.string(),
  error: z.string(),
});

const studySchema = z
  .strictObject({
    kind: z.literal('study'),
    version: z.literal(DOCUMENT_VERSION),
    title: z.string(),
    description: z.string(),
    startedAt: z.string().describe('ISO 8601, UTC'),
    command: z.string().describe('makes this report again'),
    protocol,
    correction: z
      .enum(['none', 'holm', 'benjamini-hochberg'])
      .describe('how `adjustedP` is made of the p-values of one family of tests'),
    environment: labelled,
    models: z.array(model.extend({ sourceAccuracy })),
    datasets: z.array(dataset),
    cells: z.array(cell.extend({ experiments: experimentNames })),
    failed: z.array(failedCell.extend({ experiments: experimentNames })),
    failedMeasurements: z
      .array(failedMeasurement)
      .describe('pre-trainings and measurements that could not be computed; what needs them is missing'),
    rankings: z.array(ranking).describe('of all networks in all settings; one per data set, in their order'),
    acrossDatasets: acrossDatasets.nullable(),
    figure1: z
      .array(figure1)
      .describe('source accuracy and transfer accuracy over data sets; one per setting that has results'),
    figure2: z.array(figure2).describe('per data set and setting'),
    settings: settingsCompared,
    regularisation,
    convergence,
    datasetSize,
    seeds,
    transferability,
    embeddings: z.array(embedding),
    panels: z.array(panel),
    cost,
    claims: z.array(claim).describe("the paper's claims, held against this study"),
    verdict: sentences.describe('the answer in plain sentences'),
  })
  .describe('Result of a study. All shares are in 0..1, all times in seconds, all logarithms natural.');

export type StudyDocument = z.infer<typeof studySchema>;
export type StudyCell = StudyDocument['cells'][number];
export type FailedMeasurement = z.infer<typeof failedMeasurement>;
export type SourceAccuracy = z.infer<typeof sourceAccuracy>;
export type CorrelationSummary = z.infer<typeof correlation>;
export type Trend = z.infer<typeof trend>;
export type Figure1Panel = z.infer<typeof figure1>;
export type Figure2Panel = z.infer<typeof figure2>;
export type SettingPair = z.infer<typeof settingPair>;
export type SettingsCompared = z.infer<typeof settingsCompared>;
export type Regularisation = NonNullable<z.infer<typeof regularisation>>;
export type Convergence = NonNullable<z.infer<typeof convergence>>;
export type DatasetSize = NonNullable<z.infer<typeof datasetSize>>;
export type Seeds = NonNullable<z.infer<typeof seeds>>;
export type Transferability = NonNullable<z.infer<typeof transferability>>;
export type Embedding = z.infer<typeof embedding>;
export type Panel = z.infer<typeof panel>;
export type StudyCost = z.infer<typeof cost>;
export type Claim = z.infer<typeof claim>;

/** JSON Schema (draft 2020-12) of the document. */
export function studyJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(studySchema, { target: 'draft-2020-12' });
}

/** The document in a JSON value, for example of a stored file; throws zod's error where it is not one. */
export function parseStudyDocument(value: unknown): StudyDocument {
  return studySchema.parse(value);
}
