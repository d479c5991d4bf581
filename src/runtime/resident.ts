/** Tensors in a device's memory, and the way from there to the host. */
import type ort from 'onnxruntime-node';
import { encodeModel } from '../onnx/encode.ts';
import { modelOf, type OnnxValueInfo } from '../onnx/model.ts';
import type { DType } from '../tensor/tensor.ts';
import { invariant } from '../util/errors.ts';
import type { Device } from './device.ts';
import { createSession } from './session.ts';

/** Whether a tensor lies in the device's memory. */
export function isResident(value: ort.Tensor): boolean {
  return value.location === 'gpu-buffer';
}

/**
 * Copies tensors from a device to the host. The runtime's binding for Node cannot read a device's memory (asked
 * for such a tensor's data it ends the process), so a graph of identities does: its inputs lie on the device,
 * its outputs on the host.
 */
export class Downloader {
  #session: { readonly names: string; readonly copy: ort.InferenceSession } | undefined;
  #host: Record<string, ort.Tensor> = {};

  constructor(private readonly device: Device) {}

  /** Copies those of `values` that lie on the device; `onHost` has them until `forget`. */
  async download(values: Readonly<Record<string, ort.Tensor>>): Promise<void> {
    const resident = Object.entries(values).filter(([, value]) => isResident(value));
    if (resident.length === 0) return;
    const session = await this.#sessionFor(resident);
    const copies = await session.run(
      Object.fromEntries(resident.map(([, value], index) => [`device ${index}`, value])),
    );
    this.#host = Object.fromEntries(resident.map(([name], index) => [name, copies[`host ${index}`]]));
  }

  /** `value` itself, or what was downloaded of it. */
  onHost(name: string, value: ort.Tensor): ort.Tensor {
    if (!isResident(value)) return value;
    invariant(this.#host[name], `"${name}" lies on the device and was not downloaded`);
    return this.#host[name];
  }

  /** The values have changed. */
  forget(): void {
    this.#host = {};
  }

  async close(): Promise<void> {
    await this.#session?.copy.release();
  }

  async #sessionFor(resident: readonly (readonly [string, ort.Tensor])[]): Promise<ort.InferenceSession> {
    const names = resident.map(([name]) => name).join('\n');
    if (this.#session?.names === names) return this.#session.copy;
    await this.close();
    const copy = await createSession(identities(resident.map(([, value]) => value)), { device: this.device });
    this.#session = { names, copy };
    return copy;
  }
}

/** ONNX bytes of a graph that copies `device i` to `host i`. */
function identities(values: readonly ort.Tensor[]): Uint8Array {
  const infos = (prefix: string): OnnxValueInfo[] =>
    values.map(({ type, dims }, index) => ({
      name: `${prefix} ${index}`,
      dtype: type as DType,
      shape: dims,
    }));
  const nodes = values.map((_, index) => ({
    op: 'Identity',
    domain: '',
    name: `download/Identity_${index}`,
    inputs: [`device ${index}`],
    outputs: [`host ${index}`],
    attributes: {},
  }));
  const [inputs, outputs] = [infos('device'), infos('host')];
  const graph = { name: 'download', nodes, initializers: new Map(), inputs, outputs };
  return encodeModel(modelOf(graph));
}
