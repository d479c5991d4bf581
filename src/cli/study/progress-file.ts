/** How far a study is, in a small file that can be read while the study runs. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CellOutcome, type LockHolder, storeHolder, writeWhole } from '../../store/index.ts';
import { messageOf } from '../../util/errors.ts';

/** What a study computes one after another. */
export type StudyPhase = 'pre-training' | 'transferability scores' | 'cells' | 'drawings';

export interface StudyProgress {
  /** Process that runs the study, or ran it last. */
  readonly process: number;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly updatedAt: string;
  readonly phase: StudyPhase;
  readonly cells: number;
  readonly done: number;
  readonly failed: number;
  /** Whether everything was computed and the report written. */
  readonly finished: boolean;
}

const progressFile = (folder: string) => join(folder, 'study-progress.json');

/** Undefined where no study was started. */
export async function readProgress(folder: string): Promise<StudyProgress | undefined> {
  const text = await readFile(progressFile(folder), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as StudyProgress);
}

/** The process that runs the study; null when it ended, whoever has the folder's store open now, for a report for example. */
export function runnerOf(folder: string, progress: StudyProgress): LockHolder | null {
  const holder = storeHolder(join(folder, 'store'));
  return holder?.process === progress.process ? holder : null;
}

/** Keeps the file of a study's folder true while the study runs. */
export class ProgressFile {
  #progress: StudyProgress;
  #written = Promise.resolve();
  #failure: unknown;

  constructor(
    private readonly folder: string,
    cells: number,
  ) {
    const now = new Date().toISOString();
    const counts = { phase: 'pre-training' as const, cells, done: 0, failed: 0, finished: false };
    this.#progress = { process: process.pid, startedAt: now, updatedAt: now, ...counts };
    this.#write();
  }

  enter(phase: StudyPhase): void {
    this.#change({ phase });
  }

  add({ status }: CellOutcome): void {
    const { done, failed } = this.#progress;
    this.#change(status === 'done' ? { done: done + 1 } : { failed: failed + 1 });
  }

  /** Says it when the file could not be brought up to date: results and report do not need it. */
  async finish(): Promise<void> {
    this.#change({ finished: true });
    await this.#written;
    if (this.#failure === undefined) return;
    const given = `${progressFile(this.folder)} could not be written: ${messageOf(this.#failure)}.`;
    process.stderr.write(`${given} The study is finished, although its status will not say so.\n`);
  }

  #change(change: Partial<StudyProgress>): void {
    this.#progress = { ...this.#progress, ...change, updatedAt: new Date().toISOString() };
    this.#write();
  }

  /** One after another. A file that cannot be written harms no result, and the next one makes up for it. */
  #write(): void {
    const path = progressFile(this.folder);
    const text = `${JSON.stringify(this.#progress, null, 2)}\n`;
    this.#written = this.#written
      .then(() => writeWhole(path, `${path}.new`, (file) => file.writeFile(text)))
      .then(
        () => {
          this.#failure = undefined;
        },
        (error: unknown) => {
          this.#failure = error;
        },
      );
  }
}
