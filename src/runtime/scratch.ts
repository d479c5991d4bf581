/**
 * One block of memory for a model's intermediate values, each in its planned place (`../compile/memory.ts`). The
 * runtime writes a value into given memory only if it is an output of the model, so placed values become outputs.
 */
import type ort from 'onnxruntime-node';
import type { MemoryPlan } from '../compile/index.ts';
import type { OnnxModel } from '../onnx/model.ts';
import { sizeOf, type Tensor, tensor } from '../tensor/tensor.ts';
import { toRuntime } from './session.ts';

/** The model with its placed values as outputs behind its own. */
export function withPlacedOutputs(model: OnnxModel, { placements }: MemoryPlan): OnnxModel {
  const { graph } = model;
  const placed = placements.map(({ name, dtype, shape }) => ({ name, dtype, shape }));
  return { ...model, graph: { ...graph, outputs: [...graph.outputs, ...placed] } };
}

/**
 * Node takes large buffers from whole pages behind a header of 16 bytes; placed values begin where vectors of the
 * processor do.
 */
const BEHIND_HEADER = 48;

/** A block that executables share which never run at the same time. It is as large as the largest of them needs. */
export class Scratch {
  #bytes = 0;
  #block: ArrayBuffer | undefined;

  reserve(bytes: number): void {
    this.#bytes = Math.max(this.#bytes, bytes);
  }

  /** No page of it is taken before something is written there. */
  block(): ArrayBuffer {
    if (!this.#block || this.#block.byteLength < BEHIND_HEADER + this.#bytes) {
      this.#block = new ArrayBuffer(BEHIND_HEADER + this.#bytes);
    }
    return this.#block;
  }
}

const ARRAYS = {
  ...{ float32: Float32Array, int32: Int32Array, int64: BigInt64Array },
  ...{ bool: Uint8Array, uint8: Uint8Array },
};

/** Tensors over the block. */
export function placedTensors({ placements }: MemoryPlan, block: ArrayBuffer): Record<string, ort.Tensor> {
  return Object.fromEntries(
    placements.map(({ name, dtype, shape, offset }) => {
      const data = new ARRAYS[dtype](block, BEHIND_HEADER + offset, sizeOf(shape));
      return [name, toRuntime(tensor(dtype, shape, data) as Tensor)];
    }),
  );
}
