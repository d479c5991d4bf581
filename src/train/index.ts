/** Train and evaluate networks. */
export { Evaluator } from './evaluator.ts';
export { INPUT_NAME, networkFile, type OutputName, runOverImages } from './inference.ts';
export { type TrainingCurvePoint, type TrainingRun, type TrainOptions, train } from './loop.ts';
export {
  type Classifier,
  type StepInputs,
  type StepResult,
  TrainingStep,
  type TrainingStepOptions,
} from './step.ts';
