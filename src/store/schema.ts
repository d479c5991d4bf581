/**
 * The tables, as drizzle sees them; `npx drizzle-kit generate` writes the numbered SQL in `migrations/` from
 * this file, and `migrations/meta/` holds the resulting schema for review. Only plain PostgreSQL is used, so
 * that one schema serves the embedded database and a server. Large things (networks, per-image predictions)
 * are artifacts: a row holds their address only.
 */
import {
  bigint,
  doublePrecision,
  integer,
  json,
  pgTable,
  primaryKey,
  text,
  timestamp,
} from 'drizzle-orm/pg-core';
import type { JsonObject } from '../util/json.ts';
import type { CurvePoint } from './records.ts';

type Numbers = Readonly<Record<string, number>>;
type Environment = Readonly<Record<string, string | number>>;

const moment = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: 'date' });
const large = (name: string) => bigint(name, { mode: 'number' });

/** Every cell that was ever planned; never updated. */
export const cells = pgTable('cells', {
  key: text('key').primaryKey(),
  /** Order of planning. */
  position: large('position').notNull().generatedAlwaysAsIdentity(),
  dataset: text('dataset').notNull(),
  model: text('model').notNull(),
  setting: text('setting', { enum: ['fixed', 'finetune', 'scratch'] }).notNull(),
  protocol: text('protocol').notNull(),
  seed: large('seed').notNull(),
  determinedBy: json('determined_by').$type<Readonly<Record<string, unknown>>>().notNull(),
});

/** One row per finished cell; never updated. */
export const results = pgTable('results', {
  cellKey: text('cell_key')
    .primaryKey()
    .references(() => cells.key),
  classes: json('classes').$type<readonly string[]>().notNull(),
  metric: text('metric', { enum: ['top1', 'meanPerClass', 'meanAveragePrecision'] }).notNull(),
  hyperparameters: json('hyperparameters').$type<Numbers>().notNull(),
  validationValue: doublePrecision('validation_value').notNull(),
  validationImages: integer('validation_images').notNull(),
  testValue: doublePrecision('test_value').notNull(),
  /** null where an image can have several classes. */
  testTop1: doublePrecision('test_top1'),
  testMeanPerClass: doublePrecision('test_mean_per_class'),
  testCorrect: integer('test_correct').notNull(),
  testImages: integer('test_images').notNull(),
  trainImages: integer('train_images').notNull(),
  curve: json('curve').$type<readonly CurvePoint[]>().notNull(),
  secondsTotal: doublePrecision('seconds_total').notNull(),
  secondsSearch: doublePrecision('seconds_search').notNull(),
  secondsFinal: doublePrecision('seconds_final').notNull(),
  networkSha256: text('network_sha256').notNull(),
  networkBytes: large('network_bytes').notNull(),
  networkMediaType: text('network_media_type').notNull(),
  /** JSON lines, one `Prediction` each. */
  predictionsSha256: text('predictions_sha256').notNull(),
  predictionsBytes: large('predictions_bytes').notNull(),
  predictionsMediaType: text('predictions_media_type').notNull(),
  environment: json('environment').$type<Environment>().notNull(),
  finishedAt: moment('finished_at').notNull(),
});

/** The hyper-parameter grid of a finished cell, in the order in which it was tried. */
export const trials = pgTable(
  'trials',
  {
    cellKey: text('cell_key')
      .notNull()
      .references(() => results.cellKey),
    position: integer('position').notNull(),
    hyperparameters: json('hyperparameters').$type<Numbers>().notNull(),
    status: text('status', { enum: ['finished', 'stopped', 'diverged'] }).notNull(),
    validation: doublePrecision('validation'),
    steps: integer('steps').notNull(),
    seconds: doublePrecision('seconds').notNull(),
  },
  (table) => [primaryKey({ columns: [table.cellKey, table.position] })],
);

/** The last failure of each cell that has no result. */
export const failures = pgTable('failures', {
  cellKey: text('cell_key')
    .primaryKey()
    .references(() => cells.key),
  error: text('error').notNull(),
  failedAt: moment('failed_at').notNull().defaultNow(),
});

/** What was computed once beside the cells; never updated. */
export const measurements = pgTable('measurements', {
  key: text('key').primaryKey(),
  kind: text('kind', { enum: ['pretraining', 'cost', 'scores', 'embedding', 'panels'] }).notNull(),
  dataset: text('dataset').notNull(),
  model: text('model').notNull(),
  determinedBy: json('determined_by').$type<Readonly<Record<string, unknown>>>().notNull(),
  value: json('value').$type<JsonObject>().notNull(),
  /** The three are null together, where there is no artifact. */
  artifactSha256: text('artifact_sha256'),
  artifactBytes: large('artifact_bytes'),
  artifactMediaType: text('artifact_media_type'),
  seconds: doublePrecision('seconds').notNull(),
  environment: json('environment').$type<Environment>().notNull(),
  finishedAt: moment('finished_at').notNull(),
});

/** One row per start of a command over the store; never updated. */
export const runs = pgTable('runs', {
  id: large('id').primaryKey().generatedAlwaysAsIdentity(),
  startedAt: moment('started_at').notNull(),
  command: text('command').notNull(),
  arguments: json('arguments').$type<Readonly<Record<string, unknown>>>().notNull(),
  environment: json('environment').$type<Environment>().notNull(),
});
