/**
 * The inference form of a graph: parameters become constants, what depends on constants alone is computed,
 * and a per-channel affine map behind a convolution (batch norm with stored statistics) is folded into the
 * convolution's weight and bias. Dead nodes are left behind.
 */
import { type Shape, sameShape, sizeOf, type Tensor, tensor } from '../tensor/tensor.ts';
import { invariant } from '../util/errors.ts';
import { add, conv2d } from './build.ts';
import { Graph, type Node, type Value } from './graph.ts';
import { broadcastShapes } from './infer.ts';

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

function constantOf(value: Value): Tensor<'float32'> | undefined {
  const { node } = value;
  return node.op === 'constant' && node.attributes.value.dtype === 'float32'
    ? (node.attributes.value as Tensor<'float32'>)
    : undefined;
}

const ARITHMETIC = {
  add: (a: number, b: number) => a + b,
  sub: (a: number, b: number) => a - b,
  mul: (a: number, b: number) => a * b,
  div: (a: number, b: number) => a / b,
};

/** The node's value when all its operands are constants and it is of the kinds that parameters go through. */
function evaluate(node: Node, inputs: readonly Value[]): Tensor | undefined {
  const operands = inputs.map(constantOf);
  if (operands.length === 0 || operands.some((operand) => operand === undefined)) return undefined;
  const [a, b] = operands as Tensor<'float32'>[];
  switch (node.op) {
    case 'add':
    case 'sub':
    case 'mul':
    case 'div':
      return zip(a, b, ARITHMETIC[node.op]);
    case 'sqrt':
      return tensor('float32', a.shape, a.data.map(Math.sqrt));
    case 'reshape':
      return tensor('float32', node.attributes.shape, a.data);
    default:
      return undefined;
  }
}

function zip(a: Tensor<'float32'>, b: Tensor<'float32'>, f: (a: number, b: number) => number): Tensor {
  const shape = broadcastShapes(a.shape, b.shape);
  const [stepsA, stepsB] = [broadcastSteps(a.shape, shape), broadcastSteps(b.shape, shape)];
  const data = new Float32Array(sizeOf(shape));
  for (let i = 0; i < data.length; i++) {
    let [rest, atA, atB] = [i, 0, 0];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const position = rest % shape[axis];
      rest = (rest - position) / shape[axis];
      atA += position * stepsA[axis];
      atB += position * stepsB[axis];
    }
    data[i] = f(a.data[atA], b.data[atB]);
  }
  return tensor('float32', shape, data);
}

/** Strides of a shape seen as broadcast to `target`: 0 along the axes where it repeats. */
function broadcastSteps(shape: Shape, target: Shape): number[] {
  const steps = new Array<number>(target.length).fill(0);
  for (let axis = shape.length - 1, stride = 1; axis >= 0; stride *= shape[axis], axis--) {
    if (shape[axis] !== 1) steps[axis + target.length - shape.length] = stride;
  }
  return steps;
}

/** (conv(x, w) [+ c]) s + b = conv(x, s w) + (s c + b), where w, c, s and b are constants. */
function foldIntoConv([image, scaleValue, biasValue]: readonly Value[]): Value | undefined {
  const [scale, bias] = [constantOf(scaleValue), constantOf(biasValue)];
  if (!scale || !bias) return undefined;
  const shift = image.node.op === 'add' ? constantOf(image.node.inputs[1]) : undefined;
  if (shift && !sameShape(shift.shape, [1, scale.data.length, 1, 1])) return undefined;
  const conv = shift ? image.node.inputs[0].node : image.node;
  if (conv.op !== 'conv2d') return undefined;
  const weight = constantOf(conv.inputs[1]);
  if (!weight) return undefined;
  const perChannel = weight.data.length / weight.shape[0];
  const scaled = weight.data.map((value, i) => value * scale.data[Math.floor(i / perChannel)]);
  const offset = bias.data.map((value, channel) => value + scale.data[channel] * (shift?.data[channel] ?? 0));
  const graph = image.graph;
  const y = conv2d(conv.inputs[0], graph.constant(tensor('float32', weight.shape, scaled)), conv.attributes);
  invariant(y.shape[1] === offset.length, 'a folded bias must have one number per channel');
  return add(y, graph.constant(tensor('float32', [1, offset.length, 1, 1], offset)));
}
