/** What an ONNX graph is to the replay: nodes in order, constants computed once, and where its head begins. */
import type { OnnxModel, OnnxNode } from '../../onnx/index.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { UserError } from '../../util/errors.ts';
import { foldOperands } from './fold.ts';
import { findHead, type Head } from './head.ts';
import { isKnown } from './rules.ts';
import { Variables } from './variables.ts';

export interface Plan {
  readonly opset: number;
  /** Nodes that lead to the output and are more than constants, in topological order. */
  readonly nodes: readonly OnnxNode[];
  /** Stored arrays, and what follows from them alone, by name. */
  readonly constants: ReadonlyMap<string, Tensor>;
  readonly variables: Variables;
  readonly fileBatch: number;
  readonly head: Head;
  /** Softmax nodes after the head: logits are wanted. */
  readonly dropped: ReadonlySet<OnnxNode>;
}

/** Since this version of the operator set, binary ops broadcast as NumPy does and batch norm has its present form. */
const FIRST_OPSET = 7;

/**
 * @param output name of the graph output
 * @throws UserError ONNX_UNSUPPORTED with every unknown op, ONNX_NOT_A_CLASSIFIER when there is no head
 */
export function planOf({ opset, graph }: OnnxModel, output: string, fileBatch: number): Plan {
  if (opset < FIRST_OPSET) {
    throw new UserError(
      'ONNX_UNSUPPORTED',
      `The file uses operator set ${opset}.`,
      `Convert it to operator set ${FIRST_OPSET} or later, for example with onnx.version_converter.`,
    );
  }
  const needed = nodesTo(graph.nodes, output);
  refuseUnknownOps(needed);
  const constants = new Map<string, Tensor>(graph.initializers);
  const nodes = needed.filter((node) => !foldConstant(node, constants));
  const { head, dropped } = findHead(nodes, constants, output);
  return { opset, nodes, constants, variables: new Variables(nodes), fileBatch, head, dropped };
}

function nodesTo(nodes: readonly OnnxNode[], output: string): OnnxNode[] {
  const wanted = new Set([output]);
  const reversed = nodes.toReversed().filter((node) => {
    const needed = node.outputs.some((name) => name !== '' && wanted.has(name));
    if (needed) for (const input of node.inputs) wanted.add(input);
    return needed;
  });
  return reversed.toReversed();
}

/** Adds the result of a node to `constants` if it follows from them; says whether it does. */
function foldConstant(node: OnnxNode, constants: Map<string, Tensor>): boolean {
  const operands = node.inputs.map((name) => {
    const tensor = constants.get(name);
    return tensor && { name, tensor };
  });
  if (node.inputs.some((name, index) => name !== '' && !operands[index])) return false;
  const result = foldOperands(node, operands);
  if (result) constants.set(result.name, result.tensor);
  return result !== undefined;
}

function refuseUnknownOps(nodes: readonly OnnxNode[]): void {
  const unknown = new Map<string, OnnxNode[]>();
  for (const node of nodes.filter((candidate) => !isKnown(candidate))) {
    const op = node.domain === '' ? node.op : `${node.domain}.${node.op}`;
    unknown.set(op, [...(unknown.get(op) ?? []), node]);
  }
  if (unknown.size === 0) return;
  const list = [...unknown].map(
    ([op, users]) => `${op} (${users.length}, first in node "${users[0].name || users[0].outputs[0]}")`,
  );
  throw new UserError(
    'ONNX_UNSUPPORTED',
    `The network uses operators that cannot be imported: ${list.join(', ')}.`,
    'Export it with other operators, for example with another opset or simplified by onnxsim.',
  );
}
