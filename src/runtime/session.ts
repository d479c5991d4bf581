/** The door to ONNX Runtime: sessions over ONNX bytes, tensors in and out. Only this folder imports it. */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import ort from 'onnxruntime-node';
import type { Formulations } from '../compile/index.ts';
import { decodeModel } from '../onnx/decode.ts';
import { type DType, type Tensor, type TypedArrayOf, tensor } from '../tensor/tensor.ts';
import { messageOf, UserError } from '../util/errors.ts';
import type { Device } from './device.ts';
import { nodeFailure } from './failure.ts';
import { requireDevice } from './probe.ts';
import { unsupportedOnWebgpu } from './webgpu-kernels.ts';

export interface SessionOptions {
  /** Threads for one run; all cores unless told otherwise. */
  readonly threads?: number;
  /** Where graphs run; the processor unless told otherwise. What another device lacks runs on the processor. */
  readonly device?: Device;
  /** What was measured to be fastest (`tune`), for training graphs; the usual formulations where it says nothing. */
  readonly formulations?: Formulations;
}

/** What else a session can be told by this folder. */
export interface SessionDetails extends SessionOptions {
  /** Outputs that stay in the device's memory (WebGPU). */
  readonly residentOutputs?: readonly string[];
  /** Names of nodes that run on the processor although the device has a kernel for their operator. */
  readonly onProcessor?: readonly string[];
  /** The graph is computed node for node as it is written, in an order that is known (`../compile/order.ts`). */
  readonly asWritten?: boolean;
}

/** Threads that a run takes unless told otherwise. */
export const defaultThreads = (): number => availableParallelism();

/**
 * Opens ONNX bytes or a file.
 * @throws UserError DEVICE_MISSING when the device does not work here; DEVICE_LACKS_OP or OP_FAILED with the layer
 *   and the graph around it when one node is at fault; else SESSION_FAILED with the runtime's reason
 */
export async function createSession(
  model: Uint8Array | string,
  options: SessionDetails = {},
): Promise<ort.InferenceSession> {
  try {
    return await openSession(model, options);
  } catch (cause) {
    const { device = 'cpu' } = options;
    const bytes = typeof model === 'string' ? await readFile(model).catch(() => undefined) : model;
    const failure = bytes && nodeFailureOf(cause, bytes, device);
    if (failure) throw failure;
    await requireDevice(device);
    throw new UserError(
      'SESSION_FAILED',
      `ONNX Runtime could not load the network: ${messageOf(cause)}`,
      'Check that the file is an ONNX model for opset 21 or lower.',
      { cause },
    );
  }
}

/** As `createSession`, but errors are the runtime's own. */
export async function openSession(
  model: Uint8Array | string,
  options: SessionDetails,
): Promise<ort.InferenceSession> {
  const settings = settingsOf(options);
  return typeof model === 'string'
    ? await ort.InferenceSession.create(model, settings)
    : await ort.InferenceSession.create(model, settings);
}

function settingsOf({
  threads = defaultThreads(),
  device = 'cpu',
  residentOutputs = [],
  onProcessor = [],
  asWritten = false,
}: SessionDetails): ort.InferenceSession.SessionOptions {
  // By default CUDA rounds the factors of float32 products to 10 bits, and results would differ between devices.
  if (device === 'cuda') process.env.NVIDIA_TF32_OVERRIDE = '0';
  // Every error is thrown as well; what the runtime and drivers print besides would reach the user's terminal.
  ort.env.logLevel = 'fatal';
  return {
    executionProviders: [onProcessor.length > 0 ? { name: device, forceCpuNodeNames: onProcessor } : device],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: asWritten ? 'disabled' : 'all',
    // One block planned for all intermediate values took 1.3 to 1.5 times the memory of values that come and go
    // in the arena, at the same speed.
    enableMemPattern: false,
    logSeverityLevel: 4,
    // Training makes denormal numbers, which the processor computes a hundred times slower. And threads that wait
    // for the next run, for 40 milliseconds, would take the processor from whoever makes its input.
    extra: { session: { set_denormal_as_zero: '1', force_spinning_stop: '1' } },
    ...(residentOutputs.length > 0 && {
      preferredOutputLocation: Object.fromEntries(residentOutputs.map((name) => [name, 'gpu-buffer'])),
    }),
  };
}

function nodeFailureOf(cause: unknown, bytes: Uint8Array, device: Device): UserError | undefined {
  try {
    return nodeFailure(cause, decodeModel(bytes).graph, device);
  } catch {
    // Not even an ONNX file; the runtime's own message says what it is.
    return undefined;
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
    const onProcessor =
      options.device === 'webgpu' && model instanceof Uint8Array ? nodesForProcessor(model) : [];
    return new OnnxFunction(await createSession(model, { ...options, onProcessor }));
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

/** Of a file, what WebGPU does not compute, as far as shapes tell; nothing of bytes that are no ONNX file. */
function nodesForProcessor(model: Uint8Array): string[] {
  try {
    return unsupportedOnWebgpu(decodeModel(model).graph);
  } catch {
    // Opening the file says what is wrong with it.
    return [];
  }
}
