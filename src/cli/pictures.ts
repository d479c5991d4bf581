/** Small pictures of images for reports. */
import { encodeJpeg, type ImageDataset, type ImageRecord, SPLITS } from '../data/index.ts';

/** Data URIs of the images with these ids. */
export async function picturesOf(
  dataset: ImageDataset,
  ids: ReadonlySet<string>,
): Promise<Map<string, string>> {
  const pictures = new Map<string, string>();
  for (const record of SPLITS.flatMap((split) => dataset.splits[split])) {
    if (ids.has(record.id)) pictures.set(record.id, await pictureOf(dataset, record));
  }
  return pictures;
}

async function pictureOf(dataset: ImageDataset, record: ImageRecord): Promise<string> {
  const picture = await dataset.render(record, { kind: 'central-square', size: 112, filter: 'bilinear' });
  const jpeg = await encodeJpeg(picture);
  return `data:image/jpeg;base64,${jpeg.toString('base64')}`;
}
