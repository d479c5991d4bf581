/** The door to ONNX Runtime: sessions over ONNX bytes, tensors in and out. Only this folder imports it. */
import { availableParallelism } from 'node:os';
import ort from 'onnxruntime-node';
import { type DType, type Tensor, type TypedArrayOf, tensor } from '../tensor/tensor.ts';
import { messageOf, UserError } from '../util/errors.ts';

export interface SessionOptions {
  /** Threads for one run; all cores unless told otherwise. */
  readonly threads?: number;
}

/** Threads that a run takes unless told otherwise. */
export const defaultThreads = (): number => availableParallelism();

/** Opens ONNX bytes or a file. @throws UserError SESSION_FAILED with the runtime's reason */
export async function createSession(
  model: Uint8Array | string,
  options: SessionOptions = {},
): Promise<ort.InferenceSession> {
  const settings: ort.InferenceSession.SessionOptions = {
    executionProviders: ['cpu'],
    intraOpNumThreads: options.threads ?? defaultThreads(),
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    // Training makes denormal numbers, which the processor computes a hundred times slower.
    extra: { session: { set_denormal_as_zero: '1' } },
  };
  try {
    return typeof model === 'string'
      ? await ort.InferenceSession.create(model, settings)
      : await ort.InferenceSession.create(model, settings);
  } catch (cause) {
    throw new UserError(
      'SESSION_FAILED',
      `ONNX Runtime could not load the network: ${messageOf(cause)}`,
      'Check that the file is an ONNX model for opset 21 or lower.',
      { cause },
    );
  }
}

export function toRuntime(value: Tensor): ort.Tensor {
  return new ort.Tensor(value.dtype, value.data as never, value.shape as number[]);
}

export function fromRuntime(value: ort.Tensor): Tensor {
  return tensor(value.type as DType, value.dims, value.data as TypedArrayOf[DType]);
}

/** An ONNX file as a function from named tensors to named tensors, at any batch size the file allows. */
export class OnnxFunction {
  private constructor(readonly session: ort.InferenceSession) {}

  static async load(model: Uint8Array | string, options: SessionOptions = {}): Promise<OnnxFunction> {
    return new OnnxFunction(await createSession(model, options));
  }

  async run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>> {
    const given = Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, toRuntime(value)]));
    const results = await this.session.run(given);
    return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, fromRuntime(value)]));
  }

  close(): Promise<void> {
    return this.session.release();
  }
}
