/** The files of the data rows: noisy procedural pictures of 500 x 375 px as JPEG, in two class folders. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeJpeg, openProceduralDataset } from '../../src/data/index.ts';
import { Random } from '../../src/tensor/index.ts';

const WIDTH = 500;
const HEIGHT = 375;
/** Procedural pictures are small and enlarged; noise gives the files the size of photographs. */
const NOISE = 7;

/** Fills `folder`/jpegs with `images` files. */
export async function prepare(folder: string, { images }: { images: number }): Promise<void> {
  const dataset = openProceduralDataset('procedural/source');
  const view = { kind: 'central-square', size: WIDTH, filter: 'bicubic' } as const;
  const random = new Random(3, 'bench');
  for (let index = 0; index < images; index++) {
    const record = dataset.splits.train[index % dataset.splits.train.length];
    const square = await dataset.render(record, view);
    const pixels = square.pixels.subarray(0, WIDTH * HEIGHT * 3);
    const noisy = Uint8Array.from(pixels, (value) =>
      Math.max(0, Math.min(255, value + NOISE * 2 * random.uniform(-1, 1))),
    );
    const classFolder = join(folder, 'jpegs', index % 2 === 0 ? 'even' : 'odd');
    await mkdir(classFolder, { recursive: true });
    const bytes = await encodeJpeg({ width: WIDTH, height: HEIGHT, pixels: noisy });
    await writeFile(join(classFolder, `${String(index).padStart(5, '0')}.jpg`), bytes);
  }
}
