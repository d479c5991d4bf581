/** Public API of the package, in the order in which data passes. The folders behind it are also subpaths. */

// Engine
export { gradient } from './autodiff/index.ts';

// Data sets
export {
  applyDesign,
  BatchLoader,
  type BatchLoaderOptions,
  composeDesigns,
  type DataProblem,
  type DecodedImage,
  type Design,
  type DesignStep,
  type DetectionClass,
  type DetectionDataset,
  type DetectionImage,
  type DetectionInstance,
  describeDesign,
  designHash,
  type ImageDataset,
  type ImageRecord,
  type ListedDatasetOptions,
  type Metric,
  openCocoDetection,
  openFolderDataset,
  openLocalDataset,
  openProceduralDataset,
  openProceduralDetection,
  openViewCache,
  openVocDetection,
  PROCEDURAL_DATASETS,
  readDesign,
  type SplitFractions,
  type View,
  type ViewCache,
  writeCoco,
} from './data/index.ts';
// Answers
export {
  averagePrecision,
  averagePrecisions,
  confusionMatrix,
  meanAveragePrecision,
  meanPerClass,
  top1,
} from './evaluate/index.ts';
export * as ops from './graph/functions.ts';
export { Graph, type Node, printGraph, type Value, verify } from './graph/index.ts';
// Networks
export {
  findModel,
  type InputSpecification,
  MODELS,
  type Model,
  transferHead,
  variablesOf,
  withInput,
} from './models/index.ts';
export * as nn from './nn/index.ts';
export { type InputLike, metadataOf, type WriteOptions, writeModel } from './onnx/index.ts';
export {
  type CompareDocument,
  type CompareInput,
  compareDocument,
  compareHtml,
  compareJsonSchema,
  compareText,
  type PageExtras,
  parseCompareDocument,
  type TerminalOptions,
} from './report/index.ts';
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
export * as stats from './stats/index.ts';
// Studies
export {
  type ArtifactReference,
  type Cell,
  type CellOutcome,
  type CellResult,
  type CurvePoint,
  type FailedCell,
  type FinishedCell,
  type Measurement,
  openEmbeddedStore,
  type Prediction,
  type RunRecord,
  type Setting,
  type Store,
  type Trial,
} from './store/index.ts';
export {
  type CellCost,
  type CellTask,
  cellCost,
  findProtocol,
  type MeasurementOutcome,
  type MeasurementTask,
  measureAll,
  openDataset,
  PROTOCOLS,
  planCells,
  planMeasurement,
  type RunListener,
  runCells,
  SETTINGS,
} from './study/index.ts';
// Values
export { type DType, float32, Random, type Shape, type Tensor, tensor, zeros } from './tensor/index.ts';
// Training
export {
  type Classifier,
  Evaluator,
  isNormOrBias,
  NO_DECAY_ON_NORM_AND_BIAS,
  networkFile,
  type ParameterGroup,
  type StepDefinition,
  type StepInputs,
  type StepResult,
  type TrainingCurvePoint,
  type TrainingRun,
  TrainingStep,
  type TrainingStepOptions,
  type TrainOptions,
  train,
  type WeightsKind,
} from './train/index.ts';
// The three settings, pre-training, and what networks cost
export {
  type CostOptions,
  type CostValue,
  type FixedProtocol,
  fixedFeatures,
  measureCost,
  type Pretraining,
  type PretrainingOptions,
  type PretrainingValue,
  type Protocol,
  pretrain,
  type SettingInputs,
  type SettingResult,
  type TuningProtocol,
  tuned,
} from './transfer/index.ts';
// Errors that people can do something about
export { UserError } from './util/errors.ts';
export {
  type FitOptions,
  fitWeights,
  modelOfFile,
  type OpenedModel,
  type OpenOptions,
  openModel,
  type PublishedWeights,
  publishedWeights,
  readSafetensors,
  readTorch,
  type SafetensorsFile,
  saveWeights,
  type Weights,
  type WeightsDescription,
  writeSafetensors,
} from './weights/index.ts';
