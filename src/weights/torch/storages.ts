/** Where the numbers of a PyTorch file lie. */

import type { PickleValue } from '../../util/pickle.ts';
import type { StorageReference } from './objects.ts';

export interface StorageReader {
  /** `length` bytes from byte `offset` of a storage. They lie inside: the tensors were checked. */
  read(storage: StorageReference, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** A file as far as it is read at once: what was saved, and how to get at numbers. */
export interface OpenedTorch {
  readonly root: PickleValue;
  readonly storages: StorageReader;
}

/** Pickles of real checkpoints have a few megabytes at most. */
export const LARGEST_PICKLE = 32 * 2 ** 20;
