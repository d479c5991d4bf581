/** A forward graph as an ONNX file: weights baked in, batch norm folded, batch size free. */
import { lower } from '../compile/index.ts';
import type { Value } from '../graph/graph.ts';
import { specialize } from '../graph/specialize.ts';
import { encodeModel } from '../onnx/encode.ts';
import type { OnnxModel } from '../onnx/model.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * The batch size to build a graph with that is to be written for any batch size: shapes in the graph are
 * static, and this prime is not the extent of anything else.
 */
export const ANY_BATCH = 7919;

/**
 * The ONNX model (opset 17) that computes `outputs`, with the inputs in `constants` baked in. Where its weights may
 * exceed 1.5 GB it is to be written by `writeModel`, which puts them beside the file.
 */
export function inferenceModel(
  outputs: ReadonlyMap<string, Value>,
  constants: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): OnnxModel {
  const special = specialize(outputs, constants);
  return lower(special.outputs, { form: 'inference', symbolicBatch: ANY_BATCH, metadata }).model;
}

/** The bytes of the file with the model that `inferenceModel` gives. */
export function inferenceFile(
  outputs: ReadonlyMap<string, Value>,
  constants: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  return encodeModel(inferenceModel(outputs, constants, metadata));
}
