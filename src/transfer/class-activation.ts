/**
 * Class activation maps: where in an image a network finds what speaks for a class. The classifier of the pooled
 * features, applied to the features of each place of the last map instead.
 *
 * Reference: B. Zhou et al., "Learning deep features for discriminative localization", 2016.
 */
import type { ImageRecord } from '../data/index.ts';
import { concat, reshape } from '../graph/build.ts';
import { Graph } from '../graph/graph.ts';
import { type Model, variablesOf } from '../models/index.ts';
import { INFERENCE, Network } from '../nn/index.ts';
import { ANY_BATCH, inferenceFile, OnnxFunction } from '../runtime/index.ts';
import { float32, type Tensor } from '../tensor/tensor.ts';
import { imageRows, type SeeingNetwork } from './image-rows.ts';
import type { SettingInputs } from './setting.ts';

/** What a network says of one image, and of each place in it. */
export interface Activation {
  readonly logits: Float32Array;
  /**
   * Logits of each place, [height x width, classes]: the class activation map and, everywhere, the class's bias. Their
   * mean over the places is `logits`.
   */
  readonly places: Float32Array;
}

export interface Activations {
  readonly height: number;
  readonly width: number;
  /** In the order of the records. */
  readonly images: readonly Activation[];
}

/** Largest difference between the mean over places and the logit, as a share of the largest logit. */
const TOLERANCE = 1e-3;

/**
 * The activations of every class, or half a sentence saying why the network has none: the maps exist where a linear
 * classifier follows the mean of a map with several places.
 */
export async function classActivations(
  inputs: SettingInputs,
  network: SeeingNetwork,
  records: readonly ImageRecord[],
): Promise<Activations | string> {
  const { model, weights } = network;
  const { head } = variablesOf(model);
  if (head.length === 0 || !head.every(({ name }) => weights.has(name)))
    return 'the network has no classifier';
  const [, channels, height, width] = mapShape(model);
  if (channels !== model.featureSize || height * width === 1)
    return 'the classifier does not follow the mean of a map with several places';
  const { data, shape } = await imageRows(inputs, network, records, (net, images) => {
    const { map, features } = model.backbone(net, images);
    return concat([features, reshape(map, [images.shape[0], channels * height * width])], 1);
  });
  const classify = await openHead(network, inputs);
  try {
    const images: Activation[] = [];
    for (let i = 0; i < records.length; i++) {
      const row = data.subarray(i * shape[1], (i + 1) * shape[1]);
      images.push(await activation(classify, row, channels, height * width));
    }
    if (!images.every(isMeanOfPlaces)) return 'its classifier is not linear in the mean of the last map';
    return { height, width, images };
  } finally {
    await classify.close();
  }
}

/** [1, C, h, w] */
function mapShape(model: Model): readonly number[] {
  const net = new Network(new Graph(), INFERENCE);
  return model.backbone(net, net.graph.input('images', [1, 3, model.input.size, model.input.size])).map.shape;
}

/** The classifier as a function of any number of rows of features. */
async function openHead(
  { model, weights }: SeeingNetwork,
  { threads, device }: SettingInputs,
): Promise<OnnxFunction> {
  const net = new Network(new Graph(), INFERENCE);
  const features = net.graph.input('features', [ANY_BATCH, model.featureSize]);
  const map = reshape(features, [ANY_BATCH, model.featureSize, 1, 1]);
  const logits = model.originalHead!.logits(net, { features, map });
  return OnnxFunction.load(inferenceFile(new Map([['logits', logits]]), weights), { threads, device });
}

/** @param row the features, then the map of as many channels */
async function activation(
  classify: OnnxFunction,
  row: Float32Array,
  channels: number,
  places: number,
): Promise<Activation> {
  const features = new Float32Array((1 + places) * channels);
  features.set(row.subarray(0, channels));
  for (let place = 0; place < places; place++)
    for (let c = 0; c < channels; c++)
      features[(1 + place) * channels + c] = row[channels + c * places + place];
  const answer = await classify.run({ features: float32([1 + places, channels], features) });
  const { data, shape } = answer.logits as Tensor<'float32'>;
  return { logits: data.slice(0, shape[1]), places: data.slice(shape[1]) };
}

function isMeanOfPlaces({ logits, places }: Activation): boolean {
  const count = places.length / logits.length;
  const largest = Math.max(...logits.map(Math.abs));
  return logits.every((logit, k) => {
    let mean = 0;
    for (let place = 0; place < count; place++) mean += places[place * logits.length + k] / count;
    return Math.abs(mean - logit) <= TOLERANCE * Math.max(largest, 1);
  });
}

/** The map of one class as rows of numbers, its least 0 and its greatest 1; 0 everywhere where it is level. */
export function activationMap(
  { logits: { length: classes }, places }: Activation,
  label: number,
  height: number,
  width: number,
): number[][] {
  const values = Array.from({ length: height * width }, (_, place) => places[place * classes + label]);
  const low = Math.min(...values);
  const span = Math.max(...values) - low;
  return Array.from({ length: height }, (_, y) =>
    values.slice(y * width, (y + 1) * width).map((value) => (span > 0 ? (value - low) / span : 0)),
  );
}
