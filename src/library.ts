/**
 * The door for programs that train networks of their own, `transferlab/graph`: graphs, layers, gradients, optimizers,
 * training steps, running and ONNX files. Data sets, decoding of images, studies and reports stay outside, so it
 * loads little besides the engine. Ops are exported one by one and, for names that layers have too, as `ops`.
 */

export { gradient } from './autodiff/index.ts';
export * as ops from './graph/functions.ts';
export * from './graph/index.ts';
export * as nn from './nn/index.ts';
export { type WriteOptions, writeModel } from './onnx/index.ts';
export {
  ANY_BATCH,
  Executable,
  type ExecutableOptions,
  inferenceFile,
  inferenceModel,
  OnnxFunction,
  type RandomSource,
  type SessionOptions,
} from './runtime/index.ts';
export {
  argMaxRows,
  type DType,
  float32,
  Random,
  type Shape,
  sizeOf,
  type Tensor,
  tensor,
  zeros,
} from './tensor/index.ts';
export { isNormOrBias, NO_DECAY_ON_NORM_AND_BIAS, type ParameterGroup } from './train/groups.ts';
export { networkFile } from './train/inference.ts';
export {
  type StepInputs,
  type StepResult,
  TrainingStep,
  type TrainingStepOptions,
  type WeightsKind,
} from './train/step.ts';
export type { Classifier, StepDefinition } from './train/step-graph.ts';
export { UserError } from './util/errors.ts';
