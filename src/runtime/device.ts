/** The devices that a graph can run on, by the names that users give. Nothing here loads the runtime. */
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
