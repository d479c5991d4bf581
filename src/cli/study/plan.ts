/** `transferlab plan`: the cells of a study, what they cost on this machine, and what is done already. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openProceduralDataset } from '../../data/index.ts';
import { type Measurement, openEmbeddedStore, type Setting, type Store } from '../../store/index.ts';
import {
  type CellTask,
  cellCost,
  distinctTasks,
  type MeasurementOutcome,
  planMeasurement,
  SETTINGS,
} from '../../study/index.ts';
import type { CostValue } from '../../transfer/index.ts';
import { UserError } from '../../util/errors.ts';
import type { ProgressDisplay } from '../progress.ts';
import { measureShown, WorkBar } from '../run-shown.ts';
import {
  asIfPretrained,
  everyModel,
  type NamedModel,
  type OpenedStudy,
  openStudy,
  withPretrained,
} from './open.ts';
import type { StudyOptions } from './run.ts';
import { type StudyWork, workOf } from './work.ts';

/** Version of the JSON document. */
export const PLAN_VERSION = 1;

/** Cells of one model in one setting. */
interface PlanRow {
  readonly model: string;
  readonly setting: Setting;
  readonly cells: number;
  readonly done: number;
  readonly trials: number;
  /** Of the cells that are not done: all trials to their end; trials given up early make it less. */
  readonly seconds: number;
  /** Most memory at one time. */
  readonly bytes: number;
}

export interface StudyPlan {
  readonly title: string;
  readonly protocol: string;
  readonly cells: number;
  readonly done: number;
  readonly trials: number;
  readonly seconds: number;
  readonly bytes: number;
  readonly pretraining: { readonly networks: number; readonly done: number; readonly seconds: number };
  readonly experiments: Readonly<
    Record<'settings' | 'regularisation' | 'convergence' | 'datasetSize', number>
  >;
  readonly datasets: readonly {
    readonly name: string;
    readonly train: number;
    readonly validation: number;
    readonly test: number;
  }[];
  readonly budgetSeconds: number | null;
  /** Data sets and weights that are not here: planned by published numbers and by architecture. */
  readonly absent: readonly string[];
  readonly rows: readonly PlanRow[];
}

export async function planStudy(options: StudyOptions, display: ProgressDisplay): Promise<StudyPlan> {
  const untrained = await openStudy(options.path, options, display, 'declared');
  await mkdir(options.out, { recursive: true });
  const store = await openEmbeddedStore(join(options.out, 'store'));
  try {
    const opened = await withPretrained(untrained, store, join(options.out, 'pretrained'));
    const work = workOf(asIfPretrained(opened), options);
    const costs = await measureCosts(opened, store, options, display);
    const cells = distinctTasks(work.cells);
    const done = await store.outcomes(cells.map(({ cell }) => cell.key));
    const isDone = ({ cell }: CellTask) => done.get(cell.key)?.status === 'done';
    const rows = rowsOf({ ...work, cells }, opened, costs, isDone);
    const sum = (of: (row: PlanRow) => number) => rows.reduce((total, row) => total + of(row), 0);
    const pretraining = pretrainingOf(opened, costs);
    const { budget, title } = opened.study;
    return {
      title,
      protocol: opened.protocol.name,
      cells: cells.length,
      done: sum((row) => row.done),
      trials: sum((row) => row.trials),
      seconds: sum((row) => row.seconds) + pretraining.seconds,
      bytes: Math.max(...rows.map((row) => row.bytes)),
      pretraining,
      experiments: countsOf(work),
      datasets: opened.datasets.map(({ dataset: { name, splits } }) => ({
        name,
        train: splits.train.length,
        validation: splits.validation.length,
        test: splits.test.length,
      })),
      absent: opened.absent,
      budgetSeconds: budget ? budget.hours * 3600 : null,
      rows,
    };
  } finally {
    await store.close();
  }
}

type Costs = ReadonlyMap<NamedModel, ReadonlyMap<number, CostValue>>;

/** Of every model, at every batch size of the protocol: a few steps each, kept for the next time. */
async function measureCosts(
  opened: OpenedStudy,
  store: Store,
  options: StudyOptions,
  display: ProgressDisplay,
): Promise<Costs> {
  const { finetune, scratch } = opened.protocol;
  const sizes = [...new Set([finetune.batchSize, scratch.batchSize])];
  // The largest head: what it costs beside the network is little. Images are random numbers, whatever the data set.
  const classes = Math.max(...opened.datasets.map(({ dataset }) => dataset.classes.length));
  const any = 'procedural/shapes';
  const dataset = { spec: any, dataset: openProceduralDataset(any) };
  const planned = everyModel(opened).flatMap((model) =>
    sizes.map((batchSize) => {
      const inputs = { dataset, model, splitSeed: opened.study.splitSeed, seed: 0, environment: options };
      return { model, batchSize, task: planMeasurement('cost', inputs, { batchSize, classes }) };
    }),
  );
  const bar = new WorkBar(display, planned.length);
  const tasks = planned.map(({ task }) => task);
  const outcomes = await measureShown(store, tasks, options, bar, () => 1);
  const costs = new Map<NamedModel, Map<number, CostValue>>();
  for (const [i, { model, batchSize }] of planned.entries()) {
    const ofModel = costs.get(model) ?? new Map<number, CostValue>();
    costs.set(model, ofModel.set(batchSize, costOf(outcomes[i])));
  }
  return costs;
}

function costOf(outcome: MeasurementOutcome): CostValue {
  if (outcome.status === 'done') return outcome.measurement.value as Measurement['value'] & CostValue;
  throw new UserError(
    'COST_FAILED',
    `The cost of ${outcome.task.label} could not be measured: ${outcome.error}`,
    'Mend the cause, or give --memory.',
  );
}

function rowsOf(
  { cells, inputs }: StudyWork,
  opened: OpenedStudy,
  costs: Costs,
  isDone: (task: CellTask) => boolean,
): PlanRow[] {
  return everyModel(opened).flatMap((model) =>
    SETTINGS.flatMap((setting): PlanRow[] => {
      const name = model.opened.label;
      const own = cells.filter(({ cell }) => cell.model === name && cell.setting === setting);
      if (own.length === 0) return [];
      const each = own.map((task) => {
        const { batchSize } = task.protocol[setting === 'fixed' ? 'finetune' : setting];
        const { splits, classes } = inputs.datasets.find(({ spec }) => spec === task.dataset)!.dataset;
        const counts = {
          train: splits.train.length,
          validation: splits.validation.length,
          test: splits.test.length,
          classes: classes.length,
        };
        return {
          ...cellCost(task.protocol, setting, costs.get(model)!.get(batchSize)!, counts),
          done: isDone(task),
        };
      });
      const left = each.filter(({ done }) => !done);
      return [
        {
          model: name,
          setting,
          cells: own.length,
          done: own.length - left.length,
          trials: each.reduce((sum, { trials }) => sum + trials, 0),
          seconds: left.reduce((sum, { seconds }) => sum + seconds, 0),
          bytes: Math.max(...each.map(({ bytes }) => bytes)),
        },
      ];
    }),
  );
}

function pretrainingOf(opened: OpenedStudy, costs: Costs): StudyPlan['pretraining'] {
  const all = everyModel(opened).filter(({ pretraining }) => pretraining);
  const left = all.filter((model) => !model.opened.weights);
  const seconds = left.map((model) => {
    const [cost] = costs.get(model)!.values();
    return model.pretraining!.images * cost.trainSecondsPerImage;
  });
  return {
    networks: all.length,
    done: all.length - left.length,
    seconds: seconds.reduce((a, b) => a + b, 0),
  };
}

function countsOf({ experiments }: StudyWork): StudyPlan['experiments'] {
  const { settings, regularisation, convergence, datasetSize } = experiments;
  return {
    settings: settings.length,
    regularisation: regularisation?.length ?? 0,
    convergence: convergence?.length ?? 0,
    datasetSize: datasetSize?.length ?? 0,
  };
}
