/**
 * The graph: nodes in the order in which they were made, which is a topological order. Values have static
 * shapes. A value knows its graph, so op functions (`build.ts`) need no builder argument.
 */
import type { DType, Shape, Tensor } from '../tensor/tensor.ts';
import { invariant } from '../util/errors.ts';
import { infer } from './infer.ts';
import type { InputRole, Op, OpAttributes } from './ops.ts';

export interface ValueType {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** One output of a node. */
export interface Value extends ValueType {
  readonly graph: Graph;
  readonly node: Node;
  /** Which of the node's outputs. */
  readonly index: number;
}

export interface NodeOf<O extends Op> {
  /** Position in `graph.nodes`. */
  readonly id: number;
  readonly op: O;
  readonly inputs: readonly Value[];
  readonly attributes: OpAttributes[O];
  readonly outputs: readonly Value[];
  /** The layer that made the node, for example `layer1.0.conv2`; empty outside of layers. */
  readonly scope: string;
}

/** A node of any op; `node.op` narrows its attributes. */
export type Node = { [O in Op]: NodeOf<O> }[Op];

export class Graph {
  readonly nodes: Node[] = [];
  readonly #scopes: string[] = [];

  /** A named input. Names are unique in a graph. */
  input(name: string, shape: Shape, options: { role?: InputRole; dtype?: DType } = {}): Value {
    invariant(!this.inputs().some((node) => node.attributes.name === name), `input "${name}" made twice`);
    const { role = 'data', dtype = 'float32' } = options;
    return this.emit('input', [], { name, role, shape, dtype })[0];
  }

  constant(value: Tensor): Value {
    return this.emit('constant', [], { value })[0];
  }

  /** A float32 scalar constant. */
  scalar(value: number): Value {
    return this.constant({ dtype: 'float32', shape: [], data: Float32Array.of(value) });
  }

  /** Uniform random numbers in [0, 1), drawn anew in every run from the run's seed and this key. */
  random(key: string, shape: Shape): Value {
    return this.emit('random', [], { key, shape })[0];
  }

  /** Adds a node and returns its outputs. Throws a message with layer and operand shapes on a misfit. */
  emit<O extends Op>(op: O, inputs: readonly Value[], attributes: OpAttributes[O]): readonly Value[] {
    for (const value of inputs) invariant(value.graph === this, `${op}: an operand belongs to another graph`);
    const scope = this.#scopes.join('.');
    const types = infer(op, inputs, attributes, scope);
    const outputs: Value[] = [];
    const node = { id: this.nodes.length, op, inputs, attributes, outputs, scope } as unknown as Node;
    types.forEach((type, index) => {
      outputs.push({ graph: this, node, index, shape: type.shape, dtype: type.dtype });
    });
    this.nodes.push(node);
    return outputs;
  }

  /** Runs `body` with `name` appended to the scope of the nodes it makes. */
  scoped<T>(name: string, body: () => T): T {
    this.#scopes.push(name);
    try {
      return body();
    } finally {
      this.#scopes.pop();
    }
  }

  inputs(): NodeOf<'input'>[] {
    return this.nodes.filter((node) => node.op === 'input');
  }
}
