/** Graphs as stable, readable text: one line per node, for errors, snapshots and reading. */
import { showShape } from '../tensor/tensor.ts';
import type { Graph, Node, Value } from './graph.ts';

function nameOf(value: Value): string {
  return value.node.outputs.length === 1 ? `%${value.node.id}` : `%${value.node.id}.${value.index}`;
}

function showAttribute(value: unknown): string {
  if (value && typeof value === 'object' && 'data' in value && 'shape' in value) {
    const { data, shape } = value as { data: ArrayLike<number>; shape: readonly number[] };
    return data.length === 1 ? String(data[0]) : `[${showShape(shape)} numbers]`;
  }
  return typeof value === 'number' ? String(value) : JSON.stringify(value);
}

/** `%7 = conv2d(%3, %5) strides=[1,1] ... : float32 8x16x32x32  // layer1.0.conv1` */
export function printNode(node: Node): string {
  const attributes = Object.entries(node.attributes)
    .filter(([key]) => key !== 'shape' && key !== 'dtype')
    .map(([key, value]) => ` ${key}=${showAttribute(value)}`)
    .join('');
  const types = node.outputs.map((value) => `${value.dtype} ${showShape(value.shape)}`).join(', ');
  const scope = node.scope ? `  // ${node.scope}` : '';
  const results = node.outputs.map(nameOf).join(', ');
  return `${results} = ${node.op}(${node.inputs.map(nameOf).join(', ')})${attributes} : ${types}${scope}`;
}

export function printGraph(graph: Graph): string {
  return graph.nodes.map(printNode).join('\n');
}
