/** The memory of cache and loader does not grow with the images: a thousand and a million of 256 x 256 pixels. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../data/pictures.ts';

const PROGRAM = join(import.meta.dirname, '../data/child-loader-memory.ts');

test('a million images take at most 128 bytes each more than a thousand do', async () => {
  const cacheFolder = await temporaryFolder();
  const peakOf = async (count: number) => {
    const arguments_ = ['--import', 'tsx', PROGRAM, cacheFolder, String(count)];
    return Number((await promisify(execFile)(process.execPath, arguments_)).stdout);
  };
  // The first process decodes, so that the two that count do the same.
  await peakOf(1000);
  const [thousand, million] = [await peakOf(1_000), await peakOf(1_000_000)];
  console.log(
    `peak resident memory: ${[thousand, million].map((bytes) => `${Math.round(bytes / 2 ** 20)} MiB`).join(', ')}`,
  );
  // As pixels in memory they would take 196,608 bytes each.
  expect(million - thousand).toBeLessThan(128e6);
});
