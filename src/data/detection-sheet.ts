/** Sample images of a detection set with their objects drawn: one row per class, as a PNG to look at. */
import sharp from 'sharp';
import { DECODERS, mapInOrder } from './concurrency.ts';
import { type DecodedImage, SPLITS } from './contract.ts';
import type { DetectionDataset, DetectionImage, DetectionInstance } from './detection.ts';
import { evenlySpaced, Sheet } from './image/sheet.ts';

/** Side of a cell in pixels, images per class, classes and objects per image at most. */
const SIDE = 192;
const COLUMNS = 6;
const ROWS = 100;
const MOST_OBJECTS = 500;

/** Objects of the row's class, and of other classes. */
const OWN = '#ff8c00';
const OTHER = '#00a2ff';

/**
 * Draws images that show the class of the row, of the first part that has such, evenly spaced: boxes and outlines, those of the
 * row's class in orange and others in blue, crowds and difficult objects dashed, keypoints as dots. Images are white
 * where a class has too few.
 *
 * Returns the bytes of a PNG. Errors: those of `dataset.decode`.
 */
export async function detectionSheet(dataset: DetectionDataset): Promise<Buffer> {
  const rows = Math.min(ROWS, dataset.classes.length);
  const cells = Array.from({ length: rows }, (_, row) => {
    const shows = ({ instances }: DetectionImage) => instances.some(({ label }) => label === row);
    const images =
      SPLITS.map((part) => dataset.splits[part].filter(shows)).find(({ length }) => length > 0) ?? [];
    return evenlySpaced(images.length, COLUMNS).map((i, column) => ({ image: images[i], row, column }));
  }).flat();
  const sheet = new Sheet({ columns: COLUMNS, rows: Math.max(1, rows), side: SIDE, gap: 4 });
  let next = 0;
  const drawn = mapInOrder(cells, DECODERS, async ({ image, row }) =>
    drawObjects(await dataset.decode(image), image.instances, row),
  );
  for await (const picture of drawn) {
    const { row, column } = cells[next++];
    sheet.put(picture, row, column);
  }
  return sheet.png();
}

/** The image shrunk or enlarged to fit a cell, with its objects on it. */
async function drawObjects(
  { width, height, pixels }: DecodedImage,
  instances: readonly DetectionInstance[],
  label: number,
): Promise<DecodedImage> {
  const scale = SIDE / Math.max(width, height);
  const size = {
    width: Math.max(1, Math.round(width * scale)),
    height: Math.max(1, Math.round(height * scale)),
  };
  // The row's own class last, so that it lies on top.
  const ordered = [...instances.slice(0, MOST_OBJECTS)].sort(
    (a, b) => Number(a.label === label) - Number(b.label === label),
  );
  const shapes = ordered.map((instance) => shapeOf(instance, scale, instance.label === label ? OWN : OTHER));
  const overlay = `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}">${shapes.join('')}</svg>`;
  const { data } = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .resize({ ...size, fit: 'fill' })
    .composite([{ input: Buffer.from(overlay) }])
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { ...size, pixels: data };
}

/** Only numbers of the annotation enter the drawing, none of its words. */
function shapeOf(instance: DetectionInstance, scale: number, color: string): string {
  const { box, mask, keypoints = [], crowd, difficult } = instance;
  const at = (value: number) => (value * scale).toFixed(1);
  const dashed = crowd || difficult ? ' stroke-dasharray="4 3"' : '';
  const outlines = mask?.kind === 'polygons' ? mask.polygons : [];
  return [
    ...outlines.map(
      (points) => `<polygon points="${points.map(at).join(' ')}" fill="${color}" fill-opacity="0.3"/>`,
    ),
    `<rect x="${at(box.x0)}" y="${at(box.y0)}" width="${at(box.x1 - box.x0)}" height="${at(box.y1 - box.y0)}" fill="none" stroke="${color}" stroke-width="2"${dashed}/>`,
    ...keypoints
      .filter(({ visibility }) => visibility > 0)
      .map(({ x, y }) => `<circle cx="${at(x)}" cy="${at(y)}" r="2" fill="${color}"/>`),
  ].join('');
}
