/**
 * Second half of the build: tsc copies no file that is not TypeScript, so this copies every folder
 * `src/**\/migrations` to the same place under `dist`.
 */
import { cpSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(root, 'src');
const target = join(root, 'dist');

for (const entry of readdirSync(source, { withFileTypes: true, recursive: true })) {
  if (!entry.isDirectory() || entry.name !== 'migrations') continue;
  const folder = join(entry.parentPath ?? entry.path, entry.name);
  cpSync(folder, join(target, relative(source, folder)), { recursive: true });
}
