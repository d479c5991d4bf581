/** Every value of a graph is made once, and before it is used. */
import { inconsistent } from './inconsistent.ts';
import type { OnnxNode } from './model.ts';

const titleOf = (node: OnnxNode): string => `${node.op} node "${node.name || node.outputs[0]}"`;

/**
 * `nodes` in topological order, which files should have and not all have; the given order where it is one.
 * @param given names of inputs and stored arrays
 * @throws UserError ONNX_UNREADABLE for a name that two values have, a value that nothing makes, or a cycle
 */
export function inOrder(nodes: readonly OnnxNode[], given: Iterable<string>): readonly OnnxNode[] {
  const ready = new Set(given);
  const made = makers(nodes, ready);
  requireMade(nodes, ready, made);
  const inputsOf = (node: OnnxNode) => node.inputs.filter((name) => name !== '' && made.has(name));
  const seen = new Set<string>(ready);
  const isOrdered = nodes.every((node) => {
    const fits = inputsOf(node).every((name) => seen.has(name));
    for (const name of node.outputs) seen.add(name);
    return fits;
  });
  return isOrdered ? nodes : sorted(nodes, inputsOf);
}

function makers(nodes: readonly OnnxNode[], given: ReadonlySet<string>): Set<string> {
  const made = new Set<string>();
  for (const node of nodes) {
    for (const name of node.outputs.filter((output) => output !== '')) {
      if (made.has(name) || given.has(name)) {
        throw inconsistent(titleOf(node), `makes the value "${name}", which is made elsewhere too`);
      }
      made.add(name);
    }
  }
  return made;
}

function requireMade(nodes: readonly OnnxNode[], given: ReadonlySet<string>, made: ReadonlySet<string>) {
  for (const node of nodes) {
    const missing = node.inputs.find((name) => name !== '' && !given.has(name) && !made.has(name));
    if (missing !== undefined) {
      throw inconsistent(titleOf(node), `uses the value "${missing}", which nothing makes`);
    }
  }
}

/** Nodes as soon as their operands are there, the first of the file first (Kahn). */
function sorted(nodes: readonly OnnxNode[], inputsOf: (node: OnnxNode) => string[]): OnnxNode[] {
  const users = new Map<string, number[]>();
  const missing = nodes.map((node, index) => {
    const names = new Set(inputsOf(node));
    for (const name of names) {
      const list = users.get(name);
      if (list) list.push(index);
      else users.set(name, [index]);
    }
    return names.size;
  });
  const order = nodes.flatMap((_, index) => (missing[index] === 0 ? [index] : []));
  for (let next = 0; next < order.length; next++) {
    for (const name of nodes[order[next]].outputs) {
      for (const user of users.get(name) ?? []) if (--missing[user] === 0) order.push(user);
    }
  }
  const stuck = nodes.find((_, index) => missing[index] > 0);
  if (stuck) throw inconsistent(titleOf(stuck), 'depends on its own result: the graph has a cycle');
  return order.map((index) => nodes[index]);
}
