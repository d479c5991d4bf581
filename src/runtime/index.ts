/** Run graphs and ONNX files. */
export { DEVICES, type Device } from './device.ts';
export { Executable, type ExecutableOptions, type RandomSource } from './executable.ts';
export { type Footprint, peakBytes } from './footprint.ts';
export { ANY_BATCH, compileFrozen, inferenceFile, inferenceModel } from './inference.ts';
export { type Memory, memory, type Processors, processors } from './machine.ts';
export { matrixProductPeak, memoryBandwidth } from './measure.ts';
export { peakResidentBytes } from './memory.ts';
export { type DeviceState, engineVersion, probeDevices, requireDevice } from './probe.ts';
export { Scratch } from './scratch.ts';
export { createSession, defaultThreads, OnnxFunction, type SessionOptions } from './session.ts';
export {
  formulationsName,
  frozenFormulations,
  tunedTablePath,
  tuneInto,
  tuningPlace,
} from './tuned-table.ts';
export { formulationsOf, type Tuned, type TunedTable } from './tuning.ts';
