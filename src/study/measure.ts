/**
 * What a study computes beside its cells: a table from the kind of a measurement to the function that computes it.
 * Planning is pure, as it is for cells; measuring runs in the worker process.
 */
import type { ImageDataset } from '../data/index.ts';
import type { Measurement } from '../store/index.ts';
import {
  type CostOptions,
  type EmbeddingOptions,
  embedding,
  measureCost,
  type PanelOptions,
  type PretrainingOptions,
  panels,
  pretrain,
  type ScoresOptions,
  type SettingInputs,
  transferabilityScores,
} from '../transfer/index.ts';
import { contentHash } from '../util/hash.ts';
import type { JsonObject } from '../util/json.ts';
import type { ProgressListener } from '../util/progress.ts';
import type { OpenedModel } from '../weights/index.ts';
import { type CellEnvironment, openInputs } from './open-inputs.ts';
import { architectureOf } from './plan.ts';
import { environmentOf } from './run-cell.ts';

/** What each kind of measurement can be told. */
export interface MeasurementOptions {
  readonly pretraining: PretrainingOptions;
  readonly cost: CostOptions;
  readonly scores: ScoresOptions;
  readonly embedding: EmbeddingOptions;
  readonly panels: PanelOptions;
}

/** What a function of the table returns. */
interface Measured {
  readonly value: JsonObject;
  /** What is too large for a row. */
  readonly file?: { readonly bytes: Uint8Array; readonly mediaType: string };
}

interface Kind<Options> {
  /** Raise when the program would give other numbers for equal inputs, so that stored ones are not taken for them. */
  readonly version: number;
  /** What of the inputs changes the value; `options` and the version do anyhow. */
  determinedBy(inputs: PlannedInputs, options: Options): Readonly<Record<string, unknown>>;
  compute(inputs: SettingInputs, options: Options, task: MeasurementTask): Promise<Measured>;
}

const KINDS: { readonly [K in keyof MeasurementOptions]: Kind<MeasurementOptions[K]> } = {
  pretraining: {
    version: 1,
    // Pre-training starts from random weights, whatever the model has.
    determinedBy: (inputs) => ({
      ...dataOf(inputs),
      ...architecture(inputs),
      seed: inputs.seed,
      // Batch norms see the parts into which a batch is divided to keep within it.
      memory: inputs.environment.memory,
    }),
    compute: pretrain,
  },
  cost: {
    version: 2,
    // Numbers of steps, not of images or weights; and of this machine.
    determinedBy: (inputs, { classes }) => ({
      ...architecture(inputs),
      ...(classes === undefined && { classes: inputs.dataset.dataset.classes.length }),
      task: inputs.dataset.dataset.task,
      machine: machineOf(inputs.environment),
      memory: inputs.environment.memory,
    }),
    compute: measureCost,
  },
  scores: { version: 2, determinedBy: (inputs) => seeing(inputs, {}), compute: transferabilityScores },
  embedding: { version: 1, determinedBy: seeing, compute: embedding },
  panels: { version: 1, determinedBy: seeing, compute: panels },
};

export interface PlannedInputs {
  readonly dataset: { readonly spec: string; readonly dataset: ImageDataset };
  readonly model: { readonly spec: string; readonly opened: OpenedModel };
  readonly splitSeed: number;
  readonly seed: number;
  readonly environment: CellEnvironment;
}

const dataOf = ({ dataset: { dataset } }: PlannedInputs) => ({
  dataset: dataset.fingerprint,
  metric: dataset.metric,
});

function architecture({ model: { opened } }: PlannedInputs) {
  return { architecture: architectureOf(opened), input: opened.model.input };
}

/** Of what looks at images of the data set by a trained network, which its hash names, or by the pre-trained one. */
function seeing(inputs: PlannedInputs, { network }: { readonly network?: string | null }) {
  const { weightsHash } = inputs.model.opened;
  return { ...dataOf(inputs), ...(!network && { ...architecture(inputs), weights: weightsHash ?? null }) };
}

function machineOf(environment: CellEnvironment) {
  const { processor, cores, threads, device, formulations } = environmentOf(environment);
  return { processor, cores, threads, device, formulations };
}

/** A measurement to be computed, and the words by which a worker process opens its data set and model. */
export interface MeasurementTask {
  readonly kind: keyof MeasurementOptions;
  /** SHA-256 of `determinedBy`. */
  readonly key: string;
  readonly dataset: string;
  readonly model: string;
  /** Name of the model in tables and figures. */
  readonly label: string;
  readonly splitSeed: number;
  readonly seed: number;
  /** Those of the kind. */
  readonly options: MeasurementOptions[keyof MeasurementOptions];
  readonly determinedBy: Readonly<Record<string, unknown>>;
}

/**
 * The task of measuring. Its key is the address of what determines the value, so a measurement is computed once.
 * `places` are options that do not: paths of files whose content `options` name by their hashes.
 */
export function planMeasurement<K extends keyof MeasurementOptions>(
  kind: K,
  inputs: PlannedInputs,
  options: MeasurementOptions[K],
  places: Partial<MeasurementOptions[K]> = {},
): MeasurementTask {
  const { version, determinedBy: determining } = KINDS[kind];
  const determinedBy = { kind, version, ...determining(inputs, options), options };
  const { dataset, model, splitSeed, seed } = inputs;
  return {
    kind,
    key: contentHash(determinedBy),
    dataset: dataset.spec,
    model: model.spec,
    label: model.opened.label,
    splitSeed,
    seed,
    options: { ...options, ...places },
    determinedBy,
  };
}

/** A measurement whose file is not yet an artifact of the store; `mediaType` is null where it has no file. */
export type MeasuredRecord = Omit<Measurement, 'artifact'> & { readonly mediaType: string | null };

/** Computes one measurement. Runs in a worker process, since the engine blocks the thread that it runs on. */
export async function measure(
  task: MeasurementTask,
  environment: CellEnvironment,
  onProgress: ProgressListener,
): Promise<{ result: MeasuredRecord; file: Uint8Array | undefined }> {
  const inputs = await openInputs(task, environment, onProgress);
  const begun = performance.now();
  // The kind's options are those of the task, which its type does not show.
  const { compute } = KINDS[task.kind] as Kind<MeasurementTask['options']>;
  const { value, file } = await compute(inputs, task.options, task);
  const { key, kind, label, determinedBy } = task;
  const result: MeasuredRecord = {
    ...{ key, kind, determinedBy, value },
    dataset: inputs.dataset.name,
    model: label,
    seconds: (performance.now() - begun) / 1000,
    environment: environmentOf(environment),
    finishedAt: new Date().toISOString(),
    mediaType: file?.mediaType ?? null,
  };
  return { result, file: file?.bytes };
}
