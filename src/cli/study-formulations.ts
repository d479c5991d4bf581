/**
 * Which formulations of convolutions a study takes: what this machine knows at its first start (`transferlab tune`,
 * and what is timed then if that is asked for). The study's folder keeps it, because formulations differ in rounding:
 * a study that is killed and continued, or repeated for its report, gives the same numbers.
 */
import { convolutionsOf, type Formulations } from '../compile/index.ts';
import { frozenFormulations, tuneInto, tuningPlace } from '../runtime/index.ts';
import type { CellTask } from '../study/index.ts';
import { stepOutputs } from '../train/index.ts';
import { tunedStep } from '../transfer/index.ts';
import type { Opened, WorkOptions } from './inputs.ts';
import type { ProgressDisplay } from './progress.ts';

export async function studyFormulations(
  tasks: readonly CellTask[],
  opened: Opened,
  options: WorkOptions,
  display: ProgressDisplay,
): Promise<Formulations> {
  const convolutions = convolutionsOf(graphsOf(tasks, opened));
  return frozenFormulations(options.out, tuningPlace(options), convolutions, (missing) =>
    tuneInto(missing, {
      ...options,
      seconds: options.tuneSeconds,
      onProgress: () => display.prepare('timing formulations of convolutions'),
    }),
  );
}

/** The training steps of the tasks, each once. */
function graphsOf(tasks: readonly CellTask[], { datasets, models }: Opened) {
  const steps = new Map<string, () => ReturnType<typeof stepOutputs>>();
  for (const { cell, dataset: datasetSpec, model: modelSpec, protocol } of tasks) {
    if (cell.setting === 'fixed') continue;
    const { dataset } = datasets.find(({ spec }) => spec === datasetSpec)!;
    const { model } = models.find(({ spec }) => spec === modelSpec)!.opened;
    const { classifier, definition } = tunedStep(dataset, model, protocol[cell.setting]);
    // Shapes depend on nothing else, but for the head, which has no convolution.
    steps.set(`${modelSpec} ${definition.images}`, () => stepOutputs(classifier, definition));
  }
  return [...steps.values()].flatMap((build) => build());
}
