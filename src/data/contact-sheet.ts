/** A contact sheet: one row per class, some images of each, as a PNG to look at. */
import { DECODERS, mapInOrder } from './concurrency.ts';
import type { ImageDataset, SplitName } from './contract.ts';
import { evenlySpaced, Sheet } from './image/sheet.ts';

export interface ContactSheetOptions {
  /** Images per class, evenly spaced in the split; fewer where the split has fewer. */
  readonly perClass: number;
  /** Default: train. */
  readonly split?: SplitName;
  /** Side of a cell in pixels, default 64. */
  readonly size?: number;
}

/**
 * Draws the sheet: rows in the order of `dataset.classes`, white where a class has too few images; an image of several
 * labels stands for each.
 *
 * Returns the bytes of a PNG. Errors: those of `dataset.render`.
 */
export async function contactSheet(dataset: ImageDataset, options: ContactSheetOptions): Promise<Buffer> {
  const { perClass, split = 'train', size = 64 } = options;
  const cells = dataset.classes.flatMap((_, row) => {
    const records = dataset.splits[split].filter(({ label, labels }) =>
      labels ? labels[row] === 1 : label === row,
    );
    return evenlySpaced(records.length, perClass).map((i, column) => ({ record: records[i], row, column }));
  });
  const view = { kind: 'central-square', size, filter: 'bilinear' } as const;
  const sheet = new Sheet({ columns: perClass, rows: dataset.classes.length, side: size, gap: 2 });
  let cell = 0;
  for await (const image of mapInOrder(cells, DECODERS, ({ record }) => dataset.render(record, view))) {
    const { row, column } = cells[cell++];
    sheet.put(image, row, column);
  }
  return sheet.png();
}
