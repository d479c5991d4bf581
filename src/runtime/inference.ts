/** A forward graph as an ONNX file: weights baked in, batch norm folded, batch size free. */
import { lower } from '../compile/index.ts';
import type { Value } from '../graph/graph.ts';
import { specialize } from '../graph/specialize.ts';
import { encodeModel } from '../onnx/encode.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * The batch size to build a graph with that is to be written for any batch size: shapes in the graph are
 * static, and this prime is not the extent of anything else.
 */
export const ANY_BATCH = 7919;

/** The bytes of an ONNX file (opset 17) that computes `outputs`, with the inputs in `constants` baked in. */
export function inferenceFile(
  outputs: ReadonlyMap<string, Value>,
  constants: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const special = specialize(outputs, constants);
  return encodeModel(lower(special.outputs, { form: 'inference', symbolicBatch: ANY_BATCH, metadata }).model);
}
