/**
 * Where the intermediate values of a lowered model lie. The order in which the runtime computes a model is known
 * (`order.ts`), so it is known from when to when each value is needed, and values that are never needed at the same
 * time can have the same place in one block of memory. What the runtime's own allocator makes of the same values
 * takes about one and a half times as much.
 */
import type { OnnxNode } from '../onnx/model.ts';
import { bytesPerElement, type DType, type Shape, sizeOf } from '../tensor/tensor.ts';
import type { LoweredModel } from './lower.ts';
import { executionOrder } from './order.ts';
import { BLOCKED_DOMAIN } from './rows.ts';
import { type ValueType, valueTypes } from './shapes.ts';

interface Placement {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  /** Bytes from the beginning of the block. */
  readonly offset: number;
}

export interface MemoryPlan {
  readonly placements: readonly Placement[];
  /** Size of the block that holds them. */
  readonly bytes: number;
  /** Most bytes at one time of values that are too small to be placed. */
  readonly smallBytes: number;
  /** Carried inputs whose next value can be written over them. */
  readonly overwritable: ReadonlySet<string>;
}

/** Smaller values come and go in the runtime's allocator: each placed one costs some microseconds in every run. */
const SMALLEST_BYTES = 65_536;

/** Placed values begin where vectors of the processor and lines of its cache do. */
const ALIGNMENT = 64;

/** Their result is the memory of their first operand. */
const VIEWS: ReadonlySet<string> = new Set(['Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Identity']);

/** They read each number of an operand of the result's size for the last time before they write that number. */
const IN_PLACE: ReadonlySet<string> = new Set(
  ['Add', 'Sub', 'Mul', 'Div', 'Relu', 'Neg', 'Sqrt', 'Exp', 'Log', 'Abs', 'Reciprocal'].concat([
    'HardSigmoid',
    'Sigmoid',
    'Tanh',
    'LeakyRelu',
    'Clip',
  ]),
);

/** `carried`: input name -> output name. */
export function planMemory(lowered: LoweredModel, carried: ReadonlyMap<string, string>): MemoryPlan {
  const timeline = new Timeline(lowered);
  const placed = timeline.values.filter(isPlaced);
  const blocks = mergeInPlace(placed, timeline);
  const bytes = pack(blocks);
  const placements = blocks.flatMap(({ members, offset }) =>
    members.map(({ name, type }) => ({ name, dtype: type.dtype, shape: type.shape, offset })),
  );
  const smallBytes = mostAtOnce(timeline.values.filter((value) => !isPlaced(value)));
  const overwritable = new Set<string>();
  for (const [input, output] of carried) if (timeline.overwritable(input, output)) overwritable.add(input);
  return { placements, bytes, smallBytes, overwritable };
}

/** A value with memory of its own, from the node that makes it to the last that reads it. */
interface LivingValue {
  readonly name: string;
  readonly type: ValueType;
  readonly bytes: number;
  readonly from: number;
  readonly to: number;
}

function isPlaced({ bytes, type: { dtype } }: LivingValue): boolean {
  return bytes >= SMALLEST_BYTES && (dtype === 'float32' || dtype === 'int64' || dtype === 'bool');
}

/** When each value of a model is made and read. */
class Timeline {
  readonly nodes: readonly OnnxNode[];
  /** All whose type is known, but for the model's inputs, outputs and constants, in the order of their making. */
  readonly values: readonly LivingValue[];
  readonly #roots = new Map<string, string>();
  readonly #readers = new Map<string, number[]>();
  readonly #types: ReadonlyMap<string, ValueType>;

  constructor({ model: { graph }, types }: LoweredModel) {
    this.nodes = executionOrder(graph.nodes).map((index) => graph.nodes[index]);
    this.#types = valueTypes(graph, types);
    const outputs = new Set(graph.outputs.map(({ name }) => name));
    const made: { name: string; from: number }[] = [];
    this.nodes.forEach((node, time) => {
      for (const name of node.inputs) {
        const root = this.rootOf(name);
        const readers = this.#readers.get(root);
        if (readers) readers.push(time);
        else this.#readers.set(root, [time]);
      }
      for (const name of node.outputs) {
        // An output of the model has memory of its own, into which a view is copied.
        if (outputs.has(name)) continue;
        if (VIEWS.has(node.op)) this.#roots.set(name, this.rootOf(node.inputs[0]));
        else made.push({ name, from: time });
      }
    });
    this.values = made.flatMap(({ name, from }) => {
      const type = this.#types.get(name);
      if (!type) return [];
      const bytes = sizeOf(type.shape) * bytesPerElement(type.dtype);
      return [{ name, type, bytes, from, to: this.#readers.get(name)?.at(-1) ?? from }];
    });
  }

  /** The value in whose memory a value lies. */
  rootOf(name: string): string {
    return this.#roots.get(name) ?? name;
  }

  /** Whether `output` can be written where `input` lies: all that read it have done so, or do at that moment. */
  overwritable(input: string, output: string): boolean {
    const made = this.nodes.findIndex(({ outputs }) => outputs.includes(output));
    const readers = this.#readers.get(input) ?? [];
    return readers.every((time) => time < made || (time === made && this.#inPlace(made, input)));
  }

  /** Whether the node may write its result where an operand lies whose memory is that of `root`. */
  #inPlace(time: number, root: string): boolean {
    const { op, domain, inputs, outputs } = this.nodes[time];
    const positions = inputs.flatMap((name, index) => (this.rootOf(name) === root ? [index] : []));
    const size = (name: string) => sizeOf(this.#types.get(name)?.shape ?? [0]);
    const aligned = positions.every((index) => size(inputs[index]) === size(outputs[0]));
    // A fused convolution begins with what is added to it.
    const addsTo = (op === 'FusedConv' || domain === BLOCKED_DOMAIN) && positions.join() === '3';
    return aligned && (addsTo || (domain === '' && IN_PLACE.has(op)));
  }

  /** Values that die where `value` is made and whose memory it may take. */
  predecessors(value: LivingValue): string[] {
    const { inputs } = this.nodes[value.from];
    const roots = new Set(inputs.map((name) => this.rootOf(name)));
    return [...roots].filter((root) => this.#inPlace(value.from, root));
  }
}

/** Values that follow each other in the same memory. */
interface Block {
  readonly members: LivingValue[];
  readonly bytes: number;
  readonly from: number;
  to: number;
  offset: number;
}

function mergeInPlace(values: readonly LivingValue[], timeline: Timeline): Block[] {
  const blocks: Block[] = [];
  const holders = new Map<string, Block>();
  for (const value of values) {
    const holder = timeline
      .predecessors(value)
      .map((name) => holders.get(name))
      .find((block) => block?.to === value.from && block.bytes === value.bytes);
    const block = holder ?? { members: [], bytes: value.bytes, from: value.from, to: value.to, offset: 0 };
    if (!holder) blocks.push(block);
    block.members.push(value);
    block.to = value.to;
    holders.set(value.name, block);
  }
  return blocks;
}

/** Sets offsets, the largest block first, each as low as those that live at the same time leave room. */
function pack(blocks: readonly Block[]): number {
  const settled: Block[] = [];
  let total = 0;
  for (const block of [...blocks].sort((a, b) => b.bytes - a.bytes)) {
    let offset = 0;
    for (const other of settled) {
      if (other.to < block.from || block.to < other.from) continue;
      if (offset + block.bytes <= other.offset) break;
      offset = Math.max(offset, aligned(other.offset + other.bytes));
    }
    block.offset = offset;
    total = Math.max(total, offset + block.bytes);
    const at = settled.findIndex((other) => other.offset > offset);
    settled.splice(at < 0 ? settled.length : at, 0, block);
  }
  return total;
}

const aligned = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** The largest sum of bytes that live at one time. */
function mostAtOnce(values: readonly Pick<LivingValue, 'bytes' | 'from' | 'to'>[]): number {
  const changes = values.flatMap(({ bytes, from, to }) => [
    { time: from, bytes },
    { time: to + 1, bytes: -bytes },
  ]);
  changes.sort((a, b) => a.time - b.time || a.bytes - b.bytes);
  let [now, most] = [0, 0];
  for (const { bytes } of changes) {
    now += bytes;
    most = Math.max(most, now);
  }
  return most;
}
