/** The folder of shared test data beside the repository; tests that need it are skipped where it is absent. */
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'vitest';

const sharedRoot = resolve(dirname(fileURLToPath(import.meta.url)), '../../shared');
const present = existsSync(sharedRoot);

export function sharedPath(...parts: string[]): string {
  return resolve(sharedRoot, ...parts);
}

/** `describe` for tests that read the shared data; where it is absent they are skipped, unread, and the reason is printed. */
export function describeShared(name: string, body: () => void): void {
  if (present) return void describe(name, body);
  const reason = `"${name}" needs the test data folder ${sharedRoot}, which is absent`;
  console.warn(`skipped: ${reason}`);
  test.skip(reason, () => {});
}
