/**
 * What a weights file says about its network. Files of our own name the registry entry and the input; the
 * published files that people have are recognised by their `arch` or file name.
 */
import { basename } from 'node:path';
import { withInput } from '../models/define.ts';
import type { InputSpecification, Model } from '../models/model.ts';
import { findModel, MODELS } from '../models/registry.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { UserError } from '../util/errors.ts';
import { encodeSafetensors, writeSafetensors } from './safetensors.ts';

type Metadata = Readonly<Record<string, string>>;

/** Registry name, `arch` in the metadata and file name (without ending) of the published files. */
const PUBLISHED: readonly { model: string; arch: string; stem: string }[] = [
  { model: 'cifar_resnet20', arch: 'CIFAR ResNet-20', stem: 'cifar10_resnet20' },
  { model: 'cifar_resnet56', arch: 'CIFAR ResNet-56', stem: 'cifar10_resnet56' },
  { model: 'darknet_tiny', arch: 'darknet tiny classifier', stem: 'darknet_tiny' },
  { model: 'mobilenet_v1_025_folded', arch: 'mobilenet_v1 width 0.25', stem: 'mobilenet_v1_025' },
  { model: 'mobilenet_v2_folded', arch: 'mobilenet_v2', stem: 'mobilenet_v2_folded' },
  {
    model: 'mobilenet_v2_gluon',
    arch: 'mobilenet_v2 (MXNet Gluon variant, backbone only)',
    stem: 'mobilenet_v2_bn',
  },
  {
    model: 'resnet50v2_stages123',
    arch: 'resnet50 v2 (pre-activation), stages 1-3 only',
    stem: 'resnet50v2_stages123',
  },
  { model: 'squeezenet1_1', arch: 'squeezenet1_1', stem: 'squeezenet1_1' },
  // Names of torchvision's files that are not those of its networks.
  { model: 'alexnet', arch: 'alexnet', stem: 'alexnet-owt' },
  { model: 'inception_v3', arch: 'inception_v3', stem: 'inception_v3_google' },
];

/** What is written beside the tensors. */
export interface WeightsDescription {
  /** Names of the classes that the network was trained on. */
  readonly classes: readonly string[];
  /** One sentence: how and on what it was trained. */
  readonly source: string;
  readonly licence?: string;
}

/** Writes a model's weights so that `openModel` finds architecture and input again. */
export async function saveWeights(
  path: string,
  model: Model,
  weights: ReadonlyMap<string, Tensor<'float32'>>,
  description: WeightsDescription,
): Promise<void> {
  await writeSafetensors(path, weights, metadataOf(model, description));
}

/** The bytes of the file that `saveWeights` writes. */
export function weightsFile(
  model: Model,
  weights: ReadonlyMap<string, Tensor<'float32'>>,
  description: WeightsDescription,
): Uint8Array {
  return encodeSafetensors(weights, metadataOf(model, description));
}

function metadataOf(
  { name, input: { size, mean, std } }: Model,
  { classes, source, licence }: WeightsDescription,
): Metadata {
  return {
    transferlab_model: name,
    input_size: String(size),
    mean: JSON.stringify(mean),
    std: JSON.stringify(std),
    classes: JSON.stringify(classes),
    source,
    ...(licence !== undefined && { licence }),
  };
}

/**
 * The model that a file was made for.
 * @throws UserError ARCHITECTURE_UNKNOWN when neither metadata nor file name tells
 */
export function modelOfFile(path: string, metadata: Metadata): Model {
  if (metadata.transferlab_model !== undefined) return findModel(metadata.transferlab_model);
  const stem = stemOf(path);
  const byArch = PUBLISHED.find(({ arch }) => arch === metadata.arch);
  const byStem = PUBLISHED.find((row) => row.stem === stem);
  const name = byArch?.model ?? byStem?.model ?? MODELS.find((model) => model.name === stem)?.name;
  if (name !== undefined) return findModel(name);
  throw new UserError(
    'ARCHITECTURE_UNKNOWN',
    `Neither the metadata nor the name of ${path} says which architecture its weights belong to.`,
    `Write registryName=path, for example resnet50=${path}; \`transferlab models\` lists the names.`,
  );
}

/** File name without endings, and without the part of its checksum that torchvision puts there: `resnet50-0676ba61.pth`. */
function stemOf(path: string): string {
  return basename(path)
    .replace(/\.(safetensors|pth|pt|th|bin|ckpt|tar)$/i, '')
    .replace(/\.pth$/i, '')
    .replace(/-[0-9a-f]{8,64}$/, '');
}

/** `model` with the normalisation that the metadata of our own files states; others have their own conventions. */
export function withStatedInput(model: Model, metadata: Metadata, path: string): Model {
  if (metadata.transferlab_model === undefined) return model;
  const stated: { -readonly [K in keyof InputSpecification]?: InputSpecification[K] } = {};
  for (const key of ['mean', 'std'] as const) {
    if (metadata[key] !== undefined) stated[key] = channelTriple(key, metadata[key], path);
  }
  return stated.mean || stated.std ? withInput(model, stated) : model;
}

function channelTriple(key: 'mean' | 'std', text: string, path: string): InputSpecification['mean'] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const legal =
    Array.isArray(value) &&
    value.length === 3 &&
    value.every((number) => Number.isFinite(number) && (key === 'mean' || number > 0));
  if (legal) return value as [number, number, number];
  throw new UserError(
    'WEIGHTS_METADATA',
    `The metadata of ${path} gives ${key} as ${text.slice(0, 80)}.`,
    `It must be three numbers${key === 'std' ? ' above 0' : ''}, for example [0.5,0.5,0.5].`,
  );
}
