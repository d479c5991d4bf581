/** What every file of tensors is to the rest of the program: names and shapes at once, numbers when they are asked for. */
import type { Shape, Tensor } from '../tensor/tensor.ts';
import type { ByteSource } from '../util/byte-source.ts';

export type Weights = Map<string, Tensor<'float32'>>;

export interface TensorFile {
  /** Shapes by name, in the order of the file, without counters such as `num_batches_tracked`. */
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly metadata: Readonly<Record<string, string>>;
  /** One tensor as float32, read from the file now. Memory: the tensor, and what its storage spans. */
  read(name: string): Promise<Tensor<'float32'>>;
}

/** Counters that training keeps beside its weights: batches seen, models averaged. */
export const isCounter = (name: string): boolean => /(^|\.)(num_batches_tracked|n_averaged)$/.test(name);

/** Reads the named tensors, one after the other. */
export async function readTensors(file: TensorFile, names: Iterable<string>): Promise<Weights> {
  const tensors: Weights = new Map();
  for (const name of names) tensors.set(name, await file.read(name));
  return tensors;
}

/** Opens a source, uses it as a file of tensors and closes it. */
export async function using<T>(source: ByteSource, use: (source: ByteSource) => Promise<T>): Promise<T> {
  try {
    return await use(source);
  } finally {
    await source.close();
  }
}
