/**
 * Files of PyTorch's `torch.save`: a zip archive since version 1.6 (`NAME/data.pkl` and a `NAME/data/KEY` per
 * storage), before that pickles in a row with the storages behind them. Pickles are read as data, never executed
 * (see pickle.ts); numbers are read from the file when a tensor is asked for.
 */
import { type Shape, sizeOf, type Tensor, tensor } from '../../tensor/tensor.ts';
import { type ByteSource, openFileSource } from '../../util/byte-source.ts';
import { type Refuse, refusing, shown } from '../../util/refuse.ts';
import { float32Of, type NumberType } from '../numbers.ts';
import { readTensors, type TensorFile, using, type Weights } from '../tensor-file.ts';
import { openArchive } from './archive.ts';
import { openLegacy } from './legacy.ts';
import { bytesPerElementOf, type StorageType, type TensorReference } from './objects.ts';
import { findTensors } from './state-dict.ts';
import type { StorageReader } from './storages.ts';

/** The types that weights have. */
const NUMBER_TYPES: Readonly<Partial<Record<StorageType, NumberType>>> = {
  DoubleStorage: 'F64',
  FloatStorage: 'F32',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
};

/** Tied weights make tensors that share numbers, a few times each. */
const MOST_SHARING = 4;

/**
 * The tensors of a PyTorch file. Double, half and bfloat16 numbers and 64-bit integers become float32. Weights
 * inside a checkpoint are found under the usual keys, and a common prefix such as `module.` is removed.
 * @param file what errors call the file
 * @throws UserError TORCH_..., PICKLE_... or ZIP_... when the file is damaged, holds more than weights, or its
 *   tensors do not fit their storages
 */
export async function openTorch(source: ByteSource, file: string): Promise<TensorFile> {
  const refuse = refusing(file, 'PyTorch');
  const { root, storages } = (await isZip(source))
    ? await openArchive(source, refuse)
    : await openLegacy(source, refuse);
  const tensors = findTensors(root, refuse);
  checkSharing([...tensors.values()], refuse);
  return new TorchFile(tensors, storages, refuse);
}

/** All tensors of the file at `path`. See `openTorch`. */
export async function readTorch(path: string): Promise<Weights> {
  return using(await openFileSource(path), async (source) => {
    const file = await openTorch(source, path);
    return readTensors(file, file.shapes.keys());
  });
}

async function isZip(source: ByteSource): Promise<boolean> {
  return source.size >= 4 && Buffer.from(await source.read(0, 4)).toString('latin1') === 'PK\u0003\u0004';
}

/** Few numbers may not pass for many. */
function checkSharing(tensors: readonly TensorReference[], refuse: Refuse): void {
  const total = tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const storages = new Map(tensors.map(({ storage }) => [storage.key, storage.elements]));
  const stored = [...storages.values()].reduce((sum, elements) => sum + elements, 0);
  if (total <= MOST_SHARING * stored) return;
  refuse(
    'TORCH_STORAGE',
    `its tensors have ${total} numbers in storages of ${stored}`,
    `Tensors may share storages ${MOST_SHARING} times on average`,
  );
}

class TorchFile implements TensorFile {
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly metadata = {};

  constructor(
    private readonly tensors: ReadonlyMap<string, TensorReference>,
    private readonly storages: StorageReader,
    private readonly refuse: Refuse,
  ) {
    this.shapes = new Map([...tensors].map(([name, { shape }]) => [name, shape]));
  }

  async read(name: string): Promise<Tensor<'float32'>> {
    const { storage, offset, shape, strides } = this.tensors.get(name)!;
    const type = NUMBER_TYPES[storage.type];
    if (!type) {
      this.refuse(
        'TORCH_TYPE',
        `tensor ${shown(name)} has the type ${storage.type.replace('Storage', '')}`,
        'Weights are floating-point numbers or 64-bit integers',
      );
    }
    const size = sizeOf(shape);
    const span = size === 0 ? 0 : shape.reduce((sum, extent, axis) => sum + (extent - 1) * strides[axis], 1);
    const width = bytesPerElementOf(storage.type);
    const numbers = float32Of(type, await this.storages.read(storage, offset * width, span * width));
    return tensor('float32', shape, isDense(shape, strides) ? numbers : gathered(numbers, shape, strides));
  }
}

/** Whether the elements follow one another in row-major order. */
function isDense(shape: Shape, strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] > 1 && strides[axis] !== expected) return false;
    expected *= shape[axis];
  }
  return true;
}

/** Elements at any strides, in row-major order. */
function gathered(numbers: Float32Array, shape: Shape, strides: readonly number[]): Float32Array {
  const result = new Float32Array(sizeOf(shape));
  let at = 0;
  const visit = (axis: number, from: number): void => {
    if (axis === shape.length) result[at++] = numbers[from];
    else for (let i = 0; i < shape[axis]; i++) visit(axis + 1, from + i * strides[axis]);
  };
  if (result.length > 0) visit(0, 0);
  return result;
}
