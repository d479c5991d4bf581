/** `transferlab replay`: computes a finished cell once more and compares every number. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type CellResult, type FinishedCell, openEmbeddedStore } from '../../store/index.ts';
import { type CellTask, runCells } from '../../study/index.ts';
import { UserError } from '../../util/errors.ts';
import type { ProgressDisplay } from '../progress.ts';
import { studyFormulations } from '../study-formulations.ts';
import { openStudy, withPretrained } from './open.ts';
import type { StudyOptions } from './run.ts';
import { workOf } from './work.ts';

export interface Replay {
  readonly cell: FinishedCell['cell'];
  /** Names of what differs; empty: every number is the same. */
  readonly differences: readonly string[];
  readonly stored: CellResult;
  readonly again: CellResult;
}

/**
 * @param wanted the beginning of a cell's key, or `dataset/model/setting/seed`
 * @throws UserError CELL_UNKNOWN, CELL_AMBIGUOUS, CELL_NOT_DONE, REPLAY_FAILED
 */
export async function replayCell(
  wanted: string,
  options: StudyOptions,
  display: ProgressDisplay,
): Promise<Replay> {
  const untrained = await openStudy(options.path, options, display);
  const store = await openEmbeddedStore(join(options.out, 'store'));
  const folder = await mkdtemp(join(options.out, 'replay-'));
  try {
    const opened = await withPretrained(untrained, store, join(options.out, 'pretrained'));
    const { cells, inputs } = workOf(opened, options);
    const task = findCell(wanted, cells);
    const stored = (await store.outcomes([task.cell.key])).get(task.cell.key);
    if (stored?.status !== 'done') {
      throw new UserError(
        'CELL_NOT_DONE',
        `The cell ${nameOf(task)} has no result to compare with.`,
        'Run the study first.',
      );
    }
    const places = { ...options, splitSeed: opened.study.splitSeed };
    const formulations = await studyFormulations(cells, inputs, places, display);
    const scratchpad = await openEmbeddedStore(join(folder, 'store'));
    const environment = { ...options, formulations, workFolder: join(folder, 'work') };
    const [outcome] = await runCells(scratchpad, [task], environment, {
      onProgress: (_, { done, total, note, phase }) => display.update(done / total, note ?? phase),
    }).finally(() => scratchpad.close());
    if (outcome.status === 'failed') {
      throw new UserError(
        'REPLAY_FAILED',
        `The cell could not be computed again: ${outcome.error}`,
        'Its stored result is untouched.',
      );
    }
    const differences = differencesOf(stored.result, outcome.result);
    return { cell: task.cell, differences, stored: stored.result, again: outcome.result };
  } finally {
    await rm(folder, { recursive: true, force: true });
    await store.close();
  }
}

const nameOf = ({ cell: { dataset, model, setting, seed } }: CellTask) =>
  `${dataset}/${model}/${setting}/${seed}`;

function findCell(wanted: string, cells: readonly CellTask[]): CellTask {
  const found = cells.filter((task) => nameOf(task) === wanted || task.cell.key.startsWith(wanted));
  if (new Set(found.map(({ cell }) => cell.key)).size === 1) return found[0];
  if (found.length === 0) {
    throw new UserError(
      'CELL_UNKNOWN',
      `The study has no cell "${wanted}".`,
      `Give the beginning of a key from study.json, or dataset/model/setting/seed such as ${nameOf(cells[0])}.`,
    );
  }
  const some = found
    .slice(0, 4)
    .map((task) => `${task.cell.key.slice(0, 12)} (${nameOf(task)}, ${task.cell.protocol})`);
  throw new UserError(
    'CELL_AMBIGUOUS',
    `"${wanted}" is said of ${found.length} cells: ${some.join('; ')}.`,
    'Give more of the key.',
  );
}

/** What a result has that does not depend on the time it took. */
function differencesOf(a: CellResult, b: CellResult): string[] {
  const numbers = ({
    hyperparameters,
    validation,
    test,
    trials,
    curve,
    predictions,
    network,
  }: CellResult) => ({
    hyperparameters,
    validation,
    test,
    trials: trials.map(({ seconds: _, ...trial }) => trial),
    curve,
    predictions,
    network: network.sha256,
  });
  const [first, second] = [numbers(a), numbers(b)];
  return (Object.keys(first) as (keyof typeof first)[]).filter(
    (name) => JSON.stringify(first[name]) !== JSON.stringify(second[name]),
  );
}
