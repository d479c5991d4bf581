/** Weights: safetensors files, strict loading, and opening a model by what a user types. */
export { type FitOptions, fitWeights, type Weights } from './load.ts';
export { modelOfFile, saveWeights, type WeightsDescription } from './metadata.ts';
export { type OpenedModel, openModel } from './open.ts';
export { readSafetensors, type SafetensorsFile, writeSafetensors } from './safetensors.ts';
export { readTorch } from './torch/torch-file.ts';
