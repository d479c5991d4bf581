/** The durable store: what it keeps, how it behaves, and the store in a folder. */
export { writeWhole } from './durable-files.ts';
export { openEmbeddedStore } from './embedded.ts';
export type {
  ArtifactReference,
  Cell,
  CellOutcome,
  CellResult,
  CurvePoint,
  FailedCell,
  FinishedCell,
  Measurement,
  Prediction,
  RunRecord,
  Setting,
  Trial,
} from './records.ts';
export type { Store } from './store.ts';
