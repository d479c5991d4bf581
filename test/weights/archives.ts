/** Archives and pickles byte by byte, for files that no honest program writes. */
import { deflateRawSync } from 'node:zlib';

export interface Entry {
  readonly name: string;
  /** Its bytes, where it is not written as UTF-8. */
  readonly nameBytes?: Buffer;
  readonly content: Uint8Array;
  readonly deflate?: boolean;
  /** What the directory claims instead of the truth. */
  readonly claims?: {
    size?: number;
    storedSize?: number;
    position?: number;
    method?: number;
    flags?: number;
  };
}

/** A zip archive, without checksums. `count`: how many entries its end claims. */
export function zip(entries: readonly Entry[], count = entries.length): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let position = 0;
  for (const { name: text, nameBytes, content, deflate = false, claims = {} } of entries) {
    const name = nameBytes ?? Buffer.from(text);
    const stored = deflate ? deflateRawSync(content) : Buffer.from(content);
    const fields = {
      size: content.length,
      storedSize: stored.length,
      method: deflate ? 8 : 0,
      flags: 0,
      ...claims,
    };
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(fields.flags, 8);
    entry.writeUInt16LE(fields.method, 10);
    entry.writeUInt32LE(fields.storedSize, 20);
    entry.writeUInt32LE(fields.size, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(fields.position ?? position, 42);
    parts.push(local, name, stored);
    directory.push(entry, name);
    position += 30 + name.length + stored.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(count, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(position, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

/** Opcodes and texts in a row: numbers are bytes, texts their characters. */
export function bytes(...parts: readonly (number | string | Uint8Array)[]): Buffer {
  return Buffer.concat(
    parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part as string))),
  );
}

/** BINUNICODE */
export const text = (value: string) => bytes('X', uint32(value.length), value);
/** BININT */
export const integer = (value: number) => bytes('J', int32(value));
export const tuple = (...items: readonly Uint8Array[]) => bytes('(', ...items, 't');
/** GLOBAL */
export const named = (module: string, name: string) => bytes('c', `${module}\n${name}\n`);
/** REDUCE */
export const called = (callee: Uint8Array, ...args: readonly Uint8Array[]) =>
  bytes(callee, tuple(...args), 'R');

export function uint32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32LE(value);
  return buffer;
}

/** 8 bytes. LONG1 */
export function long(value: bigint): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64LE(value);
  return bytes(0x8a, 8, buffer);
}

export interface TensorParts {
  readonly storage?: string;
  readonly type?: string;
  readonly elements?: Uint8Array;
  readonly offset?: Uint8Array;
  readonly shape?: Uint8Array;
  readonly strides?: Uint8Array;
}

/** A float tensor of 4 elements as PyTorch writes it, but for what is given. */
export function tensorOf(parts: TensorParts = {}): Buffer {
  const { storage = '0', type = 'FloatStorage', elements = integer(4), offset = integer(0) } = parts;
  const { shape = tuple(integer(4)), strides = tuple(integer(1)) } = parts;
  const id = tuple(text('storage'), named('torch', type), text(storage), text('cpu'), elements);
  const reference = bytes(id, 'Q');
  const hooks = called(named('collections', 'OrderedDict'));
  const rebuild = named('torch._utils', '_rebuild_tensor_v2');
  return called(rebuild, reference, offset, shape, strides, bytes(0x89), hooks);
}

/** PROTO 2, a dictionary of the pairs, STOP. */
export function pickleOf(...pairs: readonly (readonly [string, Uint8Array])[]): Buffer {
  return bytes(0x80, 2, '}(', ...pairs.flatMap(([name, value]) => [text(name), value]), 'u.');
}

/** The archive of torch.save around a pickle, with storage 0 of four floats. */
export function torchZip(pickle: Uint8Array, ...others: readonly Entry[]): Buffer {
  return zip([
    { name: 'archive/data.pkl', content: pickle },
    { name: 'archive/data/0', content: new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer) },
    ...others,
  ]);
}
