/** What a study shows of its trained networks: embeddings of their features, and panels of images. */
import type { CellOutcome, FinishedCell, Setting, Store } from '../../store/index.ts';
import { type CellEnvironment, chosenOf, type MeasurementTask, planMeasurement } from '../../study/index.ts';
import { everyModel, type OpenedStudy } from './open.ts';
import type { StudyMeasurement } from './work.ts';

/**
 * The embeddings and panels of the networks that cells have exported, those of the first seed. They cost next to
 * nothing beside the cells.
 * @throws UserError STUDY_NAME, and what reading the store throws
 */
export async function looksOf(
  opened: OpenedStudy,
  outcomes: readonly CellOutcome[],
  store: Store,
  environment: CellEnvironment,
): Promise<StudyMeasurement[]> {
  const { embedding, panels } = opened.study.experiments;
  const shown: [Chosen | undefined, (seen: Seen) => MeasurementTask][] = [
    [
      embedding,
      ({ inputs, network, networkPath }) => {
        const { methods, classes, imagesPerClass } = embedding!;
        return planMeasurement(
          'embedding',
          inputs,
          { methods, classes, imagesPerClass, network },
          { networkPath },
        );
      },
    ],
    [
      panels,
      ({ inputs, network, networkPath }) =>
        planMeasurement('panels', inputs, { images: panels!.images, network }, { networkPath }),
    ],
  ];
  const looks: StudyMeasurement[] = [];
  for (const [chosen, plan] of shown) {
    if (!chosen) continue;
    for (const seen of await networksOf(opened, chosen, outcomes, store, environment)) {
      const { setting } = seen;
      looks.push({ task: plan(seen), dataset: seen.inputs.dataset.dataset.name, setting, cost: 0 });
    }
  }
  return looks;
}

interface Chosen {
  readonly models?: readonly string[];
  readonly datasets?: readonly string[];
  readonly settings: readonly Setting[];
}

/** A network that a cell has exported. */
interface Seen {
  readonly inputs: Parameters<typeof planMeasurement>[1];
  readonly setting: Setting;
  /** SHA-256 of its file. */
  readonly network: string;
  readonly networkPath: string;
}

async function networksOf(
  opened: OpenedStudy,
  chosen: Chosen,
  outcomes: readonly CellOutcome[],
  store: Store,
  environment: CellEnvironment,
): Promise<Seen[]> {
  const { splitSeed, seeds } = opened.study;
  const protocol = opened.protocol.name;
  const { datasets, models } = chosenOf({ datasets: opened.datasets, models: everyModel(opened) }, chosen);
  const found: Seen[] = [];
  for (const dataset of datasets) {
    for (const model of models) {
      for (const setting of chosen.settings) {
        const { name } = dataset.dataset;
        const wanted = { dataset: name, model: model.opened.label, setting, seed: seeds[0], protocol };
        const cell = outcomes.find((outcome): outcome is FinishedCell => isOf(outcome, wanted));
        if (!cell) continue;
        const inputs = { dataset, model, splitSeed, seed: 0, environment };
        const { network } = cell.result;
        found.push({
          inputs,
          setting,
          network: network.sha256,
          networkPath: await store.artifactPath(network),
        });
      }
    }
  }
  return found;
}

type Identity = Pick<FinishedCell['cell'], 'dataset' | 'model' | 'setting' | 'seed' | 'protocol'>;

function isOf({ cell, status }: CellOutcome, wanted: Identity): boolean {
  const names = Object.keys(wanted) as (keyof Identity)[];
  return status === 'done' && names.every((name) => cell[name] === wanted[name]);
}
