/** Runs cells and measurements and shows how far they are, weighted by what they cost. */
import { join } from 'node:path';
import type { CellOutcome, Store } from '../store/index.ts';
import {
  type CellEnvironment,
  type CellTask,
  type MeasurementOutcome,
  type MeasurementTask,
  measureAll,
  runCells,
} from '../study/index.ts';
import { plannedSteps } from '../transfer/index.ts';
import { UserError } from '../util/errors.ts';
import type { Opened } from './inputs.ts';
import type { ProgressDisplay } from './progress.ts';

/** One bar over all the work of a command; costs are in any unit. */
export class WorkBar {
  #done = 0;

  constructor(
    private readonly display: ProgressDisplay,
    private readonly total: number,
  ) {}

  /** A part of the work that costs `cost` has come so far. */
  show(cost: number, fraction: number, what: string): void {
    this.display.update((this.#done + cost * fraction) / this.total, what);
  }

  /** `stored`: it was there before, so its time says nothing of what is left. */
  ended(cost: number, stored: boolean): void {
    if (stored) this.display.skip(cost / this.total);
    this.#done += cost;
  }

  failed(what: string, error: string): void {
    this.display.line(`Failed: ${what}: ${error}`);
  }
}

type Working = CellEnvironment & { readonly out: string };

/** Runs the cells; the bar is theirs alone unless one is given. */
export async function runAll(
  store: Store,
  tasks: readonly CellTask[],
  options: Working,
  opened: Opened,
  display: ProgressDisplay,
  bar = new WorkBar(display, totalCost(tasks, opened)),
  onOutcome: (outcome: CellOutcome) => void = () => {},
): Promise<CellOutcome[]> {
  let index = 0;
  const name = ({ cell }: CellTask) =>
    `${index + 1}/${tasks.length} ${cell.dataset} · ${cell.model} · ${cell.setting}`;
  const costs = tasks.map((task) => costOf(task, opened));
  return runCells(store, tasks, withFolder(options), {
    onBegin: () => bar.show(costs[index], 0, name(tasks[index])),
    onProgress: (_, { done, total, note, phase }) =>
      bar.show(costs[index], done / total, `${name(tasks[index])}: ${note ?? phase}`),
    onOutcome: (outcome, stored) => {
      if (outcome.status === 'failed') bar.failed(name(tasks[index]), outcome.error);
      bar.ended(costs[index], stored);
      index++;
      onOutcome(outcome);
    },
  });
}

/** Computes measurements, each of which costs as much of the bar as `costOf` says. */
export async function measureShown(
  store: Store,
  tasks: readonly MeasurementTask[],
  options: Working,
  bar: WorkBar,
  cost: (task: MeasurementTask) => number,
): Promise<MeasurementOutcome[]> {
  const name = ({ kind, label, dataset }: MeasurementTask, index: number) =>
    `${kind} ${index + 1}/${tasks.length} ${label} · ${dataset}`;
  let index = 0;
  return measureAll(store, tasks, withFolder(options), {
    onBegin: (task) => bar.show(cost(task), 0, name(task, index)),
    onProgress: (task, { done, total, note, phase }) =>
      bar.show(cost(task), total > 0 ? done / total : 0, `${name(task, index)}: ${note ?? phase}`),
    onOutcome: (outcome, stored) => {
      if (outcome.status === 'failed') bar.failed(name(outcome.task, index), outcome.error);
      bar.ended(cost(outcome.task), stored);
      index++;
    },
  });
}

/** @throws UserError ALL_FAILED */
export function requireSuccess(outcomes: readonly CellOutcome[]): void {
  const failed = outcomes.filter((outcome) => outcome.status === 'failed');
  if (failed.length < outcomes.length) return;
  throw new UserError(
    'ALL_FAILED',
    `None of the ${failed.length} cells could be computed. The first: ${failed[0].error}`,
    'Nothing was lost; mend the cause and run the command again.',
  );
}

const withFolder = (options: Working) => ({ ...options, workFolder: join(options.out, 'work') });

export function totalCost(tasks: readonly CellTask[], opened: Opened): number {
  return tasks.reduce((sum, task) => sum + costOf(task, opened), 0);
}

/** What a cell costs, in multiply-adds and a constant per image and step: only ratios matter. */
function costOf(
  { cell, dataset: spec, model: modelSpec, protocol }: CellTask,
  { datasets, models }: Opened,
): number {
  const { splits } = datasets.find((entry) => entry.spec === spec)!.dataset;
  const { model } = models.find((entry) => entry.spec === modelSpec)!.opened;
  const perImage = imageCost(model.multiplyAdds);
  const images = splits.train.length + splits.validation.length + splits.test.length;
  if (cell.setting === 'fixed') return images * perImage + 1e9;
  const { batchSize } = protocol[cell.setting];
  const { search, final } = plannedSteps(protocol[cell.setting]);
  const trained = (search + final) * Math.min(batchSize, splits.train.length);
  return trained * TRAINING_COST * perImage + images * perImage;
}

/** What an image costs in inference. */
export function imageCost(multiplyAdds: number): number {
  return multiplyAdds + 2e6;
}

/** What training on an image costs in inferences. */
export const TRAINING_COST = 4;
