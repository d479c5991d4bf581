/** Train and evaluate networks. */
export { Evaluator } from './evaluator.ts';
export { isNormOrBias, NO_DECAY_ON_NORM_AND_BIAS, type ParameterGroup } from './groups.ts';
export {
  compileImageFunction,
  type ImageFunction,
  INPUT_NAME,
  networkFile,
  type OutputName,
  openImageFunction,
  runOverImages,
} from './inference.ts';
export { type TrainingCurvePoint, type TrainingRun, type TrainOptions, train } from './loop.ts';
export {
  type StepInputs,
  type StepResult,
  TrainingStep,
  type TrainingStepOptions,
  type WeightsKind,
} from './step.ts';
export { type Classifier, type StepDefinition, stepOutputs } from './step-graph.ts';
export type { StepMemory } from './step-memory.ts';
