/**
 * The order in which the runtime computes the nodes of a model that it does not rewrite: depth first from the nodes
 * whose results no node reads, the last of them in the file first; of a node's operands the one whose node stands
 * last in the file is computed first. `test/runtime/memory.test.ts` compares this with what the runtime did.
 */
import type { OnnxNode } from '../onnx/model.ts';

/** Positions in `nodes` in the order of execution. */
export function executionOrder(nodes: readonly OnnxNode[]): number[] {
  const makers = new Map<string, number>();
  nodes.forEach(({ outputs }, index) => {
    for (const output of outputs) makers.set(output, index);
  });
  const operands = nodes.map(({ inputs }) =>
    inputs.flatMap((name) => makers.get(name) ?? []).sort((a, b) => a - b),
  );
  const read = new Set(operands.flat());
  const order: number[] = [];
  const visited = new Set<number>();
  // A node is on the stack to be entered, and again, as ~index, to be computed once its operands are.
  const stack = nodes.flatMap((_, index) => (read.has(index) ? [] : [index]));
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    if (top < 0) {
      order.push(~top);
      continue;
    }
    if (visited.has(top)) continue;
    visited.add(top);
    stack.push(~top, ...operands[top].filter((index) => !visited.has(index)));
  }
  return order;
}
