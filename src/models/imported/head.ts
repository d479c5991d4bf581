/** Where a classifier's head begins: the last layer with a weight matrix, followed by nothing that learns. */
import type { OnnxNode } from '../../onnx/index.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { UserError } from '../../util/errors.ts';
import { titleOf } from './operand.ts';

export interface Head {
  readonly node: OnnxNode;
  /** The value that the head is applied to: features, or a map for a 1x1 convolution. */
  readonly input: string;
  /** The value whose pooling gave the head's input, where such a pooling precedes. */
  readonly pooled?: string;
}

const POOLINGS = new Set([
  'GlobalAveragePool',
  'GlobalMaxPool',
  'AveragePool',
  'MaxPool',
  'ReduceMean',
  'ReduceMax',
  'ReduceSum',
]);
const SHAPINGS = new Set([
  'Flatten',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
  'Transpose',
  'Identity',
  'Dropout',
  'Cast',
]);
const SOFTMAXES = new Set(['Softmax', 'LogSoftmax']);
const ACTIVATIONS = new Set(['Relu', 'LeakyRelu', 'Clip', 'Sigmoid', 'HardSigmoid', 'HardSwish', 'Tanh']);
/** Ops of two operands, one of which is stored: the bias of a MatMul, a temperature. */
const AFFINE = new Set(['Add', 'Mul', 'Sub', 'Div']);

type Constants = ReadonlyMap<string, Tensor>;

/** @throws UserError ONNX_NOT_A_CLASSIFIER naming the node at which the search ended */
export function findHead(
  nodes: readonly OnnxNode[],
  constants: Constants,
  output: string,
): { head: Head; dropped: Set<OnnxNode> } {
  const producers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const dropped = new Set<OnnxNode>();
  let node = producers.get(output);
  while (node && !isHead(node, constants)) {
    if (SOFTMAXES.has(node.op)) dropped.add(node);
    const before: string | undefined = operandAfterHead(node, constants);
    if (before === undefined) break;
    node = producers.get(before);
  }
  if (!node || !isHead(node, constants)) throw noHead(node);
  const pooled = pooledBefore(node.inputs[0], producers);
  return { head: { node, input: node.inputs[0], pooled }, dropped };
}

function noHead(node: OnnxNode | undefined): UserError {
  const found = node ? `It ends in the ${titleOf(node)}` : 'Nothing that learns leads to its output';
  return new UserError(
    'ONNX_NOT_A_CLASSIFIER',
    `The network has no classifier at its end. ${found}.`,
    'Give a classifier that ends in a fully connected layer (Gemm, MatMul) or a 1x1 convolution.',
  );
}

function isHead(node: OnnxNode, constants: Constants): boolean {
  const weight = constants.get(node.inputs[1]);
  if (!weight) return false;
  if (node.op === 'Gemm' || node.op === 'MatMul') return weight.shape.length === 2;
  const [, , height, width] = weight.shape;
  return node.op === 'Conv' && weight.shape.length === 4 && height === 1 && width === 1;
}

/** The operand through which the head is reached from an op that may follow it; undefined for all other ops. */
function operandAfterHead(node: OnnxNode, constants: Constants): string | undefined {
  if (AFFINE.has(node.op)) {
    const computed = node.inputs.filter((name) => !constants.has(name));
    return computed.length === 1 ? computed[0] : undefined;
  }
  const passes = [POOLINGS, SHAPINGS, SOFTMAXES, ACTIVATIONS].some((ops) => ops.has(node.op));
  return passes ? node.inputs[0] : undefined;
}

function pooledBefore(name: string, producers: ReadonlyMap<string, OnnxNode>): string | undefined {
  let node = producers.get(name);
  while (node && (SHAPINGS.has(node.op) || ACTIVATIONS.has(node.op))) node = producers.get(node.inputs[0]);
  return node && POOLINGS.has(node.op) ? node.inputs[0] : undefined;
}
