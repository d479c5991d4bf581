/** Fits a file's tensors to a model, strictly: every variable by its name and shape, and nothing left over. */

import type { Value } from '../graph/graph.ts';
import { variablesOf } from '../models/define.ts';
import { TRANSFER_HEAD_PREFIX } from '../models/heads.ts';
import type { BackboneOutput, Model } from '../models/model.ts';
import { linear } from '../nn/layers.ts';
import type { Network } from '../nn/network.ts';
import { type Shape, sameShape, showShape, type Tensor } from '../tensor/tensor.ts';
import { UserError } from '../util/errors.ts';
import { withNamesOf } from './names.ts';
import { readTensors, type TensorFile, type Weights } from './tensor-file.ts';

export interface FitOptions {
  /** What the error calls the tensors, usually their file. */
  source: string;
  /** `drop`: only the backbone is wanted, and the file may have any head or none. `keep`: it must have the original one. */
  originalHead?: 'drop' | 'keep';
}

/** The classifier that a file has besides the backbone: how its network tells the classes of its source. */
export interface SourceHead {
  readonly classes: number;
  /** The variables that `logits` declares, by name. */
  readonly weights: Weights;
  /** Output of the backbone -> logits [N, classes]. */
  logits(net: Network, output: BackboneOutput): Value;
}

export interface LoadedWeights {
  /** The backbone's variables by name. */
  readonly weights: Weights;
  /** Undefined where the file has none, or one that is neither the model's own nor a linear layer. */
  readonly head: SourceHead | undefined;
  /** Classes of the head in the file, when it is another one than the original; it is left out. */
  readonly otherHead?: number;
}

/** Names shown per kind of misfit. */
const SHOWN = 8;

/**
 * The tensors that `model` needs, by name; head tensors (of the original head or a transfer head) are dropped
 * unless the original head is asked for.
 * @throws UserError WEIGHTS_MISFIT listing what is missing, extra or of another shape; WEIGHTS_NOT_FINITE
 */
export function fitWeights(
  model: Model,
  tensors: ReadonlyMap<string, Tensor<'float32'>>,
  options: FitOptions,
): Weights {
  const shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]));
  const weights: Weights = new Map(
    fitNames(model, shapes, options).map((name) => [name, tensors.get(name)!]),
  );
  requireFinite(weights, options.source);
  return weights;
}

/**
 * The backbone's weights from an open file, under whichever of the known names it has them. Only what is wanted is
 * read.
 * @throws UserError as `fitWeights`; WEIGHTS_NAME_TWICE
 */
export async function loadWeights(model: Model, file: TensorFile, source: string): Promise<LoadedWeights> {
  const renamed = withNamesOf(model, file, source);
  const weights = await readTensors(renamed, fitNames(model, renamed.shapes, { source }));
  requireFinite(weights, source);
  const head = await headOf(model, renamed.shapes, (names) => readTensors(renamed, names));
  return { weights, head, otherHead: otherHeadOf(model, renamed.shapes) };
}

/**
 * The classifier among the tensors of a file: the one that the model was published with, or a linear layer on its
 * features, such as pre-training here and other data sets leave.
 */
export async function headOf(
  model: Model,
  shapes: ReadonlyMap<string, Shape>,
  read: (names: readonly string[]) => Weights | Promise<Weights>,
): Promise<SourceHead | undefined> {
  const { head: variables } = variablesOf(model);
  const names = variables.map(({ name }) => name);
  if (model.originalHead && variables.every(({ name, shape }) => sameShape(shapes.get(name) ?? [], shape))) {
    const { classes, logits } = model.originalHead;
    return finiteHead({ classes, weights: await read(names), logits });
  }
  const layers = [TRANSFER_HEAD_PREFIX, ...(model.originalHead?.prefixes ?? [])].filter((prefix) =>
    prefix.endsWith('.'),
  );
  for (const layer of layers.map((prefix) => prefix.slice(0, -1))) {
    const [classes = 0, features] = shapes.get(`${layer}.weight`) ?? [];
    const bias = shapes.get(`${layer}.bias`) ?? [];
    if (!sameShape(bias, [classes]) || features !== model.featureSize) continue;
    const weights = await read([`${layer}.weight`, `${layer}.bias`]);
    return finiteHead({
      classes,
      weights,
      logits: (net, output) => linear(net, layer, output.features, classes),
    });
  }
  return undefined;
}

/** A head that has diverged says nothing; the backbone may still be of use. */
function finiteHead(head: SourceHead): SourceHead | undefined {
  return [...head.weights.values()].every(({ data }) => data.every(Number.isFinite)) ? head : undefined;
}

/** Names of the variables that are wanted, after a check that the shapes are those of the model. */
function fitNames(model: Model, shapes: ReadonlyMap<string, Shape>, options: FitOptions): string[] {
  const { source, originalHead = 'drop' } = options;
  const variables = variablesOf(model);
  const wanted = originalHead === 'keep' ? [...variables.backbone, ...variables.head] : variables.backbone;
  checkMisfits(model, wanted, shapes, source);
  return wanted.map(({ name }) => name);
}

function requireFinite(weights: Weights, source: string): void {
  for (const [name, { data }] of weights) {
    if (data.every(Number.isFinite)) continue;
    throw new UserError(
      'WEIGHTS_NOT_FINITE',
      `Tensor ${name} of ${source} holds numbers that are infinite or not numbers.`,
      'The network diverged when it was trained, or the file is damaged: use another one.',
    );
  }
}

function checkMisfits(
  model: Model,
  wanted: readonly { name: string; shape: Shape }[],
  shapes: ReadonlyMap<string, Shape>,
  source: string,
): void {
  const names = new Set(wanted.map(({ name }) => name));
  const headPrefixes = [...(model.originalHead?.prefixes ?? []), TRANSFER_HEAD_PREFIX];
  const missing = [...names].filter((name) => !shapes.has(name));
  const extra = [...shapes.keys()].filter(
    (name) => !names.has(name) && !headPrefixes.some((prefix) => name.startsWith(prefix)),
  );
  const misshaped = wanted.flatMap(({ name, shape }) => {
    const found = shapes.get(name) ?? shape;
    return sameShape(found, shape) ? [] : [`${name} (${showShape(found)} instead of ${showShape(shape)})`];
  });
  if (missing.length + extra.length + misshaped.length === 0) return;
  const kinds = [list('missing', missing), list('extra', extra), list('of another shape', misshaped)];
  throw new UserError(
    'WEIGHTS_MISFIT',
    `${source} does not hold the weights of ${model.name}: ${kinds.filter(Boolean).join('; ')}.`,
    'Name the architecture that the file was made for as registryName=path; `transferlab models` lists them.',
  );
}

function list(kind: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  const more = names.length > SHOWN ? ' and more' : '';
  return `${names.length} ${kind}: ${names.slice(0, SHOWN).join(', ')}${more}`;
}

/** Classes of a head in the file that is not of the original head's shape, by the length of its bias or weight. */
function otherHeadOf(model: Model, shapes: ReadonlyMap<string, Shape>): number | undefined {
  for (const { name, shape } of variablesOf(model).head) {
    const found = shapes.get(name);
    if (found && found.length > 0 && !sameShape(found, shape)) return found[0];
  }
  const own = shapes.get(`${TRANSFER_HEAD_PREFIX}weight`);
  return own?.[0];
}
