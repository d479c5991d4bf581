/** From what is to be compared to cells: a pure function. */
import type { ImageDataset } from '../data/index.ts';
import { MODELS } from '../models/index.ts';
import type { Cell, Setting } from '../store/index.ts';
import type { Protocol } from '../transfer/index.ts';
import { contentHash } from '../util/hash.ts';
import type { OpenedModel } from '../weights/index.ts';

/**
 * Raise when the program would give other numbers for equal cells, so that stored results of the old one are
 * not taken for results of the new one.
 */
const RESULT_VERSION = 3;

export const SETTINGS: readonly Setting[] = ['fixed', 'finetune', 'scratch'];

/** A cell and the words by which a worker process opens its data set and model. */
export interface CellTask {
  readonly cell: Cell;
  readonly dataset: string;
  readonly model: string;
  readonly splitSeed: number;
  readonly protocol: Protocol;
}

export interface PlanInput {
  readonly datasets: readonly { readonly spec: string; readonly dataset: ImageDataset }[];
  readonly models: readonly { readonly spec: string; readonly opened: OpenedModel }[];
  readonly settings: readonly Setting[];
  readonly protocol: Protocol;
  readonly seeds: readonly number[];
  readonly splitSeed: number;
  /** Bytes that training may take: batch norms see the parts into which a batch is divided to keep within them. */
  readonly memory?: number;
}

/**
 * One task per data set, model, setting and seed. Settings that need pre-trained weights are left out for models
 * without; fixed features draw no random number, so they have one cell whatever the seeds.
 */
export function planCells(input: PlanInput): CellTask[] {
  const { datasets, models, settings, protocol, seeds, splitSeed, memory } = input;
  const tasks: CellTask[] = [];
  for (const { spec, dataset } of datasets) {
    for (const model of models) {
      for (const setting of settings) {
        if (setting !== 'scratch' && !model.opened.weights) continue;
        for (const seed of setting === 'fixed' ? seeds.slice(0, 1) : seeds) {
          const cell = cellOf(dataset, model.opened, setting, protocol, seed, memory);
          tasks.push({ cell, dataset: spec, model: model.spec, splitSeed, protocol });
        }
      }
    }
  }
  return tasks;
}

/** The registry's name with its switches and size; where a file is the architecture, as with ONNX, the file's hash. */
export function architectureOf({ model, weightsHash }: OpenedModel): string {
  const registered = MODELS.find(({ name }) => name === model.name.split(/[@+-]/)[0]);
  return registered?.family === model.family ? model.name : `file ${weightsHash}`;
}

/** The fields of a setting. That of the search is left out where it says what was so before there was such a field. */
function partOf(protocol: Protocol, setting: Setting): Readonly<Record<string, unknown>> {
  if (setting === 'fixed') return { ...protocol.fixed };
  const { search, ...others } = protocol[setting];
  const wholeGrid = search.kind === 'grid' && search.refinements === 0;
  return wholeGrid ? others : { ...others, search };
}

function cellOf(
  dataset: ImageDataset,
  opened: OpenedModel,
  setting: Setting,
  protocol: Protocol,
  seed: number,
  memory: number | undefined,
): Cell {
  const determinedBy = {
    resultVersion: RESULT_VERSION,
    dataset: dataset.fingerprint,
    metric: dataset.metric,
    architecture: architectureOf(opened),
    input: opened.model.input,
    weights: setting === 'scratch' ? null : opened.weightsHash,
    setting,
    // The part that concerns this setting: a change of another setting's part leaves the cell as it is.
    protocol: partOf(protocol, setting),
    seed,
    ...(memory !== undefined && setting !== 'fixed' && { memory }),
  };
  return {
    key: contentHash(determinedBy),
    dataset: dataset.name,
    model: opened.label,
    setting,
    protocol: protocol.name,
    seed,
    determinedBy,
  };
}
