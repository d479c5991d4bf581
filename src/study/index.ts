/** Studies: protocols, plans, and running their cells. */
export { type CellCost, cellCost } from './cost.ts';
export { designed, officialSpec, openDataset, splitDatasetSpec } from './datasets.ts';
export {
  allTasks,
  chosenOf,
  distinctTasks,
  type ExperimentCells,
  experimentCells,
  REGULARISATIONS,
  regularised,
  regularisedLabel,
} from './experiments.ts';
export { type MeasurementTask, planMeasurement } from './measure.ts';
export type { CellEnvironment } from './open-inputs.ts';
export { type CellTask, planCells, SETTINGS } from './plan.ts';
export {
  applyChanges,
  diffProtocols,
  fieldsOf,
  protocolOf,
} from './protocol-changes.ts';
export { findProtocol, PROTOCOLS, protocolHash } from './protocols.ts';
export { environmentOf } from './run-cell.ts';
export { type MeasurementOutcome, measureAll, type RunListener, runCells } from './runner.ts';
export { readStudy, type Study, type StudyModel, studyFileJsonSchema } from './spec.ts';
