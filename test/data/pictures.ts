/** Image files made on the spot, in temporary folders that are removed after each test file. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { afterAll } from 'vitest';
import type { DecodedImage } from '../../src/data/contract.ts';
import { Random } from '../../src/tensor/random.ts';

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'transferlab-data-'));
  folders.push(folder);
  return folder;
}

/** Noise that differs with the seed. */
export function noise(seed: number, width: number, height: number): DecodedImage {
  const random = new Random(seed, 'noise');
  const pixels = Uint8Array.from({ length: width * height * 3 }, () => random.integer(256));
  return { width, height, pixels };
}

export function encoder({ width, height, pixels }: DecodedImage): Sharp {
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

/** The bytes of a JPEG file of noise. */
export function jpeg(seed: number, width = 24, height = 20): Promise<Buffer> {
  return encoder(noise(seed, width, height))
    .jpeg()
    .toBuffer();
}

/** Writes files (path relative to a new folder: content) and returns the folder. */
export async function folderOf(files: Readonly<Record<string, Uint8Array | string>>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

/** `counts.a` different JPEGs in class folder `a`, and so on, below `prefix`. */
export async function classFiles(
  counts: Readonly<Record<string, number>>,
  prefix = '',
  firstSeed = 1,
): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {};
  let seed = firstSeed;
  for (const [name, count] of Object.entries(counts))
    for (let i = 0; i < count; i++) files[`${prefix}${name}/${i}.jpg`] = await jpeg(seed++);
  return files;
}
