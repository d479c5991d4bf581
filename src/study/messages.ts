/** What the runner and its worker process say to each other. */
import type { CellResult } from '../store/index.ts';
import type { ProgressEvent } from '../util/progress.ts';
import type { CellTask } from './plan.ts';
import type { CellEnvironment } from './run-cell.ts';

export interface CellRequest {
  readonly task: CellTask;
  readonly environment: CellEnvironment;
  /** Where the worker writes the trained network. */
  readonly networkPath: string;
}

export type CellMessage =
  | { readonly kind: 'progress'; readonly event: ProgressEvent }
  | { readonly kind: 'done'; readonly result: Omit<CellResult, 'network'> }
  | { readonly kind: 'failed'; readonly message: string };
