/** Ops on constants, computed when a graph is built: what stored weights and scalars of formulas go through. */
import { type Shape, sizeOf, type Tensor, tensor, transpose } from '../tensor/tensor.ts';
import type { Node, Value } from './graph.ts';
import { broadcastShapes } from './infer.ts';
import type { Op } from './ops.ts';

/** The tensor of a constant. */
function constantOf({ node }: Value): Tensor | undefined {
  return node.op === 'constant' ? node.attributes.value : undefined;
}

/** That of a constant of float32 numbers. */
export function floatsOf(value: Value): Tensor<'float32'> | undefined {
  const found = constantOf(value);
  return found?.dtype === 'float32' ? (found as Tensor<'float32'>) : undefined;
}

/** Those whose float32 result is the rounded exact one, so that no device computes another. */
const ONE: { readonly [O in Op]?: (x: number) => number } = {
  neg: (x) => -x,
  abs: Math.abs,
  floor: Math.floor,
  sqrt: Math.sqrt,
  reciprocal: (x) => 1 / x,
};
const TWO: { readonly [O in Op]?: (a: number, b: number) => number } = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  maximum: Math.max,
  minimum: Math.min,
};

/**
 * The value of an op whose operands are constants: arithmetic of float32 numbers, and changes of shape. Undefined for
 * other ops and operands; what spreads numbers over more places (`expand`, `pad`) is smaller as an op.
 */
export function evaluate(
  { op, attributes }: Pick<Node, 'op' | 'attributes'>,
  inputs: readonly Value[],
): Tensor | undefined {
  const [first] = inputs.map(constantOf);
  if (!first || !inputs.every(constantOf)) return undefined;
  if (op === 'reshape') return { ...first, shape: (attributes as { shape: Shape }).shape };
  if (op === 'transpose')
    return transpose(first, (attributes as { permutation: readonly number[] }).permutation);
  const [a, b] = inputs.map(floatsOf);
  const [one, two] = [ONE[op], TWO[op]];
  if (one && a) return tensor('float32', a.shape, a.data.map(one));
  return two && a && b ? zip(a, b, two) : undefined;
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
