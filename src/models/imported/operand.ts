/** What flows through a replayed ONNX graph: values of the IR, and constants that are known beforehand. */
import type { Value } from '../../graph/graph.ts';
import type { OnnxAttribute, OnnxNode } from '../../onnx/index.ts';
import type { Shape, Tensor } from '../../tensor/tensor.ts';
import { messageOf, UserError } from '../../util/errors.ts';

/** A number array with the name that the file gives it. */
export interface Constant {
  readonly name: string;
  readonly tensor: Tensor;
}

export type Operand = Value | Constant;

export const isConstant = (operand: Operand): operand is Constant => 'tensor' in operand;

/** How messages call a node. */
export const titleOf = (node: OnnxNode): string => `${node.op} node "${node.name || node.outputs[0]}"`;

/** A form of an op that the importer does not know. */
export function unsupported(node: OnnxNode, problem: string, cause?: unknown): UserError {
  return new UserError(
    'ONNX_UNSUPPORTED',
    `The ${titleOf(node)} ${problem}.`,
    'Export the network in another form, for example with another opset or simplified by onnxsim.',
    { cause },
  );
}

/**
 * What `read` makes of a node. Attributes and operands come from a file, so whatever goes wrong with them (a
 * kernel of no extent, an axis that is not there) is the file's fault and is told with the node's name.
 */
export function guarded<T>(node: OnnxNode, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof UserError && error.code.startsWith('ONNX_')) throw error;
    const problem = error instanceof UserError ? error.given.replace(/\.$/, '') : messageOf(error);
    throw unsupported(node, `cannot be used: ${problem}`, error);
  }
}

/** As in NumPy. A shape is a list too, which a file may not make as long as it likes. */
const MOST_AXES = 64;

export function requireAxes(node: OnnxNode, shape: Shape): void {
  if (shape.length > MOST_AXES) throw unsupported(node, `makes an array of ${shape.length} axes`);
}

/** The attributes of a node by kind, with the defaults that the specification gives. */
export class Attributes {
  constructor(readonly node: OnnxNode) {}

  int(name: string, fallback: number): number {
    return this.#read(name, (attribute) => ('int' in attribute ? attribute.int : undefined)) ?? fallback;
  }

  float(name: string, fallback: number): number {
    return this.#read(name, (attribute) => ('float' in attribute ? attribute.float : undefined)) ?? fallback;
  }

  string(name: string, fallback: string): string {
    const value = this.#read(name, (attribute) => ('string' in attribute ? attribute.string : undefined));
    return value ?? fallback;
  }

  ints(name: string): readonly number[] | undefined {
    return this.#read(name, (attribute) => ('ints' in attribute ? attribute.ints : undefined));
  }

  floats(name: string): readonly number[] | undefined {
    return this.#read(name, (attribute) => ('floats' in attribute ? attribute.floats : undefined));
  }

  tensor(name: string): Tensor | undefined {
    return this.#read(name, (attribute) => ('tensor' in attribute ? attribute.tensor : undefined));
  }

  /** Undefined when the attribute is absent; one of another kind than expected is refused. */
  #read<T>(name: string, read: (attribute: OnnxAttribute) => T | undefined): T | undefined {
    if (!Object.hasOwn(this.node.attributes, name)) return undefined;
    const value = read(this.node.attributes[name]);
    if (value === undefined) throw unsupported(this.node, `has the attribute "${name}" in an unknown form`);
    return value;
  }
}

/** `axis` counted from the front; ONNX counts negative ones from the back. */
export function axisOf(node: OnnxNode, axis: number, rank: number): number {
  const counted = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(counted) || counted < 0 || counted >= rank) {
    throw unsupported(node, `names axis ${axis} of a value with ${rank} axes`);
  }
  return counted;
}

/** The whole numbers of a constant. */
export const numbersOf = ({ data }: Tensor): number[] => Array.from(data, Number);
