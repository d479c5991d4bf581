/** Python as a second opinion: tests that ask a Python package are skipped where it is not installed. */
import { execFileSync } from 'node:child_process';
import { describe } from 'vitest';

const PYTHON = '/usr/bin/python3';

/** What `script` prints. `args` are its sys.argv[1:]. */
export function python(script: string, ...args: string[]): string {
  return run('-c', script, ...args);
}

/** What the program in the file `path` prints. */
export function pythonFile(path: string, ...args: string[]): string {
  return run(path, ...args);
}

function run(...args: string[]): string {
  return execFileSync(PYTHON, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function has(packages: readonly string[]): boolean {
  try {
    python(packages.map((name) => `import ${name}`).join('\n'));
    return true;
  } catch {
    return false;
  }
}

/** `describe` for tests that run Python with `packages`; prints why when it skips. */
export function describePython(name: string, packages: readonly string[], body: () => void): void {
  const present = has(packages);
  if (!present) console.warn(`skipped: "${name}" needs ${PYTHON} with ${packages.join(', ')}`);
  describe.skipIf(!present)(name, body);
}
