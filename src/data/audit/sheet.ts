/** Groups of copies side by side, as a picture to judge them by. */
import type { ImageDataset } from '../contract.ts';
import { Sheet } from '../image/sheet.ts';
import type { DuplicateAudit } from './audit.ts';

/** Side of an image in pixels, images per group (the columns) and groups (the rows) at most. */
const SIDE = 96;
const COLUMNS = 8;
const ROWS = 100;

/**
 * The bytes of a PNG: a row per group, whose images come whole and stretched to squares. Images that cannot be decoded
 * any more stay white.
 */
export async function duplicateSheet(
  datasets: readonly ImageDataset[],
  { groups }: DuplicateAudit,
): Promise<Buffer> {
  const shown = groups.slice(0, ROWS);
  const columns = Math.min(COLUMNS, Math.max(1, ...shown.map(({ images }) => images.length)));
  const sheet = new Sheet({ columns, rows: Math.max(1, shown.length), side: SIDE, gap: 4 });
  for (const [row, { images }] of shown.entries())
    for (const [column, { dataset, split, id }] of images.slice(0, columns).entries()) {
      const home = datasets.find(({ name }) => name === dataset);
      const record = home?.splits[split].find((one) => one.id === id);
      if (!home || !record) continue;
      const view = { kind: 'stretched', size: SIDE, filter: 'bilinear' } as const;
      const picture = await home.render(record, view).catch(() => null);
      if (picture) sheet.put(picture, row, column);
    }
  return sheet.png();
}
