/** Weights: files of tensors, downloads, strict loading, and opening a model by what a user types. */
export { type PublishedWeights, publishedWeights } from './catalog.ts';
export { type FitOptions, fitWeights, type SourceHead } from './load.ts';
export { modelOfFile, saveWeights, type WeightsDescription, weightsFile } from './metadata.ts';
export { isFile, type OpenedModel, type OpenOptions, openModel, splitModelSpec } from './open.ts';
export { readSafetensors, type SafetensorsFile, writeSafetensors } from './safetensors.ts';
export type { Weights } from './tensor-file.ts';
export { readTorch } from './torch/torch-file.ts';
