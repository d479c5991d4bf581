/** A full disk, which shows itself in several ways, and what a user reads of it. */
import { UserError } from '../util/errors.ts';

/** The error for users where the disk is full, else the error itself. */
export function explainFullDisk(error: unknown, root: string): unknown {
  return error instanceof UserError || !isFullDisk(error) ? error : fullDisk(root, error);
}

export function fullDisk(root: string, cause?: unknown): UserError {
  return new UserError(
    'STORE_FULL',
    `The disk that holds the results folder "${root}" is full.`,
    'Every result that was reported as stored is safe: make room and run the same command again.',
    { cause },
  );
}

/** Whether an error of this code, of the file system (EDQUOT: a quota) or of PostgreSQL (53100), is that of a full disk. */
export function meansFullDisk(code: string | undefined): boolean {
  return code === 'ENOSPC' || code === 'EDQUOT' || code === '53100';
}

function isFullDisk(error: unknown): boolean {
  for (let inner = error; inner instanceof Error; inner = inner.cause) {
    if (meansFullDisk((inner as NodeJS.ErrnoException).code)) return true;
  }
  return false;
}
