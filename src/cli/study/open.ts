/** Opens a study: its data sets, its models, and what is still to be pre-trained. */
import { existsSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type ImageDataset, publishedDataset } from '../../data/index.ts';
import type { Measurement, Store } from '../../store/index.ts';
import {
  type CellEnvironment,
  designed,
  type MeasurementTask,
  officialSpec,
  planMeasurement,
  protocolOf,
  REGULARISATIONS,
  readStudy,
  regularised,
  regularisedLabel,
  type Study,
  type StudyModel,
  splitDatasetSpec,
} from '../../study/index.ts';
import type { Protocol } from '../../transfer/index.ts';
import { UserError } from '../../util/errors.ts';
import { isFile, type OpenedModel, openModel, splitModelSpec } from '../../weights/index.ts';
import { fileName } from '../file-name.ts';
import { type Opened, openDatasets, openShown, type Places, requireDistinct } from '../inputs.ts';
import type { ProgressDisplay } from '../progress.ts';

/** A model of a study, as it is transferred. */
export interface NamedModel {
  /** As `openModel` takes it. */
  readonly spec: string;
  /** Under the name that the study gives it; without weights as long as it is not pre-trained. */
  readonly opened: OpenedModel;
  /** What makes its weights, and on how many images with repetitions; null of weights that are there already. */
  readonly pretraining: { readonly task: MeasurementTask; readonly images: number } | null;
  readonly sourceAccuracy: number | null;
  readonly sourceImages: number | null;
}

export interface OpenedStudy {
  readonly path: string;
  readonly study: Study;
  readonly protocol: Protocol;
  readonly datasets: Opened['datasets'];
  readonly models: readonly NamedModel[];
  /** Of the experiment with regularisation, in the order of `REGULARISATIONS`. */
  readonly variants: readonly NamedModel[];
  readonly memory?: number;
  /** Data sets and weights that are not here and are known by published numbers and by architecture only. */
  readonly absent: readonly string[];
}

/**
 * @param how `declared`: what is not here is taken by its published numbers, which is enough for a plan
 * @throws UserError what reading studies and opening data sets and models throws, and NAME_TWICE
 */
export async function openStudy(
  path: string,
  options: Omit<Places, 'splitSeed'> & CellEnvironment,
  display: ProgressDisplay,
  how: 'whole' | 'declared' = 'whole',
): Promise<OpenedStudy> {
  const study = await readStudy(path);
  const protocol = protocolOf(study.protocol);
  const places = { ...options, splitSeed: study.splitSeed };
  const absent: string[] | undefined = how === 'declared' ? [] : undefined;
  const opener = new ModelOpener(study, places, display, absent);
  const models: NamedModel[] = [];
  for (const model of study.models) models.push(await opener.open(model));
  const variants = await opener.variants();
  requireDistinct([...models, ...variants].map(({ opened }) => opened.label));
  const datasets: { spec: string; dataset: ImageDataset }[] = [];
  for (const { open: spec, name } of study.datasets) {
    const dataset = await openOrTake(spec, places, display, absent);
    datasets.push({ spec, dataset: { ...dataset, name: name ?? dataset.name } });
  }
  requireDistinct(datasets.map(({ dataset }) => dataset.name));
  const opened = { path, study, protocol, datasets, models, variants, memory: options.memory };
  return { ...opened, absent: absent ?? [] };
}

/** The data set; where it is not here and `absent` is given, what is published of it. */
async function openOrTake(
  spec: string,
  places: Places,
  display: ProgressDisplay,
  absent: string[] | undefined,
): Promise<ImageDataset> {
  const { whole, design } = splitDatasetSpec(spec);
  const official = officialSpec(whole);
  if (absent && official && !existsSync(official.path)) {
    absent.push(spec);
    return designed(publishedDataset(official.name), design);
  }
  const [{ dataset }] = await openDatasets([spec], places, display);
  return dataset;
}

export const everyModel = ({ models, variants }: OpenedStudy): readonly NamedModel[] => [
  ...models,
  ...variants,
];

/** The study as it will be when its networks are pre-trained: as many cells, but their keys are not the final ones. */
export function asIfPretrained(opened: OpenedStudy): OpenedStudy {
  const trained = (model: NamedModel): NamedModel => {
    const { pretraining, opened: found } = model;
    if (pretraining === null || found.weights) return model;
    return { ...model, opened: { ...found, weights: new Map(), weightsHash: pretraining.task.key } };
  };
  return { ...opened, models: opened.models.map(trained), variants: opened.variants.map(trained) };
}

class ModelOpener {
  readonly #sources = new Map<string, { spec: string; dataset: ImageDataset }>();

  constructor(
    private readonly study: Study,
    private readonly places: Places & CellEnvironment,
    private readonly display: ProgressDisplay,
    private readonly absent: string[] | undefined,
  ) {}

  async open(model: StudyModel): Promise<NamedModel> {
    if (model.kind === 'pretrain') return this.#untrained(model);
    const { open: spec, name, sourceAccuracy = null, sourceImages = null } = model;
    const { architecture, place } = splitModelSpec(spec);
    if (this.absent && architecture !== undefined && isFile(place) && !existsSync(place)) {
      this.absent.push(spec);
      const found = await openModel(architecture, this.places);
      const opened = { ...found, label: name ?? architecture, weights: new Map(), weightsHash: spec };
      return { spec: architecture, opened, pretraining: null, sourceAccuracy, sourceImages };
    }
    const opened = await openShown(spec, this.places, this.display);
    const named = { ...opened, label: name ?? opened.label };
    return { spec, opened: named, pretraining: null, sourceAccuracy, sourceImages };
  }

  async variants(): Promise<NamedModel[]> {
    const { regularisation } = this.study.experiments;
    if (!regularisation) return [];
    const { model, source, labelSmoothing } = regularisation;
    const variants: NamedModel[] = [];
    for (const switches of REGULARISATIONS) {
      variants.push(
        await this.#untrained({
          name: regularisedLabel(model, switches),
          model: regularised(model, switches),
          source,
          labelSmoothing: switches.labelSmoothing ? labelSmoothing : 0,
        }),
      );
    }
    return variants;
  }

  async #untrained(
    given: Pick<Extract<StudyModel, { kind: 'pretrain' }>, 'name' | 'model' | 'source' | 'labelSmoothing'>,
  ): Promise<NamedModel> {
    const { name, model, source, labelSmoothing } = given;
    const { training } = this.study.sources[source];
    const trained = await openModel(model, this.places);
    if (trained.weights) {
      throw new UserError(
        'STUDY_PRETRAINED',
        `"${name}" is to be pre-trained from ${model}, which has weights already.`,
        'Give `pretrain` an architecture, such as resnet18_025@64; what has weights is given by `open`.',
      );
    }
    const data = await this.#source(source);
    const task = planMeasurement(
      'pretraining',
      {
        dataset: data,
        model: { spec: model, opened: { ...trained, label: name } },
        splitSeed: this.study.splitSeed,
        seed: 0,
        environment: this.places,
      },
      { ...training, labelSmoothing, source: `trained on the source "${source}" of the study` },
    );
    const spec = transferredName(model);
    const opened = await openModel(spec, this.places);
    const named = { ...opened, label: name };
    const pretraining = { task, images: training.epochs * data.dataset.splits.train.length };
    return { spec, opened: named, pretraining, sourceAccuracy: null, sourceImages: null };
  }

  async #source(name: string): Promise<{ spec: string; dataset: ImageDataset }> {
    const spec = this.study.sources[name].dataset;
    const known = this.#sources.get(spec) ?? (await openDatasets([spec], this.places, this.display))[0];
    this.#sources.set(spec, known);
    return known;
  }
}

/** Auxiliary classifiers and dropout belong to the training on the source; a target's network has neither. */
function transferredName(model: string): string {
  return model.replace(/[+-](aux|dropout\d*)/g, '');
}

/** The study with the weights that are pre-trained by now; they are copied to `folder` under their names. */
export async function withPretrained(
  opened: OpenedStudy,
  store: Store,
  folder: string,
): Promise<OpenedStudy> {
  const keys = everyModel(opened).flatMap(({ pretraining }) => pretraining?.task.key ?? []);
  const done = await store.measurements(keys);
  const pretrained = (models: readonly NamedModel[]) =>
    Promise.all(models.map((model) => openPretrained(model, done, store, folder)));
  return { ...opened, models: await pretrained(opened.models), variants: await pretrained(opened.variants) };
}

async function openPretrained(
  model: NamedModel,
  done: ReadonlyMap<string, Measurement>,
  store: Store,
  folder: string,
): Promise<NamedModel> {
  const measurement = model.pretraining && done.get(model.pretraining.task.key);
  if (!measurement?.artifact) return model;
  await mkdir(folder, { recursive: true });
  const { label } = model.opened;
  const { sha256 } = measurement.artifact;
  // Names of two networks may differ only in what a file's name cannot have.
  const file = join(folder, `${fileName(label)}-${sha256.slice(0, 12)}.safetensors`);
  await copyFile(await store.artifactPath(measurement.artifact), file);
  const spec = `${model.spec}=${file}`;
  const { sourceAccuracy, sourceImages } = measurement.value as {
    sourceAccuracy: number;
    sourceImages: number;
  };
  return { ...model, spec, opened: { ...(await openModel(spec)), label }, sourceAccuracy, sourceImages };
}
