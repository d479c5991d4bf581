/** `transferlab plan`, `run`, `status`, `report`, `export` and `replay`: a study file and the folder of its results. */
import { basename, extname, join, resolve } from 'node:path';
import { studyText } from '../../report/index.ts';
import { UserError } from '../../util/errors.ts';
import { commandLine, interruptible } from '../interrupt.ts';
import type { OptionValues } from '../options.ts';
import { textOf, workOptionsOf } from '../parse.ts';
import { print } from '../print.ts';
import { PLAN_VERSION, planStudy } from '../study/plan.ts';
import { readProgress, runnerOf } from '../study/progress-file.ts';
import { replayCell } from '../study/replay.ts';
import { exportStudy, reportStudy, type StudyReport } from '../study/report.ts';
import { runStudy, type StudyOptions } from '../study/run.ts';
import { planText, progressText, replayText } from '../study/text.ts';
import { terminalOf } from '../terminal.ts';

/** The folder of a study's results, unless `--out` names another. */
function folderOf(path: string, values: OptionValues): string {
  return textOf(values, 'out') || join('transferlab-out', basename(path, extname(path)));
}

async function optionsOf(path: string, values: OptionValues): Promise<StudyOptions> {
  return {
    path,
    out: folderOf(path, values),
    ...(await workOptionsOf(values)),
    command: commandLine(),
  };
}

export async function plan(path: string, values: OptionValues): Promise<void> {
  const options = await optionsOf(path, values);
  const planned = await interruptible((display) => planStudy(options, display));
  print(values, { kind: 'study-plan', version: PLAN_VERSION, ...planned }, () => planText(planned));
}

export async function run(path: string, values: OptionValues): Promise<void> {
  const options = await optionsOf(path, values);
  const made = await interruptible(async (display) => {
    await runStudy(options, display);
    return reportStudy(options.out, display);
  });
  answer(values, made);
}

export async function report(path: string, values: OptionValues): Promise<void> {
  answer(values, await interruptible((display) => reportStudy(folderOf(path, values), display)));
}

function answer(values: OptionValues, { document, reportPath }: StudyReport): void {
  const places = { Report: resolve(reportPath) };
  print(values, document, () => studyText(document, { ...terminalOf(), places }));
}

/** @throws UserError STUDY_NOT_STARTED */
export async function status(path: string, values: OptionValues): Promise<void> {
  const folder = folderOf(path, values);
  const progress = await readProgress(folder);
  if (!progress) {
    throw new UserError(
      'STUDY_NOT_STARTED',
      `No study has come as far as its cells in ${folder}.`,
      `Start it: transferlab run ${path}`,
    );
  }
  const runner = progress.finished ? null : runnerOf(folder, progress);
  print(values, { kind: 'study-status', version: 1, ...progress, running: runner !== null }, () =>
    progressText(progress, runner),
  );
}

export async function exportAll(path: string, values: OptionValues): Promise<void> {
  const folder = folderOf(path, values);
  const target = join(folder, 'export');
  const files = await interruptible((display) => exportStudy(folder, target, display));
  print(
    values,
    { kind: 'study-export', version: 1, folder: resolve(target), files },
    () => `${files.length} files in ${resolve(target)}\n`,
  );
}

/** Ends with exit code 1 when a number differs. */
export async function replay(path: string, cell: string, values: OptionValues): Promise<void> {
  const options = await optionsOf(path, values);
  const result = await interruptible((display) => replayCell(cell, options, display));
  const { differences } = result;
  const document = {
    kind: 'study-replay',
    version: 1,
    cell: result.cell,
    identical: differences.length === 0,
    differences,
    stored: result.stored.test,
    again: result.again.test,
  };
  print(values, document, () => replayText(result));
  if (differences.length > 0) process.exitCode = 1;
}
