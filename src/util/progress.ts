/** Progress of long work as events; who shows them (terminal, log, nobody) is decided by the caller. */
export interface ProgressEvent {
  /** What is being done, for example `decode images`. A new phase starts a new line or bar. */
  readonly phase: string;
  readonly done: number;
  readonly total: number;
  /** A short remark, for example the present loss. */
  readonly note?: string;
}

export type ProgressListener = (event: ProgressEvent) => void;

export const silent: ProgressListener = () => {};
