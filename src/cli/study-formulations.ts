/**
 * Which formulations of convolutions a study takes: what this machine knows at its first start (`transferlab tune`,
 * and what is timed then if that is asked for). The study's folder keeps it, because formulations differ in rounding:
 * a study that is killed and continued, or repeated for its report, gives the same numbers.
 */
import { convolutionsOf, type Formulations } from '../compile/index.ts';
import { frozenFormulations, tuneInto, tuningPlace } from '../runtime/index.ts';
import type { CellTask } from '../study/index.ts';
import { type Classifier, type StepDefinition, stepOutputs, TrainingStep } from '../train/index.ts';
import { tunedStep } from '../transfer/index.ts';
import { UserError } from '../util/errors.ts';
import { contentHash } from '../util/hash.ts';
import type { Opened, WorkOptions } from './inputs.ts';
import type { ProgressDisplay } from './progress.ts';

export async function studyFormulations(
  tasks: readonly CellTask[],
  opened: Opened,
  options: WorkOptions,
  display: ProgressDisplay,
): Promise<Formulations> {
  const convolutions = convolutionsOf(await graphsOf(tasks, opened, options));
  return frozenFormulations(options.out, tuningPlace(options), convolutions, (missing) =>
    tuneInto(missing, {
      ...options,
      seconds: options.tuneSeconds,
      onProgress: () => display.prepare('timing formulations of convolutions'),
    }),
  );
}

/** The training steps of the tasks as they will run, divided by the limit of memory where there is one, each once. */
async function graphsOf(tasks: readonly CellTask[], { datasets, models }: Opened, options: WorkOptions) {
  const steps = new Map<string, () => ReturnType<typeof stepOutputs>>();
  const divisions = new Map<string, number | undefined>();
  for (const { cell, dataset: datasetSpec, model: modelSpec, protocol } of tasks) {
    if (cell.setting === 'fixed') continue;
    const { dataset } = datasets.find(({ spec }) => spec === datasetSpec)!;
    const { model } = models.find(({ spec }) => spec === modelSpec)!.opened;
    const { classifier, definition } = tunedStep(dataset, model, protocol[cell.setting]);
    const planned = contentHash({ modelSpec, definition, classes: dataset.classes.length });
    if (!divisions.has(planned)) divisions.set(planned, await divisionOf(classifier, definition, options));
    const microBatches = divisions.get(planned);
    if (microBatches === undefined) continue;
    // Shapes depend on nothing else, but for the head, which has no convolution.
    steps.set(`${modelSpec} ${definition.images} ${microBatches}`, () =>
      stepOutputs(classifier, { ...definition, microBatches }),
    );
  }
  return [...steps.values()].flatMap((build) => build());
}

/** The micro-batches of a step; undefined where it cannot be computed, which its cell will say. */
async function divisionOf(
  classifier: Classifier,
  definition: StepDefinition,
  { memory }: WorkOptions,
): Promise<number | undefined> {
  if (memory === undefined) return 1;
  try {
    return (await TrainingStep.plan(classifier, { ...definition, memory })).microBatches;
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}
