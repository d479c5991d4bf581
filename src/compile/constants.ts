/**
 * What a lowered model computes from its constants alone: of weights that are baked in, the orders and sums in which
 * formulations want them. It can be computed once instead of in every run.
 */
import { modelOf, type OnnxModel } from '../onnx/model.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { LoweredModel } from './lower.ts';
import { valueTypes } from './shapes.ts';

export interface ConstantParts {
  /** Computes, without inputs, what the rest reads; undefined where there is nothing to compute. */
  readonly constants: OnnxModel | undefined;
  /** The lowered model with those values as constants. */
  withValues(values: ReadonlyMap<string, Tensor>): LoweredModel;
}

/** Takes a lowered model apart. */
export function separateConstants(lowered: LoweredModel): ConstantParts {
  const { graph, metadata } = lowered.model;
  const types = valueTypes(graph, lowered.types);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const known = new Set(graph.initializers.keys());
  const isConstant = graph.nodes.map((node) => {
    const constant =
      node.inputs.length > 0 &&
      node.inputs.every((name) => name === '' || known.has(name)) &&
      node.outputs.every((name) => types.has(name) && !outputs.has(name));
    if (constant) for (const name of node.outputs) known.add(name);
    return constant;
  });
  const once = graph.nodes.filter((_, index) => isConstant[index]);
  const always = graph.nodes.filter((_, index) => !isConstant[index]);
  const read = new Set(always.flatMap(({ inputs }) => inputs));
  const results = once.flatMap((node) => node.outputs).filter((name) => read.has(name));
  const readOnce = new Set(once.flatMap(({ inputs }) => inputs));
  const initializersIn = (names: ReadonlySet<string>) =>
    new Map([...graph.initializers].filter(([name]) => names.has(name)));
  const constants = modelOf({
    name: graph.name,
    nodes: once,
    initializers: initializersIn(readOnce),
    inputs: [],
    outputs: results.map((name) => ({ name, ...types.get(name)! })),
  });
  return {
    constants: results.length > 0 ? constants : undefined,
    withValues(values) {
      const initializers = new Map([...initializersIn(read), ...values]);
      const rest = modelOf({ ...graph, nodes: always, initializers }, metadata);
      return { ...lowered, model: rest };
    },
  };
}
