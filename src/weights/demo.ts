/** The weights that come with the package. */
import { existsSync, readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `assets/weights` in the package's root, from `src/weights` as from `dist/weights`. */
const FOLDER = fileURLToPath(new URL('../../assets/weights/', import.meta.url));

export const demoFile = (name: string): string => `${FOLDER}${name}.safetensors`;

/** Names of what is there, as in `demo/NAME`. */
export function demoNames(): string[] {
  if (!existsSync(FOLDER)) return [];
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.safetensors'))
    .map((file) => basename(file, '.safetensors'));
}
