/** How far a study is, in a small file that can be read while the study runs. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CellOutcome, writeWhole } from '../../store/index.ts';

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

  async finish(): Promise<void> {
    this.#change({ finished: true });
    await this.#written;
    if (this.#failure !== undefined) throw this.#failure;
  }

  #change(change: Partial<StudyProgress>): void {
    this.#progress = { ...this.#progress, ...change, updatedAt: new Date().toISOString() };
    this.#write();
  }

  /** One after another. A file that cannot be written harms no result, so it is said when the study ends. */
  #write(): void {
    const path = progressFile(this.folder);
    const text = `${JSON.stringify(this.#progress, null, 2)}\n`;
    this.#written = this.#written
      .then(() => writeWhole(path, `${path}.new`, (file) => file.writeFile(text)))
      .catch((error: unknown) => {
        this.#failure = error;
      });
  }
}
