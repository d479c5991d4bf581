/**
 * Set-up of a checkout, run by `npm start` and `npm test`: installs the locked dependencies when they are missing
 * or out of date, and builds when a source file is newer than the build. Plain JavaScript, so that it runs before
 * anything is installed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

const major = Number(process.versions.node.split('.')[0]);
if (major < 20) {
  console.error(`This is Node ${process.versions.node}. Node 20 or later is needed: https://nodejs.org`);
  process.exit(1);
}

function run(what, command, args) {
  console.error(what);
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status !== 0) {
    console.error(`${command} ${args.join(' ')} failed.`);
    process.exit(status ?? 1);
  }
}

const changed = (path) => (existsSync(join(root, path)) ? statSync(join(root, path)).mtimeMs : 0);

/** The newest change below a folder. */
function newest(folder) {
  return Math.max(
    0,
    ...readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => statSync(join(entry.parentPath ?? entry.path, entry.name)).mtimeMs),
  );
}

// npm writes this file at the end of an installation.
if (changed('node_modules/.package-lock.json') < changed('package-lock.json')) {
  run('Installing dependencies (once, about a minute) ...', 'npm', [
    'ci',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ]);
}
const sources = Math.max(newest('src'), changed('tsconfig.json'), changed('tsconfig.build.json'));
if (changed('dist/cli/main.js') < sources) run('Building ...', 'npm', ['run', '--silent', 'build']);
