/** Fits a file's tensors to a model, strictly: every variable by its name and shape, and nothing left over. */

import { variablesOf } from '../models/define.ts';
import type { Model } from '../models/model.ts';
import { TRANSFER_HEAD_PREFIX } from '../models/transfer-head.ts';
import { type Shape, sameShape, showShape, type Tensor } from '../tensor/tensor.ts';
import { UserError } from '../util/errors.ts';

export type Weights = Map<string, Tensor<'float32'>>;

export interface FitOptions {
  /** What the error calls the tensors, usually their file. */
  source: string;
  /** `drop`: only the backbone is wanted, and the file may have any head or none. `keep`: it must have the original one. */
  originalHead?: 'drop' | 'keep';
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
  const { source, originalHead = 'drop' } = options;
  const variables = variablesOf(model);
  const wanted = originalHead === 'keep' ? [...variables.backbone, ...variables.head] : variables.backbone;
  checkMisfits(model, wanted, tensors, source);
  const weights: Weights = new Map(wanted.map(({ name }) => [name, tensors.get(name)!]));
  for (const [name, { data }] of weights) {
    if (!data.every(Number.isFinite)) {
      throw new UserError(
        'WEIGHTS_NOT_FINITE',
        `Tensor ${name} of ${source} holds numbers that are infinite or not numbers.`,
        'The network diverged when it was trained, or the file is damaged: use another one.',
      );
    }
  }
  return weights;
}

function checkMisfits(
  model: Model,
  wanted: readonly { name: string; shape: Shape }[],
  tensors: ReadonlyMap<string, Tensor<'float32'>>,
  source: string,
): void {
  const names = new Set(wanted.map(({ name }) => name));
  const headPrefixes = [...(model.originalHead?.prefixes ?? []), TRANSFER_HEAD_PREFIX];
  const missing = [...names].filter((name) => !tensors.has(name));
  const extra = [...tensors.keys()].filter(
    (name) => !names.has(name) && !headPrefixes.some((prefix) => name.startsWith(prefix)),
  );
  const misshaped = wanted.flatMap(({ name, shape }) => {
    const found = tensors.get(name)?.shape ?? shape;
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
