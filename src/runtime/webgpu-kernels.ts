/** What of a graph WebGPU's kernels cannot be given. */
import { type ValueType, valueTypes } from '../compile/index.ts';
import type { OnnxGraph } from '../onnx/model.ts';
import type { Shape } from '../tensor/tensor.ts';

/**
 * Nodes that WebGPU claims to have a kernel for, which then refuses to run or computes something else (ONNX Runtime
 * 1.30); by name, so that they can be given to the processor. What it does not claim goes there by itself.
 * `known`: types of the graph's values that the graph itself does not tell.
 */
export function unsupportedOnWebgpu(
  graph: OnnxGraph,
  known: ReadonlyMap<string, ValueType> = new Map(),
): string[] {
  const types = valueTypes(graph, known);
  const failing = graph.nodes.filter(({ op, inputs, outputs, attributes }) => {
    const [first, second] = inputs.map((name) => types.get(name)?.shape);
    // The kernel has no second output, the positions of the largest values.
    if (op === 'MaxPool') return outputs.length > 1;
    if (!first || !second) return false;
    if (op === 'Pow') return spreadsBoth(first, second);
    const groups = attributes.group && 'int' in attributes.group ? attributes.group.int : 1;
    if (op === 'Conv') return mixesChannels(second, groups);
    return op === 'ConvTranspose' && groups > 1 && second[1] === 1 && (second[0] / groups) % 2 === 0;
  });
  return failing.map(({ name }) => name);
}

/** Whether broadcasting repeats both operands. */
function spreadsBoth(a: Shape, b: Shape): boolean {
  const rank = Math.max(a.length, b.length);
  const padded = [a, b].map((shape) => [...new Array<number>(rank - shape.length).fill(1), ...shape]);
  const repeats = (one: number[], other: number[]) => one.some((extent, axis) => extent < other[axis]);
  return repeats(padded[0], padded[1]) && repeats(padded[1], padded[0]);
}

/**
 * Whether the kernel of a convolution with this weight mixes channels up: filters are taken four or two at a time,
 * also across groups that these do not divide, and channels three at a time where there are more than three.
 */
function mixesChannels([filters, channels]: Shape, groups: number): boolean {
  const perGroup = filters / groups;
  const together = filters % 4 === 0 ? 4 : filters % 2 === 0 ? 2 : 1;
  if (groups > 1) return perGroup >= 4 && perGroup % together !== 0;
  return together === 4 && channels > 3 && channels % 3 === 0 && channels % 4 !== 0;
}
