/** What every setting is given and what it returns. */
import type { ImageDataset, View } from '../data/index.ts';
import { meanAveragePrecision, meanPerClass, top1 } from '../evaluate/index.ts';
import { type Model, transferHead } from '../models/index.ts';
import { metadataOf } from '../onnx/index.ts';
import type { SessionOptions } from '../runtime/index.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { networkFile, type OutputName, type StepMemory } from '../train/index.ts';
import type { ProgressListener } from '../util/progress.ts';
import { VERSION } from '../util/version.ts';
import type { SourceHead } from '../weights/index.ts';
import type { ImageSeconds } from './image-time.ts';

export interface SettingInputs extends SessionOptions {
  readonly dataset: ImageDataset;
  readonly model: Model;
  /** The backbone's pre-trained variables; undefined for random initialisation. */
  readonly weights: ReadonlyMap<string, Tensor<'float32'>> | undefined;
  /** The classifier that the weights came with; settings put one of their own in its place. */
  readonly head?: SourceHead;
  readonly seed: number;
  /** Folder of decoded images and of prepared graphs, shared between runs. */
  readonly cacheFolder: string;
  /** Bytes that training may take; a batch that does not fit is divided. No limit unless told otherwise. */
  readonly memory?: number;
  /** `done` of `total` is the share of the whole setting. */
  readonly onProgress: ProgressListener;
}

export interface SettingTrial {
  readonly hyperparameters: Readonly<Record<string, number>>;
  readonly status: 'finished' | 'stopped' | 'diverged';
  readonly validation: number | null;
  readonly steps: number;
  readonly seconds: number;
}

export interface SettingResult {
  readonly hyperparameters: Readonly<Record<string, number>>;
  /** Validation metric of the chosen trial. */
  readonly validation: number;
  readonly trials: readonly SettingTrial[];
  /** Steps of all trials together, and those that the whole grid takes; of settings that train the network. */
  readonly searchSteps?: { readonly run: number; readonly wholeGrid: number };
  readonly curve: readonly { step: number; loss: number; trainAccuracy: number; learningRate: number }[];
  /** Logits of the test images, [images, classes] (of a multi-label set each one's sign is a decision), as the exported network gives them. */
  readonly testLogits: Tensor<'float32'>;
  /** The trained network in inference form: the bytes of an ONNX file. */
  readonly network: Uint8Array;
  readonly seconds: { readonly total: number; readonly search: number; readonly final: number };
  /** The part of the total in which images were not there yet. */
  readonly imageSeconds: ImageSeconds;
  /** How training kept within memory; of settings that train the network. */
  readonly memory?: StepMemory;
}

/** Output of an exported classifier. */
export const LOGITS: OutputName = 'logits';

/**
 * The data set's metric of labels (`labelsOf`) and what was predicted: classes, or the scores, images x classes, of a
 * multi-label set.
 */
export function metricOf({
  metric,
  classes,
}: ImageDataset): (labels: Int32Array, predicted: ArrayLike<number>) => number {
  switch (metric) {
    case 'top1':
      return top1;
    case 'meanPerClass':
      return (labels, predicted) => meanPerClass(labels, predicted, classes.length);
    case 'meanAveragePrecision':
      return (labels, scores) => meanAveragePrecision(labels, scores, classes.length);
  }
}

/** The trained network with its labels and preprocessing, in inference form: the bytes of an ONNX file. */
export function classifierFile(
  { dataset, model }: SettingInputs,
  setting: 'fixed' | 'finetune' | 'scratch',
  resize: View,
  weights: ReadonlyMap<string, Tensor>,
): Uint8Array {
  const metadata = metadataOf(
    dataset.classes,
    { ...model.input, resize },
    { version: VERSION, model: model.name, dataset: dataset.name, setting, task: dataset.task },
  );
  return networkFile(
    (net, x) => transferHead(net, model.backbone(net, x), dataset.classes.length),
    LOGITS,
    model.input.size,
    weights,
    metadata,
  );
}

/** Stopwatch: seconds since it was made. */
export function stopwatch(): () => number {
  const started = performance.now();
  return () => (performance.now() - started) / 1000;
}
