/** Inputs of a setting small enough to run whole in a test, and a protocol for them. */
import { type ImageDataset, openFolderDataset } from '../../src/data/index.ts';
import { findModel } from '../../src/models/index.ts';
import type { SettingInputs, TuningProtocol } from '../../src/transfer/index.ts';
import { silent } from '../../src/util/progress.ts';
import { colourFolder } from '../colour-folder.ts';
import { temporaryFolder } from '../data/pictures.ts';
import { smallWeights } from '../small-weights.ts';

/** One point and no dropout; every field that matters to a test is named there. */
export const SMALL_TUNING: TuningProtocol = {
  steps: 8,
  batchSize: 8,
  learningRates: [0.05],
  weightDecays: [1e-5],
  divideDecayByRate: true,
  momentum: 0.9,
  labelSmoothing: 0,
  dropout: 0,
  smallestCrop: 0.5,
  cropRatio: 0.875,
  filter: 'bilinear',
  giveUp: null,
  search: { kind: 'grid', refinements: 0 },
};

/** A small pre-trained network that sees 16 px, and a data set. */
export async function smallInputs(
  dataset: ImageDataset,
  change: Partial<SettingInputs> = {},
): Promise<SettingInputs> {
  return {
    dataset,
    model: findModel('cifar_resnet20@16'),
    weights: smallWeights('cifar_resnet20'),
    seed: 0,
    cacheFolder: await temporaryFolder(),
    threads: 1,
    onProgress: silent,
    ...change,
  };
}

/** The same with so many pictures of each of three colours. */
export async function colourInputs(
  each: number,
  change: Partial<SettingInputs> = {},
): Promise<SettingInputs> {
  const folder = await colourFolder({ red: each, green: each, blue: each });
  return smallInputs(await openFolderDataset(folder, { seed: 0 }), change);
}
