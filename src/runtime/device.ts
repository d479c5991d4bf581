/** The devices that a graph can run on, by the names that users give. Nothing here loads the runtime. */
import type { OnnxNode } from '../onnx/model.ts';

export const DEVICES = ['cpu', 'webgpu', 'cuda', 'coreml', 'dml'] as const;

export type Device = (typeof DEVICES)[number];

/** What the machine must have for a device, and how it gets it. */
export const DEVICE_NEEDS: Readonly<Record<Device, string>> = {
  cpu: 'It is part of the engine.',
  webgpu:
    'WebGPU needs a graphics device with a driver for Vulkan (Linux), Metal (macOS) or Direct3D 12 (Windows).',
  cuda: "CUDA needs an NVIDIA device and ONNX Runtime's CUDA libraries (Linux x64): `ONNXRUNTIME_NODE_INSTALL=1 node node_modules/onnxruntime-node/script/install.js` downloads them.",
  coreml: 'CoreML is a part of macOS.',
  dml: 'DirectML is a part of Windows.',
};

/**
 * Nodes for which WebGPU claims to have a kernel that then refuses to run; by name, so that they can be given to
 * the processor. What it does not claim goes there by itself.
 */
export function unsupportedOnWebgpu(nodes: readonly OnnxNode[]): string[] {
  // The kernel has no second output, the positions of the largest values.
  return nodes.filter(({ op, outputs }) => op === 'MaxPool' && outputs.length > 1).map(({ name }) => name);
}
