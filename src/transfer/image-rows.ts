/** What a network says of some images of a data set, a row of numbers for each: features, or scores. */
import { readFile } from 'node:fs/promises';
import type { ImageRecord, View } from '../data/index.ts';
import { importOnnxClassifier } from '../models/imported/import.ts';
import type { Model } from '../models/index.ts';
import { decodeModel, parseMetadata } from '../onnx/index.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { compileImageFunction } from '../train/index.ts';
import { UserError } from '../util/errors.ts';
import { passOverImages, requireFinite } from './image-pass.ts';
import type { SettingInputs } from './setting.ts';

/** Images that a network sees at a time. */
const BATCH = 16;

/** A network with its weights and how images become its input. */
export interface SeeingNetwork {
  readonly model: Model;
  readonly weights: ReadonlyMap<string, Tensor<'float32'>>;
  readonly view: View;
}

/**
 * The pre-trained network as fixed features use it, see `FixedProtocol`.
 * @throws UserError WEIGHTS_MISSING where there are none
 */
export function preTrained({ model, weights }: SettingInputs): SeeingNetwork {
  if (weights) {
    const view = { kind: 'central-square', size: model.input.size, filter: 'bicubic' } as const;
    return { model, weights, view };
  }
  throw new UserError(
    'WEIGHTS_MISSING',
    `${model.name} has no pre-trained weights, so its features say nothing of images.`,
    'Give a file of weights, or a network that was trained.',
  );
}

/**
 * The network that a setting exported, with the head that it was trained with and its own preparation of images.
 * @param path of an ONNX file
 * @throws UserError as of `importOnnxClassifier`; NO_METADATA where the file does not say how images are prepared
 */
export async function trainedNetwork(path: string): Promise<SeeingNetwork> {
  const imported = await importOnnxClassifier(path);
  const { input } = parseMetadata(decodeModel(await readFile(path)));
  if (input) return { ...imported, view: input.resize };
  throw new UserError(
    'NO_METADATA',
    `${path} does not say how images are prepared for it.`,
    'Give an ONNX file that a setting exported.',
  );
}

/** What rows are made by; the backbone's features unless told otherwise. */
type RowNetwork = Parameters<typeof compileImageFunction>[0];

/**
 * One row per record, in their order: [records, columns].
 * @throws UserError FEATURES_NOT_FINITE
 */
export async function imageRows(
  inputs: SettingInputs,
  network: SeeingNetwork,
  records: readonly ImageRecord[],
  make: RowNetwork = (net, images) => network.model.backbone(net, images).features,
): Promise<Tensor<'float32'>> {
  const { dataset, cacheFolder, threads, device, onProgress } = inputs;
  const { model, weights, view } = network;
  const rows = await passOverImages({
    dataset,
    records,
    view,
    cacheFolder,
    input: model.input,
    batchSize: BATCH,
    open: (batch) => compileImageFunction(make, batch, weights, { threads, device }),
    phase: 'features',
    onPreparing: ({ phase, done, total }) =>
      onProgress({ phase, done: 0, total: 1, note: `${done} of ${total}` }),
    onProgress,
  });
  requireFinite(rows, { model, dataset }, records);
  return rows;
}
