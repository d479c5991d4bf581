/** What the runtime says of one node, as a message that names the layer and shows the graph around it. */
import type { OnnxGraph, OnnxNode } from '../onnx/model.ts';
import { showShape } from '../tensor/tensor.ts';
import { messageOf, UserError } from '../util/errors.ts';
import type { Device } from './device.ts';

/** How the runtime names a node: while it looks for kernels, checks types, infers shapes, and runs. */
const NAMED = [
  /node with name '([^']+)'/,
  /in node \(([^)]+)\)/,
  /Node \(([^)]+)\) Op \(/,
  /node\. Name:'([^']+)'/,
];

/** Nodes shown before and after the one in question. */
const BEFORE = 4;
const AFTER = 2;

/**
 * The error to throw when the runtime refuses `graph` on `device` because of one node; undefined when it names
 * none. Codes: DEVICE_LACKS_OP when there is no kernel for the node, else OP_FAILED.
 */
export function nodeFailure(cause: unknown, graph: OnnxGraph, device: Device): UserError | undefined {
  const said = messageOf(cause);
  const name = NAMED.map((pattern) => pattern.exec(said)?.[1]).find((found) => found !== undefined);
  const node = name === undefined ? undefined : findNode(graph, name);
  if (!node) return undefined;
  const layer = node.name.slice(0, Math.max(0, node.name.lastIndexOf('/'))) || node.name;
  const around = `Around it:\n${showAround(graph, node)}\n`;
  if (/could not find an implementation|not.implemented|not supported/i.test(said)) {
    return new UserError(
      'DEVICE_LACKS_OP',
      `The device "${device}" has no ${node.op} such as layer "${layer}" needs: ${said}\n${around}`,
      device === 'cpu'
        ? 'Build the layer from other ops, or give the op another data type.'
        : 'Run it with --device cpu, or build the layer from other ops.',
      { cause },
    );
  }
  return new UserError(
    'OP_FAILED',
    `${node.op} of layer "${layer}" failed on the device "${device}": ${said}\n${around}`,
    `Compare the operands' shapes and types with what the layer expects${device === 'cpu' ? '.' : '; if they are right, try --device cpu.'}`,
    { cause },
  );
}

/** The node of that name. Nodes that the runtime fused have names that begin with one of ours. */
function findNode(graph: OnnxGraph, name: string): OnnxNode | undefined {
  const exact = graph.nodes.find((node) => node.name === name);
  if (exact) return exact;
  const candidates = graph.nodes.filter((node) => node.name !== '' && name.startsWith(node.name));
  return candidates.sort((a, b) => b.name.length - a.name.length)[0];
}

/** `node`, what its operands are made of and what reads its results, one line each, in the graph's order. */
function showAround(graph: OnnxGraph, node: OnnxNode): string {
  const before = nearest(graph, node, BEFORE, (from, other) =>
    other.outputs.some((output) => output !== '' && from.inputs.includes(output)),
  );
  const after = nearest(graph, node, AFTER, (from, other) =>
    other.inputs.some((input) => input !== '' && from.outputs.includes(input)),
  );
  const shown = new Set([node, ...before, ...after]);
  const known = new Map<string, string>();
  for (const { name, shape } of graph.inputs) known.set(name, `${name} [${shape.join('x')}]`);
  for (const [name, { shape }] of graph.initializers) known.set(name, `${name} [${showShape(shape)}]`);
  return graph.nodes
    .filter((candidate) => shown.has(candidate))
    .map((candidate) => {
      const operands = candidate.inputs.map((input) => known.get(input) ?? input).join(', ');
      const mark = candidate === node ? '>' : ' ';
      return `${mark} ${candidate.outputs.join(', ')} = ${candidate.op}(${operands})  ${candidate.name}`;
    })
    .join('\n');
}

/** The `most` nodes that are nearest to `node` along `linked`, breadth first. */
function nearest(
  graph: OnnxGraph,
  node: OnnxNode,
  most: number,
  linked: (from: OnnxNode, other: OnnxNode) => boolean,
): OnnxNode[] {
  const found = [node];
  for (let next = 0; next < found.length && found.length <= most; next++) {
    for (const other of graph.nodes) {
      if (found.length <= most && !found.includes(other) && linked(found[next], other)) found.push(other);
    }
  }
  return found.slice(1);
}
