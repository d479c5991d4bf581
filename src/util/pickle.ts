/**
 * A machine that reads Python pickles as data and never executes them: opcodes are those of the table below, a
 * global is a name that the host knows or the file is refused, and calling one is a function of ours. Work and
 * memory are bounded by the pickle's length. Format: Python's Lib/pickletools.py.
 */
import { type Refuse, shown } from './refuse.ts';

/** What an unpickled value can be. `Opaque` values are made by the host. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Tuple
  | List
  | Dict
  | Global
  | Opaque;

export class Tuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** A list or a set. */
export class List {
  readonly items: PickleValue[] = [];
}

/** Keys are compared by value where they are primitive, else by identity. */
export class Dict {
  readonly entries = new Map<PickleValue, PickleValue>();
}

/** A class or function, by name only. */
export class Global {
  constructor(
    readonly name: string,
    readonly call: (args: readonly PickleValue[]) => PickleValue,
  ) {}
}

/** Base of the values that a host makes. */
export class Opaque {
  constructor(readonly kind: string) {}

  /** What BUILD gives an object: only attributes such as `_metadata`, which no weights depend on. */
  setState(_state: PickleValue): void {}
}

export interface PickleHost {
  /** What files of this kind hold, and how to write one again, for errors; default: weights and `torch.save`. */
  readonly holds?: string;
  readonly remedy?: string;
  /** What calling the global `module.name` gives; undefined when the name is not allowed. */
  callable(name: string): ((args: readonly PickleValue[]) => PickleValue) | undefined;
  /** The value of a persistent id. */
  persistent(id: PickleValue): PickleValue;
  /**
   * The value of bytes, and of texts of Python 2, which may be either. They lie at `start`, and the view of them is not
   * to be kept. Without it bytes are copied, and such texts taken for UTF-8.
   */
  binary?(bytes: Uint8Array, start: number): PickleValue;
}

export interface Unpickled {
  readonly value: PickleValue;
  /** Position behind the pickle. */
  readonly end: number;
}

/** Real checkpoints of large networks have tens of thousands. */
const MOST_OPCODES = 2_000_000;

/** The bytes end inside the pickle. */
class Cut extends Error {}

/**
 * The pickle that begins at `start`, or undefined when the bytes end inside it.
 * @throws UserError PICKLE_GLOBAL for a name that is not allowed, PICKLE_DUPLICATE for a key twice in a
 *   dictionary, PICKLE_OPCODE, PICKLE_DAMAGED or PICKLE_SIZE otherwise
 */
export function readPickle(
  bytes: Uint8Array,
  start: number,
  host: PickleHost,
  refuse: Refuse,
): Unpickled | undefined {
  const machine = new Machine(bytes, start, host, refuse);
  try {
    return machine.run();
  } catch (error) {
    if (error instanceof Cut) return undefined;
    throw error;
  }
}

class Machine {
  readonly stack: PickleValue[] = [];
  /** Heights of the stack where marks were set. */
  readonly marks: number[] = [];
  readonly memo = new Map<number, PickleValue>();
  readonly #view: DataView;
  readonly #text = new TextDecoder('utf-8');

  constructor(
    readonly bytes: Uint8Array,
    public position: number,
    readonly host: PickleHost,
    readonly refuse: Refuse,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): Unpickled {
    for (let count = 0; count < MOST_OPCODES; count++) {
      const code = this.uint(1);
      if (code === STOP) return { value: this.pop(), end: this.position };
      const opcode = OPCODES.get(code);
      if (!opcode) {
        const shownCode = `0x${code.toString(16).padStart(2, '0')}`;
        this.refuse('PICKLE_OPCODE', `its pickle has the opcode ${shownCode}`, this.remedy);
      }
      opcode(this);
    }
    return this.refuse('PICKLE_SIZE', `its pickle has more than ${MOST_OPCODES} opcodes`, this.remedy);
  }

  damaged(what: string): never {
    return this.refuse('PICKLE_DAMAGED', `its pickle ${what}`, this.remedy);
  }

  /** The position before `length` further bytes, which are passed. */
  advance(length: number): number {
    const at = this.position;
    if (length > this.bytes.length - at) throw new Cut();
    this.position += length;
    return at;
  }

  uint(size: 1 | 2 | 4): number {
    const at = this.advance(size);
    if (size === 1) return this.bytes[at];
    return size === 2 ? this.#view.getUint16(at, true) : this.#view.getUint32(at, true);
  }

  int32(): number {
    return this.#view.getInt32(this.advance(4), true);
  }

  float64(): number {
    return this.#view.getFloat64(this.advance(8), false);
  }

  /** A length of 8 bytes. */
  length64(): number {
    const value = this.#view.getBigUint64(this.advance(8), true);
    return value < 2n ** 40n ? Number(value) : this.damaged(`has a text of ${value} bytes`);
  }

  /** Two's complement, lowest byte first. */
  long(size: number): number | bigint {
    if (size > 16) this.damaged(`has an integer of ${size} bytes`);
    const at = this.advance(size);
    let value = 0n;
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes[at + i]);
    value = BigInt.asIntN(8 * size, value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  text(length: number): string {
    const at = this.advance(length);
    return this.#text.decode(this.bytes.subarray(at, at + length));
  }

  get remedy(): string {
    return this.host.remedy ?? 'Save the weights again, with torch.save(model.state_dict(), path)';
  }

  binary(length: number): PickleValue {
    const at = this.advance(length);
    const view = this.bytes.subarray(at, at + length);
    return this.host.binary ? this.host.binary(view, at) : view.slice();
  }

  /** A text of Python 2, in which texts and bytes were one. */
  oldText(length: number): PickleValue {
    return this.host.binary ? this.binary(length) : this.text(length);
  }

  line(): string {
    const end = this.bytes.indexOf(10, this.position);
    if (end < 0) throw new Cut();
    const text = this.text(end - this.position);
    this.position++;
    return text;
  }

  push(value: PickleValue): void {
    this.stack.push(value);
  }

  pop(): PickleValue {
    if (this.stack.length <= (this.marks.at(-1) ?? 0)) this.damaged('takes from an empty stack');
    return this.stack.pop()!;
  }

  top(): PickleValue {
    if (this.stack.length <= (this.marks.at(-1) ?? 0)) this.damaged('takes from an empty stack');
    return this.stack.at(-1)!;
  }

  popToMark(): PickleValue[] {
    const mark = this.marks.pop();
    if (mark === undefined) return this.damaged('takes to a mark that was not set');
    return this.stack.splice(mark);
  }

  remember(index: number): void {
    this.memo.set(index, this.top());
  }

  recall(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) this.damaged(`recalls memo ${index}, which was not set`);
    this.push(value);
  }

  global(module: string, name: string): void {
    const full = `${module}.${name}`;
    const call = this.host.callable(full);
    if (!call) {
      this.refuse(
        'PICKLE_GLOBAL',
        `it names ${shown(full)}, which is more than ${this.host.holds ?? 'weights'}`,
        `Nothing in a file is executed; ${this.host.remedy ?? 'save only the weights, with torch.save(model.state_dict(), path)'}`,
      );
    }
    this.push(new Global(full, call));
  }

  reduce(): void {
    const args = this.pop();
    const callee = this.pop();
    if (!(callee instanceof Global) || !(args instanceof Tuple)) this.damaged('calls what is no function');
    this.push(callee.call(args.items));
  }

  /** Puts keys and values in turn into the dictionary that is now on top. */
  setItems(pairs: readonly PickleValue[]): void {
    const target = this.top();
    if (!(target instanceof Dict) || pairs.length % 2 !== 0) this.damaged('sets items of no dictionary');
    for (let i = 0; i < pairs.length; i += 2) putOnce(target, pairs[i], pairs[i + 1], this.refuse);
  }

  append(items: readonly PickleValue[]): void {
    const target = this.top();
    if (!(target instanceof List)) this.damaged('appends to no list');
    for (const item of items) target.items.push(item);
  }

  build(): void {
    const state = this.pop();
    const target = this.top();
    if (target instanceof Opaque) target.setState(state);
    else if (!(target instanceof Dict)) this.damaged('sets the state of no object');
  }
}

/** Readers disagree on which of two values of one key counts, so that there may not be two. */
export function putOnce(target: Dict, key: PickleValue, value: PickleValue, refuse: Refuse): void {
  if (target.entries.has(key)) {
    refuse(
      'PICKLE_DUPLICATE',
      `a dictionary has the key ${shown(String(key))} twice`,
      'Every name may occur once',
    );
  }
  target.entries.set(key, value);
}

const STOP = 0x2e;

function dictOf(machine: Machine, pairs: readonly PickleValue[]): void {
  machine.push(new Dict());
  machine.setItems(pairs);
}

function listOf(machine: Machine, items: readonly PickleValue[]): void {
  machine.push(new List());
  machine.append(items);
}

function tupleOf(machine: Machine, size: number): void {
  const items = Array.from({ length: size }, () => machine.pop()).reverse();
  machine.push(new Tuple(items));
}

/** Opcodes of protocols 1 to 5, without those of text, extension registries, buffers and old instances. */
const OPCODES: ReadonlyMap<number, (machine: Machine) => void> = new Map([
  // PROTO and FRAME only announce.
  [0x80, (m) => void m.advance(1)],
  [0x95, (m) => void m.advance(8)],
  // MARK, POP, POP_MARK, DUP
  [0x28, (m) => void m.marks.push(m.stack.length)],
  [0x30, (m) => void m.pop()],
  [0x31, (m) => void m.popToMark()],
  [0x32, (m) => m.push(m.top())],
  // NONE, NEWTRUE, NEWFALSE
  [0x4e, (m) => m.push(null)],
  [0x88, (m) => m.push(true)],
  [0x89, (m) => m.push(false)],
  // BININT, BININT1, BININT2, LONG1, LONG4, BINFLOAT
  [0x4a, (m) => m.push(m.int32())],
  [0x4b, (m) => m.push(m.uint(1))],
  [0x4d, (m) => m.push(m.uint(2))],
  [0x8a, (m) => m.push(m.long(m.uint(1)))],
  [0x8b, (m) => m.push(m.long(m.uint(4)))],
  [0x47, (m) => m.push(m.float64())],
  // BINSTRING, SHORT_BINSTRING, BINUNICODE, SHORT_BINUNICODE, BINUNICODE8
  [0x54, (m) => m.push(m.oldText(m.uint(4)))],
  [0x55, (m) => m.push(m.oldText(m.uint(1)))],
  [0x58, (m) => m.push(m.text(m.uint(4)))],
  [0x8c, (m) => m.push(m.text(m.uint(1)))],
  [0x8d, (m) => m.push(m.text(m.length64()))],
  // BINBYTES, SHORT_BINBYTES, BINBYTES8, BYTEARRAY8
  [0x42, (m) => m.push(m.binary(m.uint(4)))],
  [0x43, (m) => m.push(m.binary(m.uint(1)))],
  [0x8e, (m) => m.push(m.binary(m.length64()))],
  [0x96, (m) => m.push(m.binary(m.length64()))],
  // EMPTY_LIST, APPEND, APPENDS, LIST; sets: EMPTY_SET, ADDITEMS, FROZENSET
  [0x5d, (m) => listOf(m, [])],
  [0x61, (m) => m.append([m.pop()])],
  [0x65, (m) => m.append(m.popToMark())],
  [0x6c, (m) => listOf(m, m.popToMark())],
  [0x8f, (m) => listOf(m, [])],
  [0x90, (m) => m.append(m.popToMark())],
  [0x91, (m) => listOf(m, m.popToMark())],
  // EMPTY_TUPLE, TUPLE, TUPLE1, TUPLE2, TUPLE3
  [0x29, (m) => m.push(new Tuple([]))],
  [0x74, (m) => m.push(new Tuple(m.popToMark()))],
  [0x85, (m) => tupleOf(m, 1)],
  [0x86, (m) => tupleOf(m, 2)],
  [0x87, (m) => tupleOf(m, 3)],
  // EMPTY_DICT, DICT, SETITEM, SETITEMS
  [0x7d, (m) => dictOf(m, [])],
  [0x64, (m) => dictOf(m, m.popToMark())],
  [
    0x73,
    (m) => {
      const value = m.pop();
      m.setItems([m.pop(), value]);
    },
  ],
  [0x75, (m) => m.setItems(m.popToMark())],
  // BINGET, LONG_BINGET, BINPUT, LONG_BINPUT, MEMOIZE
  [0x68, (m) => m.recall(m.uint(1))],
  [0x6a, (m) => m.recall(m.uint(4))],
  [0x71, (m) => m.remember(m.uint(1))],
  [0x72, (m) => m.remember(m.uint(4))],
  [0x94, (m) => m.remember(m.memo.size)],
  // GLOBAL, STACK_GLOBAL
  [0x63, (m) => m.global(m.line(), m.line())],
  [
    0x93,
    (m) => {
      const [name, module] = [m.pop(), m.pop()];
      if (typeof name === 'string' && typeof module === 'string') m.global(module, name);
      else m.damaged('names a global by no text');
    },
  ],
  // REDUCE, NEWOBJ, BUILD, BINPERSID
  [0x52, (m) => m.reduce()],
  [0x81, (m) => m.reduce()],
  [0x62, (m) => m.build()],
  [0x51, (m) => m.push(m.host.persistent(m.pop()))],
]);
