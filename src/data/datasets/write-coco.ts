/** Writes a detection set in COCO's form, from which `openCocoDetection` and other programs read it back. */
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { type DecodedImage, SPLITS } from '../contract.ts';
import type {
  DetectionClass,
  DetectionDataset,
  DetectionImage,
  DetectionInstance,
  Mask,
} from '../detection.ts';
import { encodePng } from '../image/render.ts';
import { packRuns } from '../run-lengths.ts';

/**
 * Writes `annotations/instances_train.json` with `train/`, and so on for each part that has images. Images become PNG
 * files, named by the last part of their id; runs are packed, crowds marked, and what is difficult is not said, since
 * COCO has no word for it.
 */
export async function writeCoco(dataset: DetectionDataset, folder: string): Promise<void> {
  await mkdir(join(folder, 'annotations'), { recursive: true });
  for (const part of SPLITS) {
    const images = dataset.splits[part];
    if (images.length === 0) continue;
    await mkdir(join(folder, part), { recursive: true });
    const names = namesOf(images);
    const document = await open(join(folder, 'annotations', `instances_${part}.json`), 'w');
    try {
      await writeDocument(document, dataset.classes, images, names);
    } finally {
      await document.close();
    }
    for (const [i, image] of images.entries())
      await writeImage(join(folder, part, names[i]), await dataset.decode(image));
  }
}

/** `train/00012.png` is `00012.png`. Other endings are replaced, and images that would share a name are numbered. */
function namesOf(images: readonly DetectionImage[]): string[] {
  const plain = images.map(({ id }) =>
    id
      .split('/')
      .at(-1)!
      .replace(/\.[^.]*$/, ''),
  );
  if (new Set(plain).size === plain.length) return plain.map((name) => `${name}.png`);
  return plain.map((name, i) => `${name}-${i + 1}.png`);
}

/** List by list and element by element, so that the document is never in memory as a whole. */
async function writeDocument(
  document: FileHandle,
  classes: readonly DetectionClass[],
  images: readonly DetectionImage[],
  names: readonly string[],
): Promise<void> {
  const list = async (name: string, elements: Iterable<unknown>, start: string): Promise<void> => {
    await document.write(`${start}${JSON.stringify(name)}:[`);
    let before = '\n';
    for (const element of elements) {
      await document.write(`${before}${JSON.stringify(element)}`);
      before = ',\n';
    }
    await document.write(']');
  };
  await list('categories', classes.map(categoryOf), '{');
  await list(
    'images',
    images.map(({ width, height }, i) => ({ id: i + 1, file_name: names[i], width, height })),
    ',\n',
  );
  await list('annotations', annotationsOf(images), ',\n');
  await document.write('}\n');
}

function categoryOf({ name, keypoints, skeleton }: DetectionClass, label: number) {
  return {
    id: label + 1,
    name,
    supercategory: 'object',
    ...(keypoints && { keypoints, skeleton: (skeleton ?? []).map(([from, to]) => [from + 1, to + 1]) }),
  };
}

function* annotationsOf(images: readonly DetectionImage[]): Generator {
  let id = 0;
  for (const [i, { instances }] of images.entries())
    for (const instance of instances) yield annotationOf(instance, ++id, i + 1);
}

function annotationOf(
  { label, box, area, crowd, mask, keypoints }: DetectionInstance,
  id: number,
  imageId: number,
) {
  const { x0, y0, x1, y1 } = box;
  return {
    id,
    image_id: imageId,
    category_id: label + 1,
    bbox: [x0, y0, x1 - x0, y1 - y0],
    area,
    iscrowd: Number(crowd),
    ...(mask && { segmentation: segmentationOf(mask) }),
    ...(keypoints && {
      keypoints: keypoints.flatMap(({ x, y, visibility }) => [x, y, visibility]),
      num_keypoints: keypoints.filter(({ visibility }) => visibility > 0).length,
    }),
  };
}

function segmentationOf(mask: Mask) {
  if (mask.kind === 'polygons') return mask.polygons;
  return { size: [mask.height, mask.width], counts: packRuns(mask.runs) };
}

async function writeImage(path: string, image: DecodedImage): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.write(await encodePng(image));
  } finally {
    await file.close();
  }
}
