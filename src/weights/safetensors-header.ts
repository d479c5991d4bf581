/**
 * The header of a safetensors file, read as if its author meant harm: every number is checked before anything
 * is allocated or sliced by it. Format: https://github.com/huggingface/safetensors (8 bytes of length, a JSON
 * object, then the tensors' bytes without holes).
 */
import { type Refuse, shownValue } from '../util/refuse.ts';

/** Bytes per number of every type of the format. */
const BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  I64: 8,
  U64: 8,
  F64: 8,
} as const;

type StoredType = keyof typeof BYTES;

interface StoredTensor {
  readonly name: string;
  readonly type: StoredType;
  readonly shape: readonly number[];
  /** First byte, counted from the end of the header. */
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  /** In the order of the header. */
  readonly tensors: readonly StoredTensor[];
  readonly metadata: Readonly<Record<string, string>>;
}

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Reads and checks a header.
 * @param bytes the header's JSON, with its padding
 * @param dataBytes number of bytes after the header
 * @throws UserError SAFETENSORS_HEADER, SAFETENSORS_DUPLICATE, SAFETENSORS_METADATA, SAFETENSORS_TYPE,
 *   SAFETENSORS_SHAPE or SAFETENSORS_OFFSETS
 */
export function parseHeader(bytes: Uint8Array, dataBytes: number, refuse: Refuse): Header {
  const root = parseJson(bytes, refuse);
  const metadata = readMetadata(root.__metadata__, refuse);
  const tensors = Object.entries(root)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]) => readEntry(name, entry, refuse));
  checkCover(tensors, dataBytes, refuse);
  return { tensors, metadata };
}

function parseJson(bytes: Uint8Array, refuse: Refuse): Json {
  let text: string;
  let root: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    root = JSON.parse(text);
  } catch {
    return refuse(
      'SAFETENSORS_HEADER',
      'its header is not JSON in UTF-8',
      'The header must be a JSON object',
    );
  }
  if (!isObject(root)) {
    return refuse('SAFETENSORS_HEADER', 'its header is no JSON object', 'The header must be a JSON object');
  }
  const twice = duplicateKey(text);
  if (twice !== undefined) {
    return refuse(
      'SAFETENSORS_DUPLICATE',
      `its header has the key ${JSON.stringify(twice)} twice`,
      'Every name may occur once, because readers disagree on which of two entries counts',
    );
  }
  return root;
}

/** The first key that an object of this valid JSON text has twice; JSON.parse would keep the last silently. */
function duplicateKey(json: string): string | undefined {
  // One set of keys per open object, undefined per open array.
  const open: (Set<string> | undefined)[] = [];
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '{') open.push(new Set());
    else if (character === '[') open.push(undefined);
    else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const end = endOfString(json, i);
      if (isKey(json, end)) {
        const key = JSON.parse(json.slice(i, end)) as string;
        const keys = open.at(-1);
        if (keys?.has(key)) return key;
        keys?.add(key);
      }
      i = end - 1;
    }
  }
  return undefined;
}

/** The position after the quote that closes the string beginning at `start`. */
function endOfString(json: string, start: number): number {
  let i = start + 1;
  while (json[i] !== '"') i += json[i] === '\\' ? 2 : 1;
  return i + 1;
}

function isKey(json: string, endOfText: number): boolean {
  let i = endOfText;
  while (' \t\n\r'.includes(json[i] ?? ',')) i++;
  return json[i] === ':';
}

function readMetadata(value: unknown, refuse: Refuse): Record<string, string> {
  if (value === undefined) return {};
  const legal = isObject(value) && Object.values(value).every((text) => typeof text === 'string');
  if (legal) return value as Record<string, string>;
  return refuse(
    'SAFETENSORS_METADATA',
    'its __metadata__ holds something other than text',
    '__metadata__ must be an object whose values are all strings',
  );
}

function readEntry(name: string, entry: unknown, refuse: Refuse): StoredTensor {
  const label = JSON.stringify(name.slice(0, 120));
  if (!isObject(entry)) {
    return refuse('SAFETENSORS_HEADER', `tensor ${label} has no description`, 'It must be a JSON object');
  }
  const type = readType(entry.dtype, label, refuse);
  const shape = readShape(entry.shape, label, refuse);
  const [begin, end] = readOffsets(entry.data_offsets, label, refuse);
  const expected = byteLength(shape, BYTES[type]);
  if (expected !== end - begin) {
    return refuse(
      'SAFETENSORS_SHAPE',
      `tensor ${label} of shape [${shape.slice(0, 8)}] and type ${type} spans ${end - begin} bytes`,
      `Shape and type need ${Number.isSafeInteger(expected) ? `${expected} bytes` : 'more bytes than any file has'}`,
    );
  }
  return { name, type, shape, begin, end };
}

function readType(value: unknown, label: string, refuse: Refuse): StoredType {
  if (typeof value === 'string' && Object.hasOwn(BYTES, value)) return value as StoredType;
  return refuse(
    'SAFETENSORS_TYPE',
    `tensor ${label} has the type ${shownValue(value)}`,
    `A type is one of ${Object.keys(BYTES).join(', ')}`,
  );
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function readShape(value: unknown, label: string, refuse: Refuse): number[] {
  if (Array.isArray(value) && value.every(isCount)) return value;
  return refuse(
    'SAFETENSORS_SHAPE',
    `tensor ${label} has the shape ${shownValue(value)}`,
    'A shape is a list of whole numbers, 0 or more',
  );
}

function readOffsets(value: unknown, label: string, refuse: Refuse): [number, number] {
  if (Array.isArray(value) && value.length === 2 && value.every(isCount) && value[0] <= value[1]) {
    return [value[0], value[1]];
  }
  return refuse(
    'SAFETENSORS_OFFSETS',
    `tensor ${label} has the offsets ${shownValue(value)}`,
    'Offsets are two whole numbers, 0 or more, the first not above the second',
  );
}

/** Infinity when the exact product is not a safe integer: no file is that long. */
function byteLength(shape: readonly number[], bytes: number): number {
  if (shape.includes(0)) return 0;
  let size = bytes;
  for (const extent of shape) {
    size *= extent;
    if (!Number.isSafeInteger(size)) return Number.POSITIVE_INFINITY;
  }
  return size;
}

/** Tensors must follow one another without hole or overlap and end where the file ends. */
function checkCover(tensors: readonly StoredTensor[], dataBytes: number, refuse: Refuse): void {
  const ordered = [...tensors].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let position = 0;
  for (const { name, begin, end } of ordered) {
    const label = JSON.stringify(name.slice(0, 120));
    if (end > dataBytes) {
      refuse(
        'SAFETENSORS_OFFSETS',
        `tensor ${label} ends at byte ${end} of ${dataBytes}`,
        'Every tensor must lie inside the file; a shorter file is an incomplete download',
      );
    }
    if (begin !== position) {
      refuse(
        'SAFETENSORS_OFFSETS',
        `tensor ${label} begins at byte ${begin}, ${begin < position ? 'inside' : 'after a hole behind'} the one that ends at ${position}`,
        'Tensors must follow one another without hole or overlap',
      );
    }
    position = end;
  }
  if (position !== dataBytes) {
    refuse(
      'SAFETENSORS_OFFSETS',
      `its tensors end at byte ${position} of ${dataBytes}`,
      'The last tensor must end where the file ends',
    );
  }
}
