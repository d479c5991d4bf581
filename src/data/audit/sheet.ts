/** Groups of copies side by side, as a picture to judge them by. */
import sharp from 'sharp';
import type { ImageDataset } from '../contract.ts';
import type { DuplicateAudit } from './audit.ts';

/** Side of an image in pixels, images per group (the columns) and groups (the rows) at most. */
const SIDE = 96;
const COLUMNS = 8;
const ROWS = 100;
const GAP = 4;

/**
 * The bytes of a PNG: a row per group, whose images come whole and stretched to squares. Images that cannot be decoded
 * any more stay white.
 */
export async function duplicateSheet(
  datasets: readonly ImageDataset[],
  { groups }: DuplicateAudit,
): Promise<Buffer> {
  const rows = groups.slice(0, ROWS);
  const columns = Math.min(COLUMNS, Math.max(1, ...rows.map(({ images }) => images.length)));
  const width = columns * (SIDE + GAP) + GAP;
  const height = Math.max(1, rows.length) * (SIDE + GAP) + GAP;
  const sheet = Buffer.alloc(width * height * 3, 255);
  for (const [row, { images }] of rows.entries())
    for (const [column, { dataset, split, id }] of images.slice(0, columns).entries()) {
      const home = datasets.find(({ name }) => name === dataset);
      const record = home?.splits[split].find((one) => one.id === id);
      if (!home || !record) continue;
      const view = { kind: 'stretched', size: SIDE, filter: 'bilinear' } as const;
      const picture = await home.render(record, view).catch(() => null);
      if (!picture) continue;
      for (let y = 0; y < SIDE; y++) {
        const at = (row * (SIDE + GAP) + GAP + y) * width + column * (SIDE + GAP) + GAP;
        sheet.set(picture.pixels.subarray(3 * y * SIDE, 3 * (y + 1) * SIDE), 3 * at);
      }
    }
  return sharp(sheet, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}
