/** A study's plan, progress and replay as text. */
import { countOf, duration, integer, SETTING_NAMES } from '../../report/format.ts';
import type { LockHolder } from '../../store/index.ts';
import type { StudyPlan } from './plan.ts';
import type { StudyProgress } from './progress-file.ts';
import type { Replay } from './replay.ts';

const HEADER = ['Network', 'Setting', 'Cells', 'Done', 'Trials', 'Time left', 'Memory'];

export function planText(plan: StudyPlan): string {
  const { title, protocol, cells, done, trials, pretraining, experiments, datasets, budgetSeconds, absent } =
    plan;
  const rows = plan.rows.map((row) => [
    row.model,
    SETTING_NAMES[row.setting],
    integer(row.cells),
    integer(row.done),
    integer(row.trials),
    row.done === row.cells ? '' : duration(row.seconds),
    gibibytes(row.bytes),
  ]);
  const total = [
    'All',
    '',
    integer(cells),
    integer(done),
    integer(trials),
    duration(plan.seconds),
    gibibytes(plan.bytes),
  ];
  const named = Object.entries(experiments).filter(([, count]) => count > 0);
  const images = datasets.map(
    ({ name, train, validation, test }) =>
      `  ${name}: ${integer(train)} + ${integer(validation)} + ${integer(test)}`,
  );
  const over = budgetSeconds !== null && plan.seconds > budgetSeconds;
  return [
    title,
    `Protocol ${protocol}. Experiments: ${named.map(([name, count]) => `${name} ${countOf(count, 'cell')}`).join(', ')}.`,
    'Images for training, validation and test:',
    ...images,
    ...(pretraining.networks > 0
      ? [
          `${countOf(pretraining.networks, 'network')} to pre-train, ${pretraining.done} done; the rest takes about ${duration(pretraining.seconds)}.`,
        ]
      : []),
    ...(absent.length > 0
      ? [`Not here, so planned by published numbers and by architecture: ${absent.join(', ')}.`]
      : []),
    '',
    ...aligned([HEADER, ...rows, total]),
    '',
    'Time: measured on a few steps of each network here, for whole trials; trials that are given up make it less.',
    ...(over ? [`This is more than the budget of ${duration(budgetSeconds!)}.`] : []),
    '',
  ].join('\n');
}

/** Columns as wide as their widest cell; numbers to the right, the first two to the left. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join('  ')
      .trimEnd(),
  );
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(bytes < 10 * 2 ** 30 ? 2 : 0)} GiB`;
}

/** @param runner the process that runs the study, null when none does */
export function progressText(progress: StudyProgress, runner: LockHolder | null): string {
  const { phase, cells, done, failed, finished, updatedAt } = progress;
  const state = finished
    ? 'finished'
    : runner
      ? `running (${phase}), process ${runner.process}${placeOf(runner)}`
      : 'stopped; the same command goes on from there';
  const failures = failed > 0 ? `, ${failed} failed` : '';
  return `${integer(done)} of ${countOf(cells, 'cell')} done${failures}. The study is ${state}. Last change: ${updatedAt}\n`;
}

function placeOf({ isElsewhere, host }: LockHolder): string {
  return isElsewhere ? ` on ${host}, as far as can be told from here` : '';
}

export function replayText({ cell, differences, stored, again }: Replay): string {
  const { dataset, model, setting, seed, key } = cell;
  const values = `test ${stored.test.value} and ${again.test.value}, ${countOf(stored.predictions.length, 'prediction')}, ${countOf(stored.trials.length, 'trial')}`;
  return [
    `${dataset} · ${model} · ${SETTING_NAMES[setting]}, seed ${seed} (${key.slice(0, 12)})`,
    differences.length === 0 ? `Identical: ${values}.` : `Different in ${differences.join(', ')}: ${values}.`,
    '',
  ].join('\n');
}
