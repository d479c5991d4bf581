/** The files of the data rows: noisy procedural pictures as JPEG, in two class folders. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeJpeg, openProceduralDataset } from '../../src/data/index.ts';
import { Random } from '../../src/tensor/index.ts';

/** Procedural pictures are small and enlarged; noise gives the files the size of photographs. */
const NOISE = 7;
/** From picture to picture the noise is moved by so many bytes. */
const SHIFT = 7919;

/** Fills `folder`/jpegs with `images` files of `width` x `height` px; width is the longer side. */
export async function prepare(
  folder: string,
  { images, width, height }: { images: number; width: number; height: number },
): Promise<void> {
  const dataset = openProceduralDataset('procedural/source');
  const view = { kind: 'central-square', size: width, filter: 'bicubic' } as const;
  const random = new Random(3, 'bench');
  const noise = Float32Array.from({ length: width * height * 3 }, () => random.uniform(-NOISE, NOISE));
  for (let index = 0; index < images; index++) {
    const record = dataset.splits.train[index % dataset.splits.train.length];
    const square = await dataset.render(record, view);
    const pixels = new Uint8ClampedArray(noise.length);
    for (let i = 0; i < pixels.length; i++)
      pixels[i] = square.pixels[i] + noise[(i + index * SHIFT) % noise.length];
    const classFolder = join(folder, 'jpegs', index % 2 === 0 ? 'even' : 'odd');
    await mkdir(classFolder, { recursive: true });
    const bytes = await encodeJpeg({ width, height, pixels: new Uint8Array(pixels.buffer) });
    await writeFile(join(classFolder, `${String(index).padStart(5, '0')}.jpg`), bytes);
  }
}
