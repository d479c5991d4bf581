/** The durable store: what it keeps, how it behaves, and the store in a folder. */
export { writeWhole } from './durable-files.ts';
export { openEmbeddedStore, storeHolder } from './embedded.ts';
export { fullDisk, meansFullDisk } from './full-disk.ts';
export type { LockHolder } from './lock.ts';
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
export { requireFinite } from './rows.ts';
export type { Store } from './store.ts';
