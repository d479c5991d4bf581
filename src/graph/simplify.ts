/**
 * Writes a graph anew with less in it: what follows from constants alone is computed, what is computed twice is
 * computed once, and identities (`identities.ts`) replace what changes nothing. Values stay the same to the last bit
 * but for the order of sums and the sign of zero. Dead nodes are left behind.
 */
import { sizeOf, type Tensor } from '../tensor/tensor.ts';
import { invariant } from '../util/errors.ts';
import { evaluate } from './evaluate.ts';
import { Graph, type Node, type Value, type ValueType } from './graph.ts';
import { IDENTITIES, type Identity } from './identities.ts';
import { infer } from './infer.ts';
import type { Op, OpAttributes } from './ops.ts';
import { reachable } from './specialize.ts';

interface SimplifyOptions {
  /**
   * Images (values with four axes) that are computed twice stay apart, as they were made by a gradient that computes
   * them again rather than keep them.
   */
  readonly recomputed?: boolean;
}

/** What became of each value that `wanted` need, in a new graph in which nodes keep their order and their layers. */
export function simplify(
  wanted: readonly Value[],
  { recomputed = false }: SimplifyOptions = {},
): (value: Value) => Value {
  const pass = new Simplification(recomputed);
  for (const node of reachable(wanted)) pass.add(node);
  return (value) => pass.of(value);
}

/** Constants with more numbers are not computed from smaller ones, and not compared. */
const MOST_NUMBERS = 4096;

class Simplification {
  readonly graph = new Graph();
  /** From the old graph to the new one. */
  readonly #copies = new Map<Value, Value>();
  /** Outputs of each node of the new graph by op, operands and attributes. */
  readonly #known = new Map<string, readonly Value[]>();
  readonly #keys = new Keys();

  constructor(private readonly recomputed: boolean) {}

  of(value: Value): Value {
    const copy = this.#copies.get(value);
    invariant(copy, 'a value that was not asked for');
    return copy;
  }

  add(node: Node): void {
    const inputs = node.inputs.map((value) => this.of(value));
    const [result] = node.outputs;
    const made = this.graph.scoped(node.scope, () => this.#makeAll(node.op, inputs, node.attributes, result));
    node.outputs.forEach((output, index) => {
      this.#copies.set(output, made[index]);
    });
  }

  readonly #make = <O extends Op>(op: O, inputs: readonly Value[], attributes: OpAttributes[O]): Value =>
    this.#makeAll(op, inputs, attributes, infer(op, inputs, attributes, '')[0])[0];

  #makeAll<O extends Op>(
    op: O,
    inputs: readonly Value[],
    attributes: OpAttributes[O],
    result: ValueType,
  ): readonly Value[] {
    const value = sizeOf(result.shape) <= MOST_NUMBERS ? evaluate({ op, attributes }, inputs) : undefined;
    if (value) return this.#once('constant', [], { value });
    const identity = IDENTITIES[op] as Identity<O> | undefined;
    const found = identity?.({ inputs, attributes, result, make: this.#make });
    if (found) return [found];
    // Spreading numbers costs less than keeping them spread until they are needed again.
    const repeats = op === 'expand' || (this.recomputed && result.shape.length === 4);
    return repeats ? this.graph.emit(op, inputs, attributes) : this.#once(op, inputs, attributes);
  }

  /** The node that computes this already, or a new one. */
  #once<O extends Op>(op: O, inputs: readonly Value[], attributes: OpAttributes[O]): readonly Value[] {
    const key = this.#keys.of(op, inputs, attributes);
    const outputs = this.#known.get(key) ?? this.graph.emit(op, inputs, attributes);
    this.#known.set(key, outputs);
    return outputs;
  }
}

/** Ops whose operands can change places. */
const COMMUTATIVE: ReadonlySet<Op> = new Set<Op>(['add', 'mul', 'maximum', 'minimum', 'equal', 'and', 'or']);

/** Texts that are equal for nodes that compute the same. A random op is known by its name, as inputs are. */
class Keys {
  /** Long constants are the same only where they are the same array. */
  readonly #arrays = new Map<object, number>();

  of<O extends Op>(op: O, inputs: readonly Value[], attributes: OpAttributes[O]): string {
    const operands = inputs.map(({ node, index }) => `${node.id}.${index}`);
    if (COMMUTATIVE.has(op)) operands.sort();
    const details = Object.entries(attributes).map(([name, value]) =>
      op === 'constant'
        ? this.#numbersOf(value)
        : `${name}=${typeof value === 'string' ? JSON.stringify(value) : value}`,
    );
    return [op, operands, ...details.sort()].join(' ');
  }

  #numbersOf({ dtype, shape, data }: Tensor): string {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    if (data.length <= MOST_NUMBERS) return `${dtype} ${shape} ${bytes.toString('base64')}`;
    const number = this.#arrays.get(data) ?? this.#arrays.size;
    this.#arrays.set(data, number);
    return `${dtype} ${shape} array ${number}`;
  }
}
