/**
 * Names for arrays that a file stores in another order than its ops take them: a stored matrix behind a
 * Transpose keeps the name under which it is stored, which is the exporter's parameter name.
 */
import type { OnnxNode } from '../../onnx/index.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/** Ops that only re-order the numbers of their first operand. */
const REORDERING = new Set(['Transpose', 'Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Cast']);

/**
 * From names of folded values to the names of the arrays that they re-order. An array that is used as it is
 * stored as well, or in two orders, keeps its name for itself.
 */
export function storedNames(
  nodes: readonly OnnxNode[],
  folded: readonly OnnxNode[],
  constants: ReadonlyMap<string, Tensor>,
): Map<string, string> {
  const origins = new Map<string, string>();
  for (const { op, inputs, outputs } of folded) {
    if (REORDERING.has(op) && constants.get(inputs[0])?.dtype === 'float32') {
      origins.set(outputs[0], origins.get(inputs[0]) ?? inputs[0]);
    }
  }
  const used = new Set(nodes.flatMap((node) => node.inputs));
  const takers = new Map<string, string[]>();
  for (const [name, origin] of origins) {
    if (used.has(name)) takers.set(origin, [...(takers.get(origin) ?? []), name]);
  }
  return new Map(
    [...takers].flatMap(([origin, names]) =>
      names.length === 1 && !used.has(origin) ? [[names[0], origin] as const] : [],
    ),
  );
}
