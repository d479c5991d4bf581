/** The legality check of a graph, run after every pass in tests. */
import { sameShape } from '../tensor/tensor.ts';
import { invariant } from '../util/errors.ts';
import type { Graph } from './graph.ts';
import { infer } from './infer.ts';
import { printNode } from './print.ts';

/**
 * Checks that ids equal positions, operands come before their use and belong to this graph, types are what
 * inference says, and input names and random keys are unique.
 * @throws Error `internal: ...` with the printed node
 */
export function verify(graph: Graph): void {
  const names = new Set<string>();
  graph.nodes.forEach((node, position) => {
    const legal = (condition: boolean, reason: string) =>
      invariant(condition, `illegal graph, ${reason}: ${printNode(node)}`);
    legal(node.id === position, 'id is not the position');
    for (const { graph: owner, node: producer, index } of node.inputs) {
      legal(owner === graph && graph.nodes[producer.id] === producer, 'operand of another graph');
      legal(producer.id < node.id, 'operand comes after its use');
      legal(index < producer.outputs.length, 'operand does not exist');
    }
    const types = infer(node.op, node.inputs, node.attributes, node.scope);
    legal(types.length === node.outputs.length, 'number of outputs');
    types.forEach((type, index) => {
      const output = node.outputs[index];
      legal(output.node === node && output.index === index, 'output does not point back');
      legal(output.dtype === type.dtype && sameShape(output.shape, type.shape), 'type of an output');
    });
    if (node.op === 'input' || node.op === 'random') {
      const name = node.op === 'input' ? `input ${node.attributes.name}` : `random ${node.attributes.key}`;
      legal(!names.has(name), 'name used twice');
      names.add(name);
    }
  });
}
