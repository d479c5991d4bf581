/** From an opened study to the cells of its experiments: a pure function. */
import { applyDesign, type Design, type ImageDataset } from '../data/index.ts';
import type { Setting } from '../store/index.ts';
import type { Protocol } from '../transfer/index.ts';
import { nearestNames, UserError } from '../util/errors.ts';
import type { OpenedModel } from '../weights/index.ts';
import { type CellTask, planCells } from './plan.ts';
import type { Study } from './spec.ts';

/** The parts of the published setting of Inception networks; true: on in the source's training. */
export interface Regularisation {
  readonly gamma: boolean;
  readonly labelSmoothing: boolean;
  readonly dropout: boolean;
  readonly auxiliary: boolean;
}

/**
 * Szegedy et al.'s setting, and each of its parts switched in turn (Kornblith et al., section 4.4 and figure 5); first
 * the one that the others are compared with.
 */
export const REGULARISATIONS: readonly Regularisation[] = [
  { gamma: false, labelSmoothing: true, dropout: true, auxiliary: true },
  { gamma: true, labelSmoothing: true, dropout: true, auxiliary: true },
  { gamma: false, labelSmoothing: false, dropout: true, auxiliary: true },
  { gamma: false, labelSmoothing: true, dropout: false, auxiliary: true },
  { gamma: false, labelSmoothing: true, dropout: true, auxiliary: false },
  { gamma: true, labelSmoothing: false, dropout: false, auxiliary: false },
];

/** The name of a registered network with those switches, as `openModel` takes it. */
export function regularised(model: string, { gamma, dropout, auxiliary }: Regularisation): string {
  return `${model}${gamma ? '' : '-gamma'}${auxiliary ? '+aux' : ''}${dropout ? '+dropout' : '-dropout'}`;
}

/** How tables call such a variant: `inception_v3_025@64 (no gamma, smoothing, dropout, aux)`. */
export function regularisedLabel(model: string, { gamma, ...others }: Regularisation): string {
  const words = [
    gamma ? 'gamma' : '',
    others.labelSmoothing ? 'smoothing' : '',
    others.dropout ? 'dropout' : '',
    others.auxiliary ? 'aux' : '',
  ].filter(Boolean);
  return `${model} (${words.join(', ') || 'none'})`;
}

export interface StudyParts {
  readonly study: Study;
  readonly protocol: Protocol;
  readonly datasets: readonly { readonly spec: string; readonly dataset: ImageDataset }[];
  /** `opened.label` is the model's name in the study. */
  readonly models: readonly { readonly spec: string; readonly opened: OpenedModel }[];
  /** The variants of the regularisation experiment, in the order of `REGULARISATIONS`; none without it. */
  readonly variants: StudyParts['models'];
  readonly memory?: number;
}

interface Run {
  readonly task: CellTask;
  readonly model: string;
  /** Name of the whole data set. */
  readonly dataset: string;
  readonly setting: Setting;
}

export interface ExperimentCells {
  /** The subsets that cells of the experiment with sizes are of. */
  readonly subsets: StudyParts['datasets'];
  readonly settings: readonly CellTask[];
  readonly regularisation: readonly CellTask[] | null;
  readonly convergence: readonly (Run & { readonly steps: number; readonly epochs: number })[] | null;
  readonly datasetSize:
    | readonly (Run & { readonly images: number; readonly perClass: number; readonly subset: number })[]
    | null;
}

/**
 * The cells of each experiment; one cell can belong to several.
 * @throws UserError STUDY_NAME about a data set or model that the study does not have
 */
export function experimentCells(parts: StudyParts): ExperimentCells {
  const { settings, regularisation, convergence, datasetSize } = parts.study.experiments;
  const sized = datasetSize ? subsetsOf(parts, datasetSize) : [];
  return {
    subsets: sized.map(({ spec, dataset }) => ({ spec, dataset })),
    settings: settings ? planned(parts, chosenOf(parts, settings)) : [],
    regularisation: regularisation
      ? planned(parts, {
          ...chosenOf(parts, regularisation),
          models: parts.variants,
          settings: regularisation.settings,
          seeds: regularisation.seeds,
        })
      : null,
    convergence: convergence ? convergenceRuns(parts, convergence) : null,
    datasetSize: datasetSize ? datasetSizeRuns(parts, datasetSize, sized) : null,
  };
}

/**
 * Every cell of all experiments, in their order, once under each of its names, as the first experiment plans it: two
 * networks of one architecture are one cell where they are trained from scratch.
 */
export function allTasks({
  settings,
  regularisation,
  convergence,
  datasetSize,
}: ExperimentCells): CellTask[] {
  const runs = [...(convergence ?? []), ...(datasetSize ?? [])].map(({ task }) => task);
  const tasks = [...settings, ...(regularisation ?? []), ...runs];
  return firstOf(tasks, ({ cell: { key, dataset, model } }) => JSON.stringify([key, dataset, model]));
}

/** Every cell once, under its first name. */
export function distinctTasks(tasks: readonly CellTask[]): CellTask[] {
  return firstOf(tasks, ({ cell }) => cell.key);
}

function firstOf(tasks: readonly CellTask[], idOf: (task: CellTask) => string): CellTask[] {
  const seen = new Set<string>();
  return tasks.filter((task) => !seen.has(idOf(task)) && seen.add(idOf(task)));
}

type Chosen = Pick<StudyParts, 'datasets' | 'models'>;

function planned(
  { study, protocol, memory }: StudyParts,
  chosen: Chosen & { settings?: readonly Setting[]; protocol?: Protocol; seeds?: readonly number[] },
): CellTask[] {
  const { settings, splitSeed } = study;
  const seeds = chosen.seeds ?? study.seeds;
  return planCells({ settings, protocol, splitSeed, memory, ...chosen, seeds });
}

function convergenceRuns(
  parts: StudyParts,
  experiment: NonNullable<Study['experiments']['convergence']>,
): NonNullable<ExperimentCells['convergence']> {
  const { datasets, models } = chosenOf(parts, experiment);
  return experiment.steps.flatMap((steps) => {
    const { finetune, scratch } = parts.protocol;
    const protocol = {
      ...parts.protocol,
      name: `${parts.protocol.name}, ${steps} steps`,
      finetune: { ...finetune, steps },
      scratch: { ...scratch, steps },
    };
    return datasets.flatMap((dataset) => {
      const { splits, name } = dataset.dataset;
      const images = splits.train.length + splits.validation.length;
      const { settings, seeds } = experiment;
      const tasks = planned(parts, { datasets: [dataset], models, settings, seeds, protocol });
      return tasks.map((task) => {
        const setting = task.cell.setting as 'finetune' | 'scratch';
        const epochs = (steps * Math.min(protocol[setting].batchSize, splits.train.length)) / images;
        return { task, model: task.cell.model, dataset: name, setting, steps, epochs };
      });
    });
  });
}

type SizeExperiment = NonNullable<Study['experiments']['datasetSize']>;

interface Subset {
  readonly spec: string;
  readonly dataset: ImageDataset;
  /** Name of the data set that it is a part of. */
  readonly whole: string;
  readonly perClass: number;
  readonly subset: number;
}

/** @throws UserError STUDY_DESIGNED, and what applying a design throws */
function subsetsOf(parts: StudyParts, { perClass, subsets, ...chosen }: SizeExperiment): Subset[] {
  return chosenOf(parts, chosen).datasets.flatMap(({ spec, dataset }) => {
    if (spec.includes('#')) {
      throw new UserError(
        'STUDY_DESIGNED',
        `The experiment with data-set sizes cannot take subsets of "${dataset.name}", which has a design itself.`,
        'Name whole data sets in experiments.datasetSize.datasets.',
      );
    }
    return perClass.flatMap((n) =>
      Array.from({ length: subsets }, (_, seed): Subset => {
        const design: Design = { steps: [{ kind: 'per-class', n, seed }] };
        const smaller = applyDesign(dataset, design);
        const name = `${spec}#per-class=${n},seed=${seed}`;
        return { spec: name, dataset: smaller, whole: dataset.name, perClass: n, subset: seed };
      }),
    );
  });
}

function datasetSizeRuns(
  parts: StudyParts,
  { settings, seeds, ...chosen }: SizeExperiment,
  subsets: readonly Subset[],
): NonNullable<ExperimentCells['datasetSize']> {
  const { models } = chosenOf(parts, chosen);
  return subsets.flatMap(({ spec, dataset, whole, perClass, subset }) => {
    const images = dataset.splits.train.length + dataset.splits.validation.length;
    return planned(parts, { datasets: [{ spec, dataset }], models, settings, seeds }).map((task) => {
      const { model, setting } = task.cell;
      return { task, model, dataset: whole, setting, images, perClass, subset };
    });
  });
}

/** The data sets and models that an experiment names; all where it names none. */
export function chosenOf(
  { datasets, models }: Chosen,
  chosen: { readonly models?: readonly string[]; readonly datasets?: readonly string[] },
): Chosen {
  return {
    datasets: named(datasets, ({ dataset }) => dataset.name, chosen.datasets, 'data set'),
    models: named(models, ({ opened }) => opened.label, chosen.models, 'model'),
  };
}

function named<T>(
  all: readonly T[],
  nameOf: (one: T) => string,
  wanted: readonly string[] | undefined,
  kind: string,
): readonly T[] {
  if (!wanted) return all;
  return wanted.map((name) => {
    const found = all.find((one) => nameOf(one) === name);
    if (found) return found;
    const nearest = nearestNames(name, all.map(nameOf)).join(', ');
    throw new UserError(
      'STUDY_NAME',
      `An experiment speaks of the ${kind} "${name}", which the study does not have.`,
      `Nearest: ${nearest}.`,
    );
  });
}
