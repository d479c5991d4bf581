/** What the runner and its worker process say to each other. */
import type { CellResult } from '../store/index.ts';
import type { ProgressEvent } from '../util/progress.ts';
import type { MeasuredRecord, MeasurementTask } from './measure.ts';
import type { CellEnvironment } from './open-inputs.ts';
import type { CellTask } from './plan.ts';

export type Work =
  | { readonly kind: 'cell'; readonly task: CellTask }
  | { readonly kind: 'measurement'; readonly task: MeasurementTask };

export type WorkRequest = Work & {
  readonly environment: CellEnvironment;
  /** Where the worker writes what is too large for a message: the trained network, or a measurement's file. */
  readonly filePath: string;
};

/** What comes of each kind of work. */
export interface Done {
  readonly cell: Omit<CellResult, 'network'>;
  readonly measurement: MeasuredRecord;
}

export type WorkMessage =
  | { readonly kind: 'progress'; readonly event: ProgressEvent }
  | { readonly kind: 'done'; readonly result: Done[Work['kind']] }
  /** `code`: of the error, where it has one. */
  | { readonly kind: 'failed'; readonly message: string; readonly code?: string };
