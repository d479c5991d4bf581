/**
 * MATLAB's .mat files of version 5 to 7, as lists of images and classes are distributed in. Numbers, text, cells and
 * structures are read; sparse matrices, objects and functions become null. What a file claims is checked against the
 * bytes that are there before anything is made of it. Format: MathWorks, "MAT-File Format", level 5.
 */
import { inflateSync } from 'node:zlib';
import { messageOf } from '../../util/errors.ts';
import { type Refuse, refusing, shown } from '../../util/refuse.ts';

/** A matrix of numbers, columns first as MATLAB stores it. Logical values are 0 and 1. */
interface MatNumbers {
  readonly kind: 'numbers';
  readonly dims: readonly number[];
  readonly values: Float64Array;
}

/** Rows of characters. */
interface MatText {
  readonly kind: 'text';
  readonly rows: readonly string[];
}

interface MatCell {
  readonly kind: 'cell';
  readonly dims: readonly number[];
  readonly items: readonly MatValue[];
}

/** An array of structures with the same fields, columns first. */
interface MatStructs {
  readonly kind: 'structs';
  readonly dims: readonly number[];
  readonly items: readonly ReadonlyMap<string, MatValue>[];
}

export type MatValue = MatNumbers | MatText | MatCell | MatStructs | null;

const HEADER = 128;
/** The list of Stanford Cars, with a structure of seven fields for each of 16,185 images, has 9 MB. */
const LARGEST_INFLATED = 2 ** 26;
/** One value for all empty matrices, of which 8 bytes make one. */
const EMPTY: MatValue = { kind: 'numbers', dims: [0, 0], values: new Float64Array(0) };
/** Cells in cells; real files have three or four levels. */
const DEEPEST = 32;

/** Types of data elements: how many bytes a number has, and how it is read. */
type Read = (view: DataView, at: number, little: boolean) => number;
const NUMBER_TYPES: ReadonlyMap<number, readonly [bytes: number, read: Read]> = new Map([
  [1, [1, (v: DataView, at: number) => v.getInt8(at)]],
  [2, [1, (v: DataView, at: number) => v.getUint8(at)]],
  [3, [2, (v: DataView, at: number, little: boolean) => v.getInt16(at, little)]],
  [4, [2, (v: DataView, at: number, little: boolean) => v.getUint16(at, little)]],
  [5, [4, (v: DataView, at: number, little: boolean) => v.getInt32(at, little)]],
  [6, [4, (v: DataView, at: number, little: boolean) => v.getUint32(at, little)]],
  [7, [4, (v: DataView, at: number, little: boolean) => v.getFloat32(at, little)]],
  [9, [8, (v: DataView, at: number, little: boolean) => v.getFloat64(at, little)]],
  [12, [8, (v: DataView, at: number, little: boolean) => Number(v.getBigInt64(at, little))]],
  [13, [8, (v: DataView, at: number, little: boolean) => Number(v.getBigUint64(at, little))]],
]);
const MATRIX = 14;
const COMPRESSED = 15;
const UTF8 = 16;
const UTF16 = 17;
const UTF32 = 18;

const CELL_CLASS = 1;
const STRUCT_CLASS = 2;
const CHAR_CLASS = 4;
const NUMERIC_CLASSES = { from: 6, to: 15 };

/**
 * The variables of a .mat file by name.
 * @param file what errors call the file
 * @throws UserError MAT_VERSION for files of version 4 and 7.3 (which is HDF5), MAT_DAMAGED, MAT_SIZE
 */
export function readMat(bytes: Uint8Array, file: string): Map<string, MatValue> {
  const refuse = refusing(file, '.mat');
  const order = Buffer.from(bytes.subarray(126, 128)).toString('latin1');
  if (order !== 'IM' && order !== 'MI') refuse('MAT_VERSION', 'it has no header of version 5 to 7', RESAVE);
  const little = order === 'IM';
  const version = view(bytes).getUint16(124, little);
  if (version !== 0x0100) refuse('MAT_VERSION', `it has version 0x${version.toString(16)}`, RESAVE);
  return new MatReader(little, refuse).variables(bytes.subarray(HEADER));
}

const RESAVE = "Save it in MATLAB with save(file, '-v7'), or with scipy.io.savemat";

interface Element {
  readonly type: number;
  readonly data: Uint8Array;
  /** Position behind it, with its padding. */
  readonly end: number;
}

class MatReader {
  /** Bytes that may still be inflated, in all. */
  #inflatable = LARGEST_INFLATED;

  constructor(
    readonly little: boolean,
    readonly refuse: Refuse,
  ) {}

  variables(bytes: Uint8Array): Map<string, MatValue> {
    const found = new Map<string, MatValue>();
    for (let at = 0; at < bytes.length; ) {
      const { type, data, end } = this.element(bytes, at);
      const matrix = type === COMPRESSED ? this.inflated(data) : { type, data };
      if (matrix.type === MATRIX) {
        const { name, value } = this.matrix(matrix.data, 0);
        found.set(name, value);
      }
      at = end;
    }
    return found;
  }

  inflated(data: Uint8Array): Element {
    let content: Buffer;
    try {
      content = inflateSync(data, { maxOutputLength: this.#inflatable });
    } catch (error) {
      const isLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
      if (isLarge)
        this.refuse('MAT_SIZE', `it inflates to more than ${LARGEST_INFLATED} bytes`, 'Real lists have less');
      return this.damaged(`has a variable that cannot be inflated (${messageOf(error)})`);
    }
    this.#inflatable = Math.max(1, this.#inflatable - content.length);
    return this.element(content, 0);
  }

  /** Type and length in 8 bytes, or in 4 with up to 4 bytes of data behind them. */
  element(bytes: Uint8Array, at: number): Element {
    if (at + 8 > bytes.length) return this.damaged('ends inside an element');
    const tag = view(bytes);
    const first = tag.getUint32(at, this.little);
    const short = first >>> 16;
    const [type, length] = short > 0 ? [first & 0xffff, short] : [first, tag.getUint32(at + 4, this.little)];
    const start = short > 0 ? at + 4 : at + 8;
    const limit = short > 0 ? at + 8 : bytes.length;
    if (start + length > limit) return this.damaged(`has an element of ${length} bytes where fewer are left`);
    // Compressed elements are not padded.
    const end = type === COMPRESSED || short > 0 ? start + length : start + Math.ceil(length / 8) * 8;
    return {
      type,
      data: bytes.subarray(start, start + length),
      end: short > 0 ? at + 8 : Math.min(end, bytes.length),
    };
  }

  matrix(data: Uint8Array, depth: number): { name: string; value: MatValue } {
    if (data.length === 0) return { name: '', value: EMPTY };
    if (depth > DEEPEST) return this.damaged(`has cells in more than ${DEEPEST} levels`);
    const flags = this.element(data, 0);
    const matrixClass = this.numbers(flags)[0] & 0xff;
    const dimsElement = this.element(data, flags.end);
    const dims = [...this.numbers(dimsElement)];
    const nameElement = this.element(data, dimsElement.end);
    const name = latin1(nameElement.data);
    const rest = data.subarray(nameElement.end);
    const count = dims.reduce((product, extent) => product * extent, 1);
    const legal =
      dims.length >= 2 &&
      dims.length <= 32 &&
      dims.every((extent) => Number.isInteger(extent) && extent >= 0);
    if (!legal || !Number.isSafeInteger(count))
      return this.damaged(`gives ${shown(name)} the size ${dims.slice(0, 8)}`);
    return { name, value: this.content(matrixClass, dims, count, rest, depth) };
  }

  content(
    matrixClass: number,
    dims: readonly number[],
    count: number,
    rest: Uint8Array,
    depth: number,
  ): MatValue {
    if (matrixClass === CELL_CLASS)
      return { kind: 'cell', dims, items: this.matrices(rest, 0, count, depth) };
    if (matrixClass === STRUCT_CLASS) return this.structs(dims, count, rest, depth);
    if (matrixClass === CHAR_CLASS) return this.text(dims, count, rest);
    if (matrixClass < NUMERIC_CLASSES.from || matrixClass > NUMERIC_CLASSES.to) return null;
    const values = count === 0 ? new Float64Array(0) : this.numbers(this.element(rest, 0));
    if (values.length !== count) return this.damaged(`has ${values.length} numbers in a matrix of ${count}`);
    return { kind: 'numbers', dims, values };
  }

  /** `count` matrices in a row, from position `at`. Each takes 8 bytes at least, so that a count cannot lie. */
  matrices(bytes: Uint8Array, at: number, count: number, depth: number): MatValue[] {
    if (count * 8 > bytes.length - at)
      return this.damaged(`has ${count} cells in ${bytes.length - at} bytes`);
    const items: MatValue[] = [];
    for (let position = at; items.length < count; ) {
      const { type, data, end } = this.element(bytes, position);
      if (type !== MATRIX) return this.damaged('has a cell that is no matrix');
      items.push(this.matrix(data, depth + 1).value);
      position = end;
    }
    return items;
  }

  /** The width of a field's name, all names, then for each structure its fields in order. */
  structs(dims: readonly number[], count: number, rest: Uint8Array, depth: number): MatStructs {
    const widthElement = this.element(rest, 0);
    const width = this.numbers(widthElement)[0];
    const namesElement = this.element(rest, widthElement.end);
    const names: string[] = [];
    if (!(width > 0 && namesElement.data.length % width === 0))
      return this.damaged('has structures without names');
    for (let at = 0; at < namesElement.data.length; at += width) {
      names.push(latin1(namesElement.data.subarray(at, at + width)).split('\0')[0]);
    }
    // Structures without fields take no bytes, however many are claimed.
    const structures = names.length === 0 ? 0 : count;
    const values = this.matrices(rest, namesElement.end, structures * names.length, depth);
    const items = Array.from(
      { length: structures },
      (_, i) => new Map(names.map((name, field) => [name, values[i * names.length + field]])),
    );
    return { kind: 'structs', dims, items };
  }

  /** Characters lie columns first, so that row `i` is every `rows`-th one. */
  text(dims: readonly number[], count: number, rest: Uint8Array): MatText {
    if (count === 0) return { kind: 'text', rows: [] };
    const characters = this.characters(this.element(rest, 0));
    if (characters.length < count) return this.damaged(`has ${characters.length} characters of ${count}`);
    const rows = dims[0];
    const columns = count / rows;
    return {
      kind: 'text',
      rows: Array.from({ length: rows }, (_, row) =>
        Array.from({ length: columns }, (_, column) => characters[column * rows + row]).join(''),
      ),
    };
  }

  characters(element: Element): string[] {
    const { type, data } = element;
    if (type === UTF8) return [...Buffer.from(data).toString('utf8')];
    if (type === UTF16 || type === 4) return [...this.utf16(data)];
    if (type === UTF32)
      return Array.from(this.numbers({ ...element, type: 6 }), (code) =>
        String.fromCodePoint(Math.min(code, 0x10ffff)),
      );
    return Array.from(this.numbers(element), (code) => String.fromCharCode(code));
  }

  utf16(data: Uint8Array): string {
    const codes = this.numbers({ type: 4, data, end: 0 });
    const parts: string[] = [];
    for (let at = 0; at < codes.length; at += 4096)
      parts.push(String.fromCharCode(...codes.subarray(at, at + 4096)));
    return parts.join('');
  }

  numbers({ type, data }: Element): Float64Array {
    const [width, read] = NUMBER_TYPES.get(type) ?? [0, null];
    if (!read || data.length % width !== 0)
      return this.damaged(`has numbers of type ${type} in ${data.length} bytes`);
    const source = view(data);
    return Float64Array.from({ length: data.length / width }, (_, i) => read(source, i * width, this.little));
  }

  damaged(what: string): never {
    return this.refuse('MAT_DAMAGED', `it ${what}`, 'Download it again');
  }
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/**
 * The texts of a variable: of a cell array of texts, or the rows of a text.
 * @throws UserError MAT_CONTENT when it is something else
 */
export function textsOf(value: MatValue | undefined, name: string, file: string): string[] {
  const items = value?.kind === 'cell' ? value.items : value?.kind === 'text' ? [value] : null;
  if (!items || items.some((item) => item?.kind !== 'text'))
    return refusing(file, '.mat')(
      'MAT_CONTENT',
      `its ${name} is no list of texts`,
      'Check that it is the right file',
    );
  return items.flatMap((item) => (item?.kind === 'text' ? (item.rows.length > 0 ? item.rows : ['']) : []));
}

/**
 * The numbers of a variable, columns first.
 * @throws UserError MAT_CONTENT when it is something else
 */
export function numbersOf(value: MatValue | undefined, name: string, file: string): Float64Array {
  if (value?.kind === 'numbers') return value.values;
  return refusing(file, '.mat')(
    'MAT_CONTENT',
    `its ${name} is no matrix of numbers`,
    'Check that it is the right file',
  );
}

/**
 * The structures of a variable, as a list.
 * @throws UserError MAT_CONTENT when it is something else
 */
export function structsOf(
  value: MatValue | undefined,
  name: string,
  file: string,
): readonly ReadonlyMap<string, MatValue>[] {
  if (value?.kind === 'structs') return value.items;
  return refusing(file, '.mat')(
    'MAT_CONTENT',
    `its ${name} is no array of structures`,
    'Check that it is the right file',
  );
}
