/** `transferlab run`: everything that a study declares, from pre-training to the report. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FailedMeasurement } from '../../report/index.ts';
import { openEmbeddedStore, type Store } from '../../store/index.ts';
import {
  type CellTask,
  type ExperimentCells,
  environmentOf,
  protocolHash,
  REGULARISATIONS,
} from '../../study/index.ts';
import { auditAll, datasetSummary, modelSummary, type WorkOptions } from '../inputs.ts';
import type { ProgressDisplay } from '../progress.ts';
import { measureShown, requireSuccess, runAll, WorkBar } from '../run-shown.ts';
import { studyFormulations } from '../study-formulations.ts';
import { type StudyFrame, writeFrame } from './frame.ts';
import { looksOf } from './looks.ts';
import { asIfPretrained, everyModel, type OpenedStudy, openStudy, withPretrained } from './open.ts';
import { ProgressFile } from './progress-file.ts';
import { type StudyMeasurement, workOf } from './work.ts';

export interface StudyOptions extends Omit<WorkOptions, 'splitSeed'> {
  readonly path: string;
  /** The command line that makes the report again. */
  readonly command: string;
}

/** Computes what is missing of the study; the report is then made of what its folder has. */
export async function runStudy(options: StudyOptions, display: ProgressDisplay): Promise<void> {
  const startedAt = new Date().toISOString();
  const untrained = await openStudy(options.path, options, display);
  const whole = workOf(asIfPretrained(untrained), options);
  await mkdir(options.out, { recursive: true });
  const store = await openEmbeddedStore(join(options.out, 'store'));
  try {
    const { path, study } = untrained;
    await store.recordRun({
      startedAt,
      command: 'run',
      arguments: { path, study },
      environment: environmentOf(options),
    });
    const bar = new WorkBar(display, whole.cost);
    const progress = new ProgressFile(options.out, whole.cells.length);
    const failed = await measure(whole.pretrainings, store, options, bar);
    const opened = await withPretrained(untrained, store, join(options.out, 'pretrained'));
    await computeCells(opened, store, { ...options, startedAt }, { bar, display, progress }, failed);
  } finally {
    await store.close();
  }
}

/** Where it is shown how far the study is. */
interface Shown {
  readonly bar: WorkBar;
  readonly display: ProgressDisplay;
  readonly progress: ProgressFile;
}

async function computeCells(
  opened: OpenedStudy,
  store: Store,
  options: StudyOptions & { readonly startedAt: string },
  { bar, display, progress }: Shown,
  failedPretrainings: readonly FailedMeasurement[],
): Promise<void> {
  const { cells, inputs, experiments, scores } = workOf(opened, options);
  const audits = await auditAll(opened.datasets, options, display);
  const places = { ...options, splitSeed: opened.study.splitSeed };
  const formulations = await studyFormulations(cells, inputs, places, display);
  const environment = { ...options, formulations };
  const frame = {
    ...declared(opened),
    startedAt: options.startedAt,
    command: options.command,
    environment: environmentOf(environment),
    datasets: opened.datasets.map(({ dataset }, i) => datasetSummary(dataset, audits[i])),
    cells: cells.map(({ cell }) => cell),
    experiments: experimentKeys(opened, experiments),
  };
  const failedMeasurements = [...failedPretrainings];
  const keepFrame = (measurements: readonly StudyMeasurement[]) =>
    writeFrame(options.out, { ...frame, failedMeasurements, measurements: measurements.map(nameOf) });
  await keepFrame(scores);
  progress.enter('transferability scores');
  failedMeasurements.push(...(await measure(scores, store, environment, bar)));
  progress.enter('cells');
  const outcomes = await runAll(store, cells, environment, inputs, display, bar, (outcome) =>
    progress.add(outcome),
  );
  progress.enter('drawings');
  const looks = await looksOf(opened, outcomes, store, environment);
  await keepFrame([...scores, ...looks]);
  failedMeasurements.push(...(await measure(looks, store, environment, bar)));
  await keepFrame([...scores, ...looks]);
  await progress.finish();
  requireSuccess(outcomes);
}

/** Returns what could not be measured. */
async function measure(
  measurements: readonly StudyMeasurement[],
  store: Store,
  options: Parameters<typeof measureShown>[2],
  bar: WorkBar,
): Promise<FailedMeasurement[]> {
  const costs = new Map(measurements.map(({ task, cost }) => [task.key, cost]));
  const tasks = measurements.map(({ task }) => task);
  const outcomes = await measureShown(store, tasks, options, bar, ({ key }) => costs.get(key)!);
  return outcomes.flatMap((outcome, i) => {
    if (outcome.status === 'done') return [];
    const { key: _, ...name } = nameOf(measurements[i]);
    return { ...name, error: outcome.error };
  });
}

function nameOf({ task, dataset, setting }: StudyMeasurement): StudyFrame['measurements'][number] {
  const { key, kind, label } = task;
  return { key, kind, dataset, model: label, setting };
}

/** What the report says of the study itself. */
function declared(
  opened: OpenedStudy,
): Pick<StudyFrame, 'title' | 'description' | 'protocol' | 'correction' | 'models'> {
  const { study, protocol } = opened;
  return {
    title: study.title,
    description: study.description,
    protocol: { name: protocol.name, hash: protocolHash(protocol), fields: { ...protocol } },
    correction: study.correction,
    models: everyModel(opened).map(({ opened: model, sourceAccuracy, sourceImages }) => ({
      ...modelSummary(model),
      sourceAccuracy,
      sourceImages,
    })),
  };
}

const referenceOf = ({ cell: { key, dataset, model } }: CellTask) => ({ key, dataset, model });

/** Which cells belong to which experiment. */
function experimentKeys(
  { variants }: OpenedStudy,
  { settings, regularisation, convergence, datasetSize }: ExperimentCells,
): StudyFrame['experiments'] {
  return {
    settings: { cells: settings.map(referenceOf) },
    regularisation: regularisation && {
      base: variants[0].opened.label,
      variants: variants.map(({ opened }, i) => ({ model: opened.label, ...REGULARISATIONS[i] })),
      cells: regularisation.map(referenceOf),
    },
    convergence: convergence && {
      runs: convergence.map(({ task, ...run }) => ({ ...run, key: task.cell.key })),
    },
    datasetSize: datasetSize && {
      runs: datasetSize.map(({ task, ...run }) => ({ ...run, key: task.cell.key })),
    },
  };
}
