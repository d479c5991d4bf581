/** A contact sheet: one row per class, some images of each, as a PNG to look at. */
import sharp from 'sharp';
import { DECODERS, mapInOrder } from './concurrency.ts';
import type { ImageDataset, SplitName } from './contract.ts';

export interface ContactSheetOptions {
  /** Images per class, evenly spaced in the split; fewer where the split has fewer. */
  readonly perClass: number;
  /** Default: train. */
  readonly split?: SplitName;
  /** Side of a cell in pixels, default 64. */
  readonly size?: number;
}

const GAP = 2;

/**
 * Draws the sheet: rows in the order of `dataset.classes`, white where a class has too few images.
 *
 * Returns the bytes of a PNG. Errors: those of `dataset.render`.
 */
export async function contactSheet(dataset: ImageDataset, options: ContactSheetOptions): Promise<Buffer> {
  const { perClass, split = 'train', size = 64 } = options;
  const cells = dataset.classes.flatMap((_, label) => {
    const records = dataset.splits[split].filter((record) => record.label === label);
    const shown = Math.min(perClass, records.length);
    return Array.from({ length: shown }, (_, column) => ({
      record: records[Math.floor((column * records.length) / shown)],
      left: column * (size + GAP),
      top: label * (size + GAP),
    }));
  });
  const view = { kind: 'central-square', size, filter: 'bilinear' } as const;
  const width = perClass * (size + GAP) - GAP;
  const height = dataset.classes.length * (size + GAP) - GAP;
  const sheet = Buffer.alloc(width * height * 3, 255);
  let cell = 0;
  for await (const image of mapInOrder(cells, DECODERS, ({ record }) => dataset.render(record, view))) {
    const { left, top } = cells[cell++];
    for (let row = 0; row < size; row++) {
      const line = image.pixels.subarray(row * size * 3, (row + 1) * size * 3);
      sheet.set(line, ((top + row) * width + left) * 3);
    }
  }
  return sharp(sheet, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}
