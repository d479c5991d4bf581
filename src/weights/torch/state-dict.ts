/** Finds the weights in what `torch.save` was given: a state dict, alone or inside a checkpoint of a training. */

import { Dict, type PickleValue } from '../../util/pickle.ts';
import { type Refuse, shown } from '../../util/refuse.ts';
import { isCounter } from '../tensor-file.ts';
import { TensorReference } from './objects.ts';

/**
 * Under which key checkpoints keep their weights, the first that is there counts. Averaged weights come first,
 * because they are the ones that a training with averages reports its results for.
 */
const KEYS = [
  'state_dict_ema',
  'model_ema',
  'state_dict',
  'model_state_dict',
  'model_state',
  'model',
  'net',
  'network',
  'weights',
];

/** Prefixes of wrappers: data parallel, compiled, and modules that keep the network as their `model`. */
const WRAPPERS = ['module.', '_orig_mod.', 'model.'];

/** Levels of checkpoints in checkpoints. */
const DEEPEST = 4;

/**
 * The tensors of a file by name, without the prefix of a wrapper when all have it.
 * @throws UserError TORCH_CONTENT when there are none
 */
export function findTensors(root: PickleValue, refuse: Refuse): Map<string, TensorReference> {
  const state = findState(root, DEEPEST);
  if (!state) {
    const keys =
      root instanceof Dict ? [...root.entries.keys()].slice(0, 8).map((key) => shown(String(key))) : [];
    return refuse(
      'TORCH_CONTENT',
      keys.length > 0 ? `it holds ${keys.join(', ')}, and no weights in them` : 'it holds no weights by name',
      `Weights are a state dict, or a dictionary that has one as ${KEYS.join(', ')}`,
    );
  }
  let tensors = [...tensorsOf(state)].filter(([name]) => !isCounter(name));
  for (let prefix = wrapperOf(tensors); prefix !== undefined; prefix = wrapperOf(tensors)) {
    const { length } = prefix;
    tensors = tensors.map(([name, tensor]) => [name.slice(length), tensor]);
  }
  return new Map(tensors);
}

function findState(value: PickleValue | undefined, depth: number): Dict | undefined {
  if (!(value instanceof Dict) || depth === 0) return undefined;
  for (const key of KEYS) {
    const found = findState(value.entries.get(key), depth - 1);
    if (found) return found;
  }
  return tensorsOf(value).next().done ? undefined : value;
}

function* tensorsOf(state: Dict): Generator<[string, TensorReference]> {
  for (const [name, value] of state.entries) {
    if (typeof name === 'string' && value instanceof TensorReference) yield [name, value];
  }
}

function wrapperOf(tensors: readonly (readonly [string, unknown])[]): string | undefined {
  return WRAPPERS.find((prefix) => tensors.length > 0 && tensors.every(([name]) => name.startsWith(prefix)));
}
