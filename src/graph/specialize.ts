/**
 * The inference form of a graph: parameters become constants, what depends on constants alone is computed,
 * and a per-channel affine map behind a convolution (batch norm with stored statistics) is folded into the
 * convolution's weight and bias. Dead nodes are left behind.
 */
import { sameShape, type Tensor, tensor } from '../tensor/tensor.ts';
import { invariant } from '../util/errors.ts';
import { add, conv2d } from './build.ts';
import { evaluate, floatsOf } from './evaluate.ts';
import { Graph, type Node, type Value } from './graph.ts';

/** Rebuilds what `outputs` need in a new graph, with the inputs named in `constants` replaced by their values. */
export function specialize(
  outputs: ReadonlyMap<string, Value>,
  constants: ReadonlyMap<string, Tensor>,
): { graph: Graph; outputs: Map<string, Value> } {
  const graph = new Graph();
  const copies = new Map<Value, Value>();
  const nodes = reachable([...outputs.values()]);
  const uses = countUses(nodes);
  for (const node of nodes) {
    const inputs = node.inputs.map((value) => copies.get(value)!);
    const made = graph.scoped(node.scope, () => rebuild(graph, node, inputs, constants, uses));
    node.outputs.forEach((output, index) => {
      copies.set(output, made[index]);
    });
  }
  return { graph, outputs: new Map([...outputs].map(([name, value]) => [name, copies.get(value)!])) };
}

/** The nodes that `values` depend on, in graph order. */
export function reachable(values: readonly Value[]): Node[] {
  const needed = new Set<Node>();
  const pending = values.map((value) => value.node);
  for (let node = pending.pop(); node; node = pending.pop()) {
    if (needed.has(node)) continue;
    needed.add(node);
    for (const { node: producer } of node.inputs) pending.push(producer);
  }
  return [...needed].sort((a, b) => a.id - b.id);
}

function countUses(nodes: readonly Node[]): Map<Value, number> {
  const uses = new Map<Value, number>();
  for (const { inputs } of nodes) for (const value of inputs) uses.set(value, (uses.get(value) ?? 0) + 1);
  return uses;
}

function rebuild(
  graph: Graph,
  node: Node,
  inputs: readonly Value[],
  constants: ReadonlyMap<string, Tensor>,
  uses: ReadonlyMap<Value, number>,
): readonly Value[] {
  if (node.op === 'input') {
    const value = constants.get(node.attributes.name);
    if (value) return [graph.constant(value)];
  }
  const folded = evaluate(node, inputs);
  if (folded) return [graph.constant(folded)];
  if (node.op === 'channelAffine' && uses.get(node.inputs[0]) === 1) {
    const fused = foldIntoConv(inputs);
    if (fused) return [fused];
  }
  return graph.emit(node.op, inputs, node.attributes as never);
}

/** (conv(x, w) [+ c]) s + b = conv(x, s w) + (s c + b), where w, c, s and b are constants. */
function foldIntoConv([image, scaleValue, biasValue]: readonly Value[]): Value | undefined {
  const [scale, bias] = [floatsOf(scaleValue), floatsOf(biasValue)];
  if (!scale || !bias) return undefined;
  const shift = image.node.op === 'add' ? floatsOf(image.node.inputs[1]) : undefined;
  if (shift && !sameShape(shift.shape, [1, scale.data.length, 1, 1])) return undefined;
  const conv = shift ? image.node.inputs[0].node : image.node;
  if (conv.op !== 'conv2d') return undefined;
  const weight = floatsOf(conv.inputs[1]);
  if (!weight) return undefined;
  const perChannel = weight.data.length / weight.shape[0];
  const scaled = weight.data.map((value, i) => value * scale.data[Math.floor(i / perChannel)]);
  const offset = bias.data.map((value, channel) => value + scale.data[channel] * (shift?.data[channel] ?? 0));
  const graph = image.graph;
  const y = conv2d(conv.inputs[0], graph.constant(tensor('float32', weight.shape, scaled)), conv.attributes);
  invariant(y.shape[1] === offset.length, 'a folded bias must have one number per channel');
  return add(y, graph.constant(tensor('float32', [1, offset.length, 1, 1], offset)));
}
