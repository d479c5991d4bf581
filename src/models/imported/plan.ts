/** What an ONNX graph is to the replay: nodes in order, constants computed once, and where its head begins. */
import type { OnnxGraph, OnnxModel, OnnxNode } from '../../onnx/index.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { UserError } from '../../util/errors.ts';
import { foldOperands } from './fold.ts';
import { FoldBudget } from './fold-call.ts';
import { findHead, type Head } from './head.ts';
import { storedNames } from './stored-names.ts';
import { refuseUnknown } from './unknown.ts';
import { Variables } from './variables.ts';

export interface Plan {
  readonly opset: number;
  /** Nodes that lead to the output and are more than constants, in topological order. */
  readonly nodes: readonly OnnxNode[];
  /** Stored arrays, and what follows from them alone, by name. */
  readonly constants: ReadonlyMap<string, Tensor>;
  /** The arrays of `constants` that the file stores as they are. */
  readonly stored: ReadonlyMap<string, Tensor>;
  readonly variables: Variables;
  readonly fileBatch: number;
  readonly head: Head;
  /** What the constants left of it. */
  readonly budget: FoldBudget;
  /** Softmax nodes after the head: logits are wanted. */
  readonly dropped: ReadonlySet<OnnxNode>;
}

/** Since this version of the operator set, binary ops broadcast as NumPy does and batch norm has its present form. */
const FIRST_OPSET = 7;

/**
 * @param output name of the graph output
 * @throws UserError ONNX_UNSUPPORTED with every unknown op, ONNX_NOT_A_CLASSIFIER when there is no head
 */
export function planOf(model: OnnxModel, image: string, output: string, fileBatch: number): Plan {
  const { opset, graph } = model;
  if (opset < FIRST_OPSET) {
    throw new UserError(
      'ONNX_UNSUPPORTED',
      `The file uses operator set ${opset}.`,
      `Convert it to operator set ${FIRST_OPSET} or later, for example with onnx.version_converter.`,
    );
  }
  const needed = nodesTo(graph.nodes, output);
  refuseUnknown(needed, image, graph.undecoded ?? new Map());
  const constants = new Map<string, Tensor>(graph.initializers);
  const folded: OnnxNode[] = [];
  const budget = FoldBudget.forFile(storedNumbers(model.graph));
  const nodes = needed.filter((node) => {
    const isConstant = foldConstant(node, constants, graph.initializers, budget);
    if (isConstant) folded.push(node);
    return !isConstant;
  });
  const { head, dropped } = findHead(nodes, constants, output);
  const variables = new Variables(nodes, storedNames(nodes, folded, constants));
  const stored = graph.initializers;
  return { opset, nodes, constants, stored, variables, fileBatch, head, budget, dropped };
}

/** Of initializers, and of the nodes in which other exporters keep weights. */
function storedNumbers({ initializers, nodes }: OnnxGraph): number {
  const constants = nodes.flatMap(({ op, attributes: { value } }) =>
    op === 'Constant' && value && 'tensor' in value ? [value.tensor] : [],
  );
  return [...initializers.values(), ...constants].reduce((sum, { data }) => sum + data.length, 0);
}

/** The nodes that lead to the value `output`, in the order of `nodes`, which is topological. */
export function nodesTo(nodes: readonly OnnxNode[], output: string): OnnxNode[] {
  const wanted = new Set([output]);
  const reversed = nodes.toReversed().filter((node) => {
    const needed = node.outputs.some((name) => name !== '' && wanted.has(name));
    if (needed) for (const input of node.inputs) wanted.add(input);
    return needed;
  });
  return reversed.toReversed();
}

/** Adds the results of a node to `constants` if they follow from them; says whether they do. */
function foldConstant(
  node: OnnxNode,
  constants: Map<string, Tensor>,
  stored: OnnxGraph['initializers'],
  budget: FoldBudget,
): boolean {
  const operands = node.inputs.map((name) => {
    const tensor = constants.get(name);
    return tensor && { name, tensor };
  });
  if (node.inputs.some((name, index) => name !== '' && !operands[index])) return false;
  const results = foldOperands(node, operands, stored, budget);
  for (const { name, tensor } of results ?? []) if (name) constants.set(name, tensor);
  return results !== undefined;
}
