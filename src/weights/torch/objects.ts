/**
 * What the pickle of a PyTorch file is made of: tensors as views of storages, and the few functions that rebuild
 * them. The list of names is closed; nothing else is accepted.
 */
import { sizeOf } from '../../tensor/tensor.ts';
import {
  Dict,
  Global,
  List,
  Opaque,
  type PickleHost,
  type PickleValue,
  putOnce,
  Tuple,
} from '../../util/pickle.ts';
import type { Refuse } from '../../util/refuse.ts';

/** Bytes per element of PyTorch's storages. */
const STORAGES = {
  DoubleStorage: 8,
  FloatStorage: 4,
  HalfStorage: 2,
  BFloat16Storage: 2,
  LongStorage: 8,
  IntStorage: 4,
  ShortStorage: 2,
  CharStorage: 1,
  ByteStorage: 1,
  BoolStorage: 1,
} as const;

export type StorageType = keyof typeof STORAGES;

/** Bytes of a whole storage. */
export const bytesOf = ({ type, elements }: StorageReference): number => elements * STORAGES[type];

export const bytesPerElementOf = (type: StorageType): number => STORAGES[type];

/** A storage by its name in the file. */
export class StorageReference extends Opaque {
  constructor(
    readonly type: StorageType,
    readonly key: string,
    /** Elements of the whole storage. */
    readonly elements: number,
    /** First element of the part that tensors see, and its length: views of storages in old files. */
    readonly viewOffset: number,
    readonly viewElements: number,
  ) {
    super('storage');
  }
}

/** A tensor as positions in a storage: element `index` lies at `offset + sum(index[i] * strides[i])`. */
export class TensorReference extends Opaque {
  constructor(
    readonly storage: StorageReference,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {
    super('tensor');
  }
}

/** The class of a storage, as persistent ids name it. */
class StorageClass extends Opaque {
  constructor(readonly type: StorageType) {
    super('storage class');
  }
}

/** More axes than any weight has. */
const MOST_AXES = 8;

/** Values that come with checkpoints of trainings, are not weights, and are kept as what they are called only. */
const INERT = new Set([
  'argparse.Namespace',
  'numpy.dtype',
  'numpy.core.multiarray.scalar',
  'numpy._core.multiarray.scalar',
  'torch.device',
  'torch.Size',
  '_codecs.encode',
]);

/** A host whose persistent ids are storages. */
export interface TorchHost extends PickleHost {
  persistent(id: PickleValue): StorageReference;
}

/**
 * Reads the objects of a PyTorch file.
 * @param length bytes of its pickles
 * @throws UserError TORCH_STORAGE or TORCH_SHAPE from its functions, for tensors that do not fit their storage;
 *   PICKLE_SIZE
 */
export function torchHost(length: number, refuse: Refuse): TorchHost {
  const countPairs = counterUpTo(length, refuse);
  const rebuild = (args: readonly PickleValue[]) => rebuildTensor(args, refuse);
  const functions: Readonly<Record<string, (args: readonly PickleValue[]) => PickleValue>> = {
    'collections.OrderedDict': (args) => orderedDict(args, countPairs, refuse),
    'torch._utils._rebuild_tensor': rebuild,
    'torch._utils._rebuild_tensor_v2': rebuild,
    // A parameter is its tensor and whether it is trained.
    'torch._utils._rebuild_parameter': ([data]) => requireTensor(data, refuse),
    'torch._utils._rebuild_parameter_with_state': ([data]) => requireTensor(data, refuse),
  };
  return {
    callable(name) {
      if (Object.hasOwn(functions, name)) return functions[name];
      const inert = INERT.has(name) || /^torch\.(float|bfloat|u?int)\d+$|^torch\.bool$/.test(name);
      if (inert) return () => new Opaque(name);
      const type = /^torch\.(?:cuda\.)?(\w+)$/.exec(name)?.[1] ?? '';
      if (!isStorageType(type)) return undefined;
      return () => new StorageClass(type);
    },
    persistent: (id) => storageOf(id, refuse),
  };
}

function isStorageType(name: string): name is StorageType {
  return Object.hasOwn(STORAGES, name);
}

/** A list that is written once may be copied any number of times: what is copied is limited in all. */
function counterUpTo(limit: number, refuse: Refuse): (count: number) => void {
  let total = 0;
  return (count) => {
    total += count;
    if (total <= limit) return;
    refuse(
      'PICKLE_SIZE',
      `its dictionaries are made of more than ${limit} pairs, for which its pickle has no room`,
      'Save the weights again',
    );
  };
}

function orderedDict(
  args: readonly PickleValue[],
  countPairs: (count: number) => void,
  refuse: Refuse,
): Dict {
  const dict = new Dict();
  const [pairs] = args;
  if (pairs instanceof List) {
    countPairs(pairs.items.length);
    for (const pair of pairs.items) {
      const items = pair instanceof Tuple || pair instanceof List ? pair.items : [];
      if (items.length !== 2) damaged('has a dictionary of no pairs', refuse);
      putOnce(dict, items[0], items[1], refuse);
    }
  }
  return dict;
}

function requireTensor(value: PickleValue | undefined, refuse: Refuse): TensorReference {
  return value instanceof TensorReference ? value : damaged('has a parameter without a tensor', refuse);
}

function damaged(what: string, refuse: Refuse): never {
  return refuse('TORCH_STORAGE', `it ${what}`, 'Save the weights again');
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** `('storage', class, key, device, elements)`, in old files also `(view key, offset, elements)` or None. */
function storageOf(id: PickleValue, refuse: Refuse): StorageReference {
  const [kind, storageClass, key, , elements, view] = id instanceof Tuple ? id.items : [];
  const type = classOf(storageClass);
  const legal = kind === 'storage' && type && (typeof key === 'string' || isCount(key)) && isCount(elements);
  if (!legal) return damaged('refers to a storage in a form that PyTorch does not write', refuse);
  if (!(view instanceof Tuple)) return new StorageReference(type, String(key), elements, 0, elements);
  const [, offset, length] = view.items;
  if (!isCount(offset) || !isCount(length) || offset + length > elements) {
    return damaged(`has a view outside of storage ${String(key).slice(0, 40)}`, refuse);
  }
  return new StorageReference(type, String(key), elements, offset, length);
}

/** Persistent ids hold the class itself, a global that is not called. */
function classOf(value: PickleValue | undefined): StorageType | undefined {
  const made = value instanceof Global ? value.call([]) : undefined;
  return made instanceof StorageClass ? made.type : undefined;
}

/** `(storage, offset, shape, strides, ...)` */
function rebuildTensor(args: readonly PickleValue[], refuse: Refuse): TensorReference {
  const [storage, offset, shape, strides] = args;
  const [extents, steps] = [shape, strides].map((list) =>
    list instanceof Tuple && list.items.length <= MOST_AXES && list.items.every(isCount)
      ? (list.items as readonly number[])
      : undefined,
  );
  if (!(storage instanceof StorageReference)) return damaged('has a tensor without storage', refuse);
  if (!isCount(offset) || !extents || !steps || extents.length !== steps.length) {
    return refuse(
      'TORCH_SHAPE',
      'it has a tensor whose shape, strides or offset are no whole numbers from 0, or do not match',
      `A tensor has up to ${MOST_AXES} axes with a stride each`,
    );
  }
  const tensor = new TensorReference(storage, storage.viewOffset + offset, extents, steps);
  requireInside(tensor, refuse);
  return tensor;
}

/** Its last element must lie in the storage, and it may not have more elements than that: no repeated ones. */
function requireInside({ storage, offset, shape, strides }: TensorReference, refuse: Refuse): void {
  const { viewOffset, viewElements } = storage;
  // Products of up to 8 safe integers are finite, if rounded; a rounded one is far beyond any storage.
  const last = shape.reduce((sum, extent, axis) => sum + (extent - 1) * strides[axis], offset);
  const elements = sizeOf(shape);
  const inside = elements === 0 || (last < viewOffset + viewElements && elements <= viewElements);
  if (inside) return;
  refuse(
    'TORCH_SHAPE',
    `a tensor of shape ${JSON.stringify(shape)} and strides ${JSON.stringify(strides)} from element ` +
      `${offset - viewOffset} reaches beyond the ${viewElements} elements of its storage`,
    'A tensor must lie inside its storage, without repeated elements',
  );
}
