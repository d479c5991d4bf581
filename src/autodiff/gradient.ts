/**
 * Reverse-mode differentiation: walks the graph backwards from a scalar and adds the gradient as more graph.
 * Only nodes on a path from `parameters` to `loss` are visited; what the rules make beyond need is dead code
 * and never compiled.
 */
import { add } from '../graph/build.ts';
import type { Node, Value } from '../graph/graph.ts';
import { printNode } from '../graph/print.ts';
import { sizeOf } from '../tensor/tensor.ts';
import { invariant, UserError } from '../util/errors.ts';
import { Recomputation } from './recompute.ts';
import { type VjpRule, vjpRules } from './vjp.ts';

export interface GradientOptions {
  /** Values that are cheap to compute are computed again in the backward pass instead of being kept for it. */
  readonly recompute?: boolean;
}

/**
 * d loss / d parameter for each of `parameters`, in their order and shapes.
 * @throws UserError NOT_DIFFERENTIABLE when the loss depends on a parameter through an op without derivative,
 * or does not depend on it at all
 */
export function gradient(
  loss: Value,
  parameters: readonly Value[],
  { recompute = false }: GradientOptions = {},
): Value[] {
  invariant(sizeOf(loss.shape) === 1, `the loss must be one number, not ${loss.shape}`);
  const graph = loss.graph;
  const active = activeNodes(graph.nodes, parameters);
  const recomputation = recompute ? new Recomputation() : undefined;
  const cotangents = new Map<Value, Value>();
  const accumulate = (value: Value, cotangent: Value) => {
    const sum = cotangents.get(value);
    cotangents.set(value, sum ? add(sum, cotangent) : cotangent);
  };
  accumulate(loss, graph.constant({ dtype: 'float32', shape: loss.shape, data: Float32Array.of(1) }));

  for (let id = loss.node.id; id >= 0; id--) {
    const node = graph.nodes[id];
    if (!active.has(node) || node.op === 'input' || node.op === 'constant') continue;
    const outer = node.outputs.map((output) => cotangents.get(output));
    if (outer.every((cotangent) => cotangent === undefined)) continue;
    const rule = vjpRules[node.op] as VjpRule<typeof node.op>;
    if (rule === 'zero') continue;
    if (rule === 'not differentiable')
      throw notDifferentiable(`The gradient cannot pass ${printNode(node)}.`);
    invariant(
      outer.slice(1).every((cotangent) => !cotangent),
      `a gradient reached a statistic of ${printNode(node)}`,
    );
    const inner = graph.scoped(`gradient of ${node.scope || node.op}`, () =>
      rule((recomputation?.reading(node) ?? node) as never, outer[0]!),
    );
    node.inputs.forEach((input, position) => {
      const cotangent = inner[position];
      if (cotangent && active.has(input.node)) accumulate(input, cotangent);
    });
  }
  return parameters.map((parameter) => {
    const found = cotangents.get(parameter);
    if (!found) throw notDifferentiable(`The loss does not depend on ${printNode(parameter.node)}.`);
    return found;
  });
}

/** Nodes whose value depends on one of `sources`. */
function activeNodes(nodes: readonly Node[], sources: readonly Value[]): Set<Node> {
  const active = new Set<Node>(sources.map((value) => value.node));
  for (const node of nodes) if (node.inputs.some((input) => active.has(input.node))) active.add(node);
  return active;
}

function notDifferentiable(given: string): UserError {
  return new UserError(
    'NOT_DIFFERENTIABLE',
    given,
    'Differentiate with respect to parameters that reach the loss through differentiable ops.',
  );
}
