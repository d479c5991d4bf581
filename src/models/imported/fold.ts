/**
 * Ops on constants, computed here and now: the shape arithmetic with which exporters write `flatten` and
 * `view`, and the re-ordering of stored weights. Total for constants; values of the IR never come here, but
 * for `Shape` and `Size`, which need no more than their static shape.
 */
import type { OnnxNode } from '../../onnx/index.ts';
import { type Shape, sizeOf, type Tensor } from '../../tensor/tensor.ts';
import { ARITHMETIC } from './fold-arithmetic.ts';
import { ARRAYS } from './fold-arrays.ts';
import { type Fold, type FoldBudget, int64 } from './fold-call.ts';
import { Attributes, type Constant, guarded, isConstant, type Operand, requireAxes } from './operand.ts';

/** Ops that can be computed on constants. */
const FOLDS: Readonly<Record<string, Fold>> = { ...ARRAYS, ...ARITHMETIC };

/** Ops that ask for the shape of a value alone. */
const SHAPE_OPS = new Set(['Shape', 'Size']);

export const asksForShape = (node: OnnxNode): boolean => SHAPE_OPS.has(node.op);

/** Whether the op is known on constants. */
export const canFold = (op: string): boolean => SHAPE_OPS.has(op) || Object.hasOwn(FOLDS, op);

/**
 * Whether the node spreads a stored array over more places than it has numbers: a class token that every image
 * gets, a table of position biases. It is trained as it is stored, so the node is replayed as an op.
 */
function spreadsWeights(node: OnnxNode, [first]: readonly (Constant | undefined)[], stored: Names): boolean {
  if (!first || !stored.has(first.name) || first.tensor.dtype !== 'float32') return false;
  return (node.op === 'Expand' || node.op === 'Gather') && first.tensor.data.length > 1;
}

type Names = { has(name: string): boolean };

/**
 * The results of a node that needs no values of the IR but their shapes; undefined for all others.
 * @param stored names of the arrays that the file stores
 * @throws UserError ONNX_UNSUPPORTED, also when it would make more numbers than `budget` has left
 */
export function foldOperands(
  node: OnnxNode,
  operands: readonly (Operand | undefined)[],
  stored: Names,
  budget: FoldBudget,
): readonly Constant[] | undefined {
  const named = (tensors: readonly Tensor[]) =>
    tensors.map((tensor, index) => ({ name: node.outputs[index], tensor }));
  const [first] = operands;
  if (SHAPE_OPS.has(node.op) && first) {
    return named([shapeTensor(node, isConstant(first) ? first.tensor.shape : first.shape)]);
  }
  const constants: (Constant | undefined)[] = [];
  for (const operand of operands) {
    if (operand && !isConstant(operand)) return undefined;
    constants.push(operand);
  }
  if (!Object.hasOwn(FOLDS, node.op) || spreadsWeights(node, constants, stored)) return undefined;
  const inputs = constants.map((constant) => constant?.tensor);
  const result = guarded(node, () =>
    FOLDS[node.op]({ node, attributes: new Attributes(node), inputs, budget }),
  );
  const tensors = 'dtype' in result ? [result] : result;
  for (const { shape } of tensors) requireAxes(node, shape);
  return named(tensors);
}

/** Shape: the extents of `shape` from axis `start` up to axis `end`. Size: how many numbers there are. */
function shapeTensor(node: OnnxNode, shape: Shape): Tensor {
  if (node.op === 'Size') return int64([sizeOf(shape)], []);
  const attributes = new Attributes(node);
  return int64(shape.slice(attributes.int('start', 0), attributes.int('end', shape.length)));
}
