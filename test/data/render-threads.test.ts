/** Threads that render many images: the same pixels and the same messages as on the calling thread. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { View } from '../../src/data/contract.ts';
import { renderFile } from '../../src/data/image/render.ts';
import { discard, onRenderThreads, renderOnThread } from '../../src/data/image/render-threads.ts';
import { encoder, jpeg, noise, temporaryFolder } from './pictures.ts';

const VIEW: View = { kind: 'short-side', size: 20, filter: 'bilinear' };
const MANY = 1000;

test('pixels are those of the calling thread, and go back when they are done with', async () => {
  const folder = await temporaryFolder();
  const files = await Promise.all(
    [0, 1, 2, 3].map(async (seed) => {
      const file = join(folder, `${seed}.jpg`);
      await writeFile(file, await jpeg(seed, 40 + seed, 30));
      return file;
    }),
  );
  const here = await Promise.all(files.map((file) => renderFile(file, VIEW)));
  const there = await onRenderThreads(MANY, () => Promise.all(files.map((file) => renderFile(file, VIEW))));
  expect(there).toEqual(here);
  for (const image of [...here, ...there]) discard(image);
  expect(here.map(({ pixels }) => pixels.length)).not.toContain(0);
  expect(there.map(({ pixels }) => pixels.length)).toEqual([0, 0, 0, 0]);
});

test('a damaged file is refused in the same words', async () => {
  const file = join(await temporaryFolder(), 'cut.jpg');
  const whole = await jpeg(5, 400, 300);
  await writeFile(file, whole.subarray(0, whole.length / 2));
  const refusal = async () => {
    const error = await renderFile(file, VIEW).catch((error) => error);
    return { code: error.code, message: error.message };
  };
  const here = await refusal();
  expect(here.code).toBe('IMAGE_UNREADABLE');
  expect(await onRenderThreads(MANY, refusal)).toEqual(here);
});

test('are used where there are many images, and only while these are read', async () => {
  const bytes = await encoder(noise(6, 8, 8))
    .png()
    .toBuffer();
  const used = async () => (await renderOnThread(bytes, VIEW)) !== undefined;
  expect(await onRenderThreads(10, used)).toBe(false);
  expect(await onRenderThreads(MANY, used)).toBe(true);
  expect(await used()).toBe(false);
});
