/** What the folds (`fold.ts`) share: a node with constant operands, and tensors made with a bound on their sizes in all. */
import type { OnnxNode } from '../../onnx/index.ts';
import { type DType, type Shape, sizeOf, type Tensor, tensor, zeros } from '../../tensor/tensor.ts';
import { type Attributes, numbersOf, requireAxes, unsupported } from './operand.ts';

export interface FoldCall {
  readonly node: OnnxNode;
  readonly attributes: Attributes;
  /** Operands that are left out are undefined. */
  readonly inputs: readonly (Tensor | undefined)[];
  readonly budget: FoldBudget;
}

/** One tensor, or one for each output of the node. */
export type Fold = (call: FoldCall) => Tensor | readonly Tensor[];

/** More numbers than the shape arithmetic of a network needs. */
const MOST_NUMBERS = 2 ** 24;
/** How often stored weights may be brought into another order or type. */
const MOST_COPIES = 4;

/** How many numbers the folds of a file may still make: a short one may not ask for memory and time without limit. */
export class FoldBudget {
  private constructor(private left: number) {}

  /** @param stored how many numbers the file holds */
  static forFile(stored: number): FoldBudget {
    return new FoldBudget(MOST_NUMBERS + MOST_COPIES * stored);
  }

  /** What is left, for one replay of the nodes that are no constants. */
  forReplay(): FoldBudget {
    return new FoldBudget(this.left);
  }

  spend(node: OnnxNode, shape: Shape): void {
    requireAxes(node, shape);
    const legal = shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0);
    if (!legal) throw unsupported(node, `makes an array of shape [${shape}] from constants`);
    this.left -= sizeOf(shape);
    if (this.left >= 0) return;
    throw unsupported(node, `makes an array of shape [${shape}], with which the constants are too many`);
  }
}

export function allocate({ node, budget }: FoldCall, dtype: DType, shape: Shape): Tensor {
  budget.spend(node, shape);
  return zeros(dtype, shape);
}

export function operand({ node, inputs }: FoldCall, index: number): Tensor {
  const input = inputs[index];
  if (!input) throw unsupported(node, `lacks operand ${index + 1}`);
  return input;
}

/** An int list that older opsets have as attribute `name`, newer ones as operand `index`. */
export function list(call: FoldCall, name: string, index: number): readonly number[] | undefined {
  const input = call.inputs[index];
  return input ? numbersOf(input) : call.attributes.ints(name);
}

export function required<T>(value: T | undefined, call: FoldCall, name: string): T {
  if (value === undefined) throw unsupported(call.node, `lacks "${name}"`);
  return value;
}

const LARGEST_INT64 = 2n ** 63n - 1n;

/** The integer nearest to zero from `value`; "to the end" stands at the end of the range and must not wrap around. */
function toInt64(value: number): bigint {
  const whole = BigInt(Math.trunc(value));
  return whole > LARGEST_INT64 ? LARGEST_INT64 : whole < -LARGEST_INT64 ? -LARGEST_INT64 : whole;
}

export const int64 = (values: readonly number[], shape: Shape = [values.length]): Tensor =>
  tensor('int64', shape, BigInt64Array.from(values, toInt64));

/** Puts `value` into an array of any type, as Cast would. */
export function put(result: Tensor, position: number, value: number): void {
  if (result.dtype === 'int64') result.data[position] = toInt64(value);
  else if (result.dtype === 'bool') result.data[position] = value === 0 ? 0 : 1;
  else result.data[position] = value;
}

/** Steps through the indices of `shape`, the last axis fastest. `visit` may not keep the index. */
export function eachIndex(shape: Shape, visit: (index: readonly number[], position: number) => void): void {
  const index = shape.map(() => 0);
  const size = sizeOf(shape);
  for (let position = 0; position < size; position++) {
    visit(index, position);
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
  }
}

/** Where the number at `index` lies in an array of `shape`. */
export const flatIndex = (shape: Shape, index: readonly number[]): number =>
  index.reduce((flat, at, axis) => flat * shape[axis] + at, 0);

/** A tensor of `shape` whose number at each index is the number of `source` at `from(index)`. */
export function gathered(
  call: FoldCall,
  source: Tensor,
  shape: Shape,
  from: (index: readonly number[]) => readonly number[],
): Tensor {
  const result = allocate(call, source.dtype, shape);
  eachIndex(shape, (index, to) => {
    result.data[to] = source.data[flatIndex(source.shape, from(index))];
  });
  return result;
}

/** `source` repeated along the axes where `shape` is longer. */
export function broadcast(call: FoldCall, source: Tensor, shape: Shape): Tensor {
  // As many numbers are the same ones, behind further axes of extent 1.
  if (sizeOf(source.shape) === sizeOf(shape)) return reshaped(source, shape);
  const added = shape.length - source.shape.length;
  return gathered(call, source, shape, (index) =>
    source.shape.map((extent, axis) => (extent === 1 ? 0 : index[axis + added])),
  );
}

export const reshaped = (source: Tensor, shape: Shape): Tensor => ({ ...source, shape: [...shape] });
