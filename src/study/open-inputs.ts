/** What a worker process computes with: data sets and models stay open between the tasks of one process. */
import type { ImageDataset } from '../data/index.ts';
import type { SettingInputs } from '../transfer/index.ts';
import { UserError } from '../util/errors.ts';
import type { ProgressListener } from '../util/progress.ts';
import { type OpenedModel, openModel } from '../weights/index.ts';
import { designed, openDataset, splitDatasetSpec } from './datasets.ts';

export interface CellEnvironment {
  readonly cacheFolder: string;
  readonly threads: number;
  /** Where the engine runs. */
  readonly device: NonNullable<SettingInputs['device']>;
  /** Which formulations of convolutions the engine takes; the usual ones unless told otherwise. */
  readonly formulations?: SettingInputs['formulations'];
  /** Bytes that training may take. */
  readonly memory?: number;
}

/** The words by which a worker opens data set and model, and what they were when the task was planned. */
interface Named {
  readonly dataset: string;
  readonly model: string;
  readonly splitSeed: number;
  readonly seed: number;
  readonly determinedBy: Readonly<Record<string, unknown>>;
}

const datasets = new Map<string, Promise<ImageDataset>>();
const models = new Map<string, Promise<OpenedModel>>();

/** What could not be opened is tried again the next time. */
function remembered<T>(map: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = map.get(key);
  if (known) return known;
  const made = make();
  map.set(key, made);
  made.catch(() => map.delete(key));
  return made;
}

/** @throws UserError INPUT_CHANGED, or what opening data sets and models throws */
export async function openInputs(
  named: Named,
  environment: CellEnvironment,
  onProgress: ProgressListener,
): Promise<SettingInputs> {
  const { splitSeed, seed } = named;
  const { cacheFolder, threads, device, formulations, memory } = environment;
  const { whole, design } = splitDatasetSpec(named.dataset);
  const source = await remembered(datasets, `${whole}:${splitSeed}`, () =>
    openDataset(whole, { splitSeed, cacheFolder, onProgress }),
  );
  const dataset = await designed(source, design);
  const opened = await remembered(models, named.model, () =>
    // What the parent process opened is there; a worker downloads nothing.
    openModel(named.model, { cacheFolder, offline: true }),
  );
  requireUnchanged(named, dataset, opened);
  const { model, weights, head } = opened;
  const engine = { threads, device, formulations, memory };
  return { dataset, model, weights, head, seed, cacheFolder, ...engine, onProgress };
}

/** A key names the data and weights that were planned for; a result of others must not be kept under it. */
function requireUnchanged(
  { determinedBy, dataset: spec, model }: Named,
  dataset: ImageDataset,
  opened: OpenedModel,
): void {
  const { dataset: fingerprint, weights } = determinedBy;
  // A key without weights or data is that of a task which they do not change.
  const differs = (planned: unknown, found: unknown) => (planned ?? found) !== found;
  const changed = differs(fingerprint, dataset.fingerprint)
    ? spec
    : differs(weights, opened.weightsHash)
      ? model
      : null;
  if (changed === null) return;
  throw new UserError(
    'INPUT_CHANGED',
    `${changed} has changed since the command was started.`,
    'Run the command again: it starts from what is there now.',
  );
}
