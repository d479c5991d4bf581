/** What an opened study is to compute, piece by piece, with what each costs in the unit of `run-shown.ts`. */
import {
  allTasks,
  type CellEnvironment,
  type CellTask,
  chosenOf,
  type ExperimentCells,
  experimentCells,
  type MeasurementTask,
  planMeasurement,
} from '../../study/index.ts';
import { UserError } from '../../util/errors.ts';
import type { Opened } from '../inputs.ts';
import { imageCost, TRAINING_COST, totalCost } from '../run-shown.ts';
import { everyModel, type OpenedStudy } from './open.ts';

/** A measurement, the setting in which its network was trained, for people, and what it costs. */
export interface StudyMeasurement {
  readonly task: MeasurementTask;
  /** Name of the data set. */
  readonly dataset: string;
  readonly setting: string;
  readonly cost: number;
}

export interface StudyWork {
  readonly pretrainings: readonly StudyMeasurement[];
  readonly scores: readonly StudyMeasurement[];
  readonly experiments: ExperimentCells;
  /** The cells of all experiments, each once under each of its names. */
  readonly cells: readonly CellTask[];
  /** What cells are of: whole data sets and subsets, models and variants. */
  readonly inputs: Opened;
  readonly cost: number;
}

/** @throws UserError NOTHING_TO_DO, STUDY_NAME, STUDY_DESIGNED, and what applying a design throws */
export function workOf(opened: OpenedStudy, environment: CellEnvironment): StudyWork {
  const experiments = experimentCells(opened);
  const cells = allTasks(experiments);
  requireCells(cells);
  const inputs = { datasets: [...opened.datasets, ...experiments.subsets], models: everyModel(opened) };
  const pretrainings = pretrainingsOf(opened);
  const scores = scoresOf(opened, environment);
  const measured = [...pretrainings, ...scores].reduce((sum, { cost }) => sum + cost, 0);
  return { pretrainings, scores, experiments, cells, inputs, cost: measured + totalCost(cells, inputs) };
}

function requireCells(cells: readonly CellTask[]): void {
  if (cells.length > 0) return;
  throw new UserError(
    'NOTHING_TO_DO',
    'The study has no cell: none of its networks has pre-trained weights, and nothing is trained from scratch.',
    'Give models weights, mend what made pre-trainings fail, or add scratch to settings.',
  );
}

function pretrainingsOf(opened: OpenedStudy): StudyMeasurement[] {
  return everyModel(opened).flatMap(({ pretraining, opened: { model } }) => {
    if (!pretraining) return [];
    const { task, images } = pretraining;
    const cost = images * TRAINING_COST * imageCost(model.multiplyAdds);
    return [{ task, dataset: task.dataset, setting: 'pre-training', cost }];
  });
}

/** Transferability scores of every model with weights on every data set of the experiment with settings. */
function scoresOf(opened: OpenedStudy, environment: CellEnvironment): StudyMeasurement[] {
  const { scores, splitSeed, experiments } = opened.study;
  if (scores.length === 0 || !experiments.settings) return [];
  const { datasets, models } = chosenOf(opened, experiments.settings);
  return datasets.flatMap((dataset) =>
    models
      .filter((model) => model.opened.weights)
      .map((model) => {
        const planned = { dataset, model, splitSeed, seed: 0, environment };
        const { name, splits } = dataset.dataset;
        const cost = splits.train.length * imageCost(model.opened.model.multiplyAdds) + 1e9;
        const task = planMeasurement('scores', planned, { scores });
        return { task, dataset: name, setting: 'pre-trained', cost };
      }),
  );
}
