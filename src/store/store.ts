/**
 * The contract of the durable store of cells, results and artifacts. Two things implement it: a database
 * in a folder (`embedded.ts`) and, later, a server; one contract suite runs over both.
 *
 * Ownership. The store owns everything that it keeps. What is given to it is copied or written before the
 * promise resolves, so a caller may reuse or change its own objects, buffers and files afterwards. What it
 * returns is frozen, belongs to the caller and never changes: read again to see news.
 *
 * Immutability. A planned cell, a finished result, a measurement, a recorded run and an artifact never change and are
 * never removed. The one thing that is replaced is a failure: by a later failure or by a result.
 *
 * Concurrency. Every method may be called while others are under way, from one process (embedded) or from
 * many (server), and each is atomic: readers see a result whole, with its trials and predictions, or not at
 * all. Of several attempts to finish one cell exactly one stores its result.
 *
 * Durability. A method that changes something resolves only after the change is on disk: it survives a
 * kill or a crash of the machine at any later moment. What was under way is either there whole or not at all.
 *
 * Errors that any method may throw: `STORE_FULL` when the disk is full; nothing that had resolved is lost,
 * and the command can be run again when there is room. Methods of a closed store throw `internal:`.
 */
import type { ArtifactReference, Cell, CellOutcome, CellResult, Measurement, RunRecord } from './records.ts';

export interface Store {
  /** Registers cells in the order given. A cell whose key is there already stays as it is. */
  plan(cells: readonly Cell[]): Promise<void>;

  /** Every cell that was ever planned, in the order of planning. */
  cells(): Promise<readonly Cell[]>;

  /**
   * The full records of the cells that finished or failed; the other keys are absent from the map, whose
   * order is the order of `keys`.
   * @throws UserError ARTIFACT_MISSING or ARTIFACT_DAMAGED when the predictions of one cannot be read
   */
  outcomes(keys: readonly string[]): Promise<ReadonlyMap<string, CellOutcome>>;

  /**
   * Keeps the result of a cell for ever, with its trials and predictions, and forgets an earlier failure.
   * The first result stays: `already-finished` means that this one was dropped. An unplanned cell is planned.
   * The network must have been put into the store before. Numbers must be finite, since JSON has no others;
   * `finishedAt` is kept to the millisecond.
   */
  finish(cell: Cell, result: CellResult): Promise<'stored' | 'already-finished'>;

  /**
   * Notes that a cell failed, in place of an earlier failure. It may be tried again. A finished cell never
   * becomes failed: then nothing happens. An unplanned cell is planned.
   */
  fail(cell: Cell, message: string): Promise<void>;

  /**
   * Keeps a measurement for ever. The first one stays: `already-kept` means that this one was dropped. Its artifact
   * must have been put into the store before. Numbers must be finite; `finishedAt` is kept to the millisecond.
   * @throws UserError ARTIFACT_MISSING or ARTIFACT_DAMAGED when its artifact is not there
   */
  keepMeasurement(measurement: Measurement): Promise<'stored' | 'already-kept'>;

  /** The measurements that are kept under these keys; the others are absent from the map, which has the keys' order. */
  measurements(keys: readonly string[]): Promise<ReadonlyMap<string, Measurement>>;

  /** Notes that a command was started over this store, and returns the number of the run. */
  recordRun(run: Omit<RunRecord, 'id'>): Promise<number>;

  /** Every recorded run, oldest first. */
  runs(): Promise<readonly RunRecord[]>;

  /**
   * Keeps bytes, or a copy of the file at a path, under the SHA-256 of their content. Putting the same
   * content again is harmless.
   */
  putArtifact(source: Uint8Array | string, mediaType: string): Promise<ArtifactReference>;

  /**
   * Path of a file with the artifact's content, checked for size and SHA-256. The file is the store's:
   * read it, never change it.
   * @throws UserError ARTIFACT_MISSING, ARTIFACT_DAMAGED
   */
  artifactPath(reference: ArtifactReference): Promise<string>;

  /**
   * The artifact's content, checked for size and SHA-256.
   * @throws UserError ARTIFACT_MISSING, ARTIFACT_DAMAGED
   */
  readArtifact(reference: ArtifactReference): Promise<Uint8Array>;

  /** Waits for what is under way and gives everything back. Closing twice is harmless. */
  close(): Promise<void>;
}
