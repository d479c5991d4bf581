/** Runs cells and shows how far they are. */
import { join } from 'node:path';
import type { CellOutcome, Store } from '../store/index.ts';
import { type CellEnvironment, type CellTask, runCells } from '../study/index.ts';
import { plannedSteps } from '../transfer/index.ts';
import type { Opened } from './inputs.ts';
import type { ProgressDisplay } from './progress.ts';

/** Runs the cells and shows how far they are, weighted by their cost. */
export async function runAll(
  store: Store,
  tasks: readonly CellTask[],
  options: CellEnvironment & { readonly out: string },
  opened: Opened,
  display: ProgressDisplay,
): Promise<CellOutcome[]> {
  const costs = tasks.map((task) => costOf(task, opened));
  const total = costs.reduce((sum, cost) => sum + cost, 0);
  let [done, index] = [0, 0];
  const name = ({ cell }: CellTask) =>
    `${index + 1}/${tasks.length} ${cell.dataset} · ${cell.model} · ${cell.setting}`;
  return runCells(
    store,
    tasks,
    { ...options, workFolder: join(options.out, 'work') },
    {
      onBegin: () => display.update(done / total, name(tasks[index])),
      onProgress: (_, { done: part, total: whole, note, phase }) =>
        display.update(
          (done + costs[index] * (part / whole)) / total,
          `${name(tasks[index])}: ${note ?? phase}`,
        ),
      onOutcome: (outcome, stored) => {
        if (stored) display.skip(costs[index] / total);
        if (outcome.status === 'failed') display.line(`Failed: ${name(tasks[index])}: ${outcome.error}`);
        done += costs[index++];
      },
    },
  );
}

/** What a cell costs, in multiply-adds and a constant per image and step: only ratios matter. */
function costOf(
  { cell, dataset: spec, model: modelSpec, protocol }: CellTask,
  { datasets, models }: Opened,
): number {
  const { splits } = datasets.find((entry) => entry.spec === spec)!.dataset;
  const { model } = models.find((entry) => entry.spec === modelSpec)!.opened;
  const perImage = model.multiplyAdds + 2e6;
  const images = splits.train.length + splits.validation.length + splits.test.length;
  if (cell.setting === 'fixed') return images * perImage + 1e9;
  const { batchSize } = protocol[cell.setting];
  const { search, final } = plannedSteps(protocol[cell.setting]);
  return (search + final) * Math.min(batchSize, splits.train.length) * 4 * perImage + images * perImage;
}
