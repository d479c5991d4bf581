/** What a rule sees of the node that it replays: operands as values, numbers or weights, and attributes. */
import type { Value } from '../../graph/graph.ts';
import type { Initializer, Network } from '../../nn/index.ts';
import type { OnnxNode } from '../../onnx/index.ts';
import { invariant } from '../../util/errors.ts';
import { Attributes, type Constant, isConstant, numbersOf, type Operand, unsupported } from './operand.ts';
import type { Variables } from './variables.ts';

export interface CallContext {
  readonly net: Network;
  readonly opset: number;
  readonly variables: Variables;
  /** Images of this replay. */
  readonly batch: number;
  /** Images of the batch that the file was traced with; 1 when its extent is symbolic. */
  readonly fileBatch: number;
}

/** Where the operands of a node come from. */
export interface Lineage {
  /** Whether a weight lies between the images and an operand. */
  readonly learned: boolean;
  /** Whether an operand follows from the images, so that its first axis is the batch. */
  readonly ofImages: boolean;
}

/** What a node computes, for each of its outputs or for its only one. */
export type Rule = (call: Call) => Value | readonly Value[];

export class Call {
  readonly attributes: Attributes;

  constructor(
    readonly node: OnnxNode,
    readonly context: CallContext,
    readonly operands: readonly (Operand | undefined)[],
    readonly lineage: Lineage,
  ) {
    this.attributes = new Attributes(node);
  }

  has(index: number): boolean {
    return this.operands[index] !== undefined;
  }

  /** The operand as a value; constants stay constants. */
  value(index: number): Value {
    const operand = this.#operand(index);
    return isConstant(operand) ? this.context.net.graph.constant(operand.tensor) : operand;
  }

  values(): Value[] {
    return this.operands.map((_, index) => this.value(index));
  }

  /** The operand as a trained variable if the file stores it, else as the value that it is. */
  weight(index: number, initializer: Initializer): Value {
    const { net, variables } = this.context;
    const operand = this.#operand(index);
    return isConstant(operand) ? variables.parameter(net, operand, this.node, initializer) : operand;
  }

  constant(index: number): Constant {
    const operand = this.#operand(index);
    if (isConstant(operand)) return operand;
    throw unsupported(this.node, `computes its operand ${index + 1} from the image, it must be constant`);
  }

  isConstant(index: number): boolean {
    return isConstant(this.#operand(index));
  }

  /** The numbers of a constant operand, or of the attribute `name` that older opsets have in its place. */
  numbers(index: number, name: string): readonly number[] | undefined {
    if (this.has(index)) return numbersOf(this.constant(index).tensor);
    return Object.hasOwn(this.node.attributes, name) && 'ints' in this.node.attributes[name]
      ? this.attributes.ints(name)
      : undefined;
  }

  /** A constant operand of one number. */
  scalar(index: number): number {
    const numbers = numbersOf(this.constant(index).tensor);
    if (numbers.length !== 1) throw unsupported(this.node, `takes ${numbers.length} numbers for a scalar`);
    return numbers[0];
  }

  /** Refuses any value of an attribute but the one that is supported. */
  expect(name: string, supported: number): void {
    const found = this.attributes.int(name, supported);
    if (found !== supported) throw unsupported(this.node, `has ${name}=${found}, only ${supported} is known`);
  }

  #operand(index: number): Operand {
    const operand = this.operands[index];
    if (!operand) throw unsupported(this.node, `lacks operand ${index + 1}`);
    invariant(isConstant(operand) || operand.graph === this.context.net.graph, 'operand of another graph');
    return operand;
  }
}
