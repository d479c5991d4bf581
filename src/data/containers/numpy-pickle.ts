/**
 * Pickles of dictionaries with lists and NumPy arrays of bytes, as the Python form of CIFAR has them. The pickle is
 * read as data and never executed; of large arrays only the place in the file is kept.
 */
import {
  Dict,
  List,
  Opaque,
  type PickleHost,
  type PickleValue,
  readPickle,
  Tuple,
} from '../../util/pickle.ts';
import { type Refuse, refusing, shown } from '../../util/refuse.ts';

/** Bytes in the file, or, where the pickle holds them as a text, in memory. */
export type BytePlace = { readonly position: number; readonly length: number } | Uint8Array;

/** An array of unsigned bytes, rows first. */
export interface ByteArray {
  readonly shape: readonly number[];
  readonly content: BytePlace;
}

/** Names and labels are short; larger strings are arrays, which stay in the file. */
const LONGEST_TEXT = 4096;
const REMEDY = 'take the file as it is distributed, or write it with pickle.dump, protocol 2 or later';

class Span extends Opaque {
  constructor(
    readonly position: number,
    readonly length: number,
  ) {
    super('bytes');
  }
}

class DataType extends Opaque {
  constructor(readonly name: PickleValue) {
    super('numpy.dtype');
  }
}

class NumpyArray extends Opaque implements ByteArray {
  shape: readonly number[] = [];
  content: BytePlace = new Uint8Array(0);

  constructor(readonly refuse: Refuse) {
    super('numpy.ndarray');
  }

  /** `(version, shape, type, columns first?, bytes)` */
  override setState(state: PickleValue): void {
    const [, shape, type, columnsFirst, bytes] = state instanceof Tuple ? state.items : [];
    this.fill(bytes, type, shape, columnsFirst === true);
  }

  fill(
    bytes: PickleValue | undefined,
    type: PickleValue | undefined,
    shape: PickleValue | undefined,
    columnsFirst: boolean,
  ): void {
    const extents = shape instanceof Tuple ? shape.items : [];
    const content = placeOf(bytes);
    const size = extents.reduce<number>((product, extent) => product * Number(extent), 1);
    const legal =
      type instanceof DataType &&
      ['u1', '|u1', 'uint8', 'B'].includes(String(type.name)) &&
      extents.length > 0 &&
      extents.every((extent) => Number.isSafeInteger(extent) && Number(extent) >= 0) &&
      content !== null &&
      content.length === size &&
      (!columnsFirst || extents.length === 1);
    if (!legal)
      this.refuse(
        'PICKLE_ARRAY',
        'it has an array that is not of unsigned bytes, rows first',
        `Arrays of images are; ${REMEDY}`,
      );
    else {
      this.shape = extents.map(Number);
      this.content = content;
    }
  }
}

function placeOf(value: PickleValue | undefined): BytePlace | null {
  if (value instanceof Span || value instanceof Uint8Array) return value;
  // Few bytes are no span, and were taken for a text.
  return typeof value === 'string' ? Buffer.from(value, 'latin1') : null;
}

function numpyHost(refuse: Refuse): PickleHost {
  const reconstruct = () => new NumpyArray(refuse);
  const fromBuffer = ([bytes, type, shape, order]: readonly PickleValue[]) => {
    const array = new NumpyArray(refuse);
    array.fill(bytes, type, shape, order === 'F');
    return array;
  };
  const functions: Readonly<Record<string, (args: readonly PickleValue[]) => PickleValue>> = {
    'numpy.ndarray': reconstruct,
    'numpy.dtype': ([name]) => new DataType(name),
    // Python 3 writes bytes so where the protocol has none.
    '_codecs.encode': ([text]) => Buffer.from(String(text), 'latin1'),
  };
  for (const core of ['numpy.core', 'numpy._core']) {
    Object.assign(functions, {
      [`${core}.multiarray._reconstruct`]: reconstruct,
      [`${core}.numeric._frombuffer`]: fromBuffer,
    });
  }
  return {
    holds: 'arrays and lists',
    remedy: REMEDY,
    callable: (name) => (Object.hasOwn(functions, name) ? functions[name] : undefined),
    persistent: () => refuse('PICKLE_DAMAGED', 'it refers to something outside of it', REMEDY),
    binary: (bytes, start) =>
      bytes.length > LONGEST_TEXT ? new Span(start, bytes.length) : Buffer.from(bytes).toString('latin1'),
  };
}

/** A dictionary from a pickle, with accessors that check what they give. */
export class PickledDict {
  private constructor(
    private readonly entries: ReadonlyMap<PickleValue, PickleValue>,
    private readonly refuse: Refuse,
  ) {}

  /**
   * @param file what errors call the file
   * @throws UserError PICKLE_..., PICKLE_CONTENT when it holds no dictionary
   */
  static read(bytes: Uint8Array, file: string): PickledDict {
    const refuse = refusing(file, 'pickle');
    const found = readPickle(bytes, 0, numpyHost(refuse), refuse);
    if (!found) return refuse('PICKLE_DAMAGED', 'its pickle has no end', 'Download it again');
    if (!(found.value instanceof Dict))
      return refuse('PICKLE_CONTENT', 'it holds no dictionary', 'Check that it is the right file');
    return new PickledDict(found.value.entries, refuse);
  }

  has(key: string): boolean {
    return this.entries.has(key);
  }

  texts(key: string): string[] {
    return this.#list(key, (item): item is string => typeof item === 'string', 'texts');
  }

  integers(key: string): number[] {
    return this.#list(key, (item): item is number => Number.isSafeInteger(item), 'integers');
  }

  bytes(key: string): ByteArray {
    const value = this.entries.get(key);
    return value instanceof NumpyArray ? value : this.#wrong(key, 'array of bytes');
  }

  #list<T extends PickleValue>(key: string, is: (item: PickleValue) => item is T, what: string): T[] {
    const value = this.entries.get(key);
    return value instanceof List && value.items.every(is)
      ? (value.items as T[])
      : this.#wrong(key, `list of ${what}`);
  }

  #wrong(key: string, what: string): never {
    return this.refuse(
      'PICKLE_CONTENT',
      `its ${shown(key)} is no ${what}`,
      'Check that it is the right file',
    );
  }
}
