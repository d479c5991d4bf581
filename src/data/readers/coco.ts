/**
 * Reader of COCO annotations: a JSON document with lists of images, annotations and categories, read element by element
 * so that documents of hundreds of megabytes fit. What cannot be right in itself (an empty box, a mask of another size)
 * is left out and named; a document of another form is refused.
 */
import { UserError } from '../../util/errors.ts';
import { jsonParts } from '../containers/json-stream.ts';
import type { DetectionClass, DetectionInstance, Keypoint, Mask } from '../detection.ts';
import { areRuns, unpackRuns } from '../run-lengths.ts';

interface CocoImage {
  readonly fileName: string;
  readonly width: number;
  readonly height: number;
  readonly instances: readonly DetectionInstance[];
}

/** An annotation that was left out. */
interface CocoRejection {
  /** The image's file name, or null where the annotation names no image of the document. */
  readonly image: string | null;
  /** Half a sentence that begins with the annotation. */
  readonly reason: string;
}

export interface CocoDocument {
  /** In the order of the document. */
  readonly classes: readonly DetectionClass[];
  /** In the order of the document. */
  readonly images: readonly CocoImage[];
  readonly rejected: readonly CocoRejection[];
}

export interface CocoOptions {
  /** What to call the document in errors. */
  readonly source: string;
  /** Whether masks are kept, which are most of a document; default true. */
  readonly masks?: boolean;
}

/** An image's side; PNG allows more, but its pixels would fill no memory. */
const LONGEST_SIDE = 100_000;

/**
 * @param chunks the document's bytes
 * @throws UserError COCO_FORM, and those of `jsonParts`
 */
export async function readCoco(
  chunks: AsyncIterable<Uint8Array>,
  options: CocoOptions,
): Promise<CocoDocument> {
  const { source } = options;
  const lists: Record<string, unknown[]> = { images: [], categories: [] };
  // Annotations may come before the images and categories that they name.
  const annotations: RawAnnotation[] = [];
  const wanted = (key: string) => key in lists || key === 'annotations';
  for await (const { key, index, value } of jsonParts(chunks, { source, wanted })) {
    if (index === null && wanted(key)) throw misfit(source, `"${key}" is no list`);
    if (key === 'annotations') annotations.push(rawAnnotation(value, index!, options));
    else lists[key].push(value);
  }
  if (lists.images.length === 0) throw misfit(source, 'it lists no images');
  if (lists.categories.length === 0) throw misfit(source, 'it lists no categories');
  const categories = lists.categories.map((value, index) => categoryOf(value, index, source));
  const images = imagesOf(lists.images, source);
  const labels = new Map(categories.map(({ id }, label) => [id, label]));
  const classes = categories.map(({ id: _, ...category }) => category);
  const rejected: CocoRejection[] = [];
  for (const annotation of annotations) {
    const image = images.get(annotation.imageId);
    const label = labels.get(annotation.categoryId);
    const instance =
      image === undefined
        ? `is of image ${annotation.imageId}, which is not listed`
        : label === undefined
          ? `is of category ${annotation.categoryId}, which is not listed`
          : instanceOf(annotation, label, classes[label], image);
    if (typeof instance !== 'string') image!.instances.push(instance);
    else rejected.push({ image: image?.fileName ?? null, reason: `annotation ${annotation.id} ${instance}` });
  }
  return { classes, images: [...images.values()], rejected };
}

/** An annotation with its form checked and its meaning not yet. */
interface RawAnnotation {
  readonly id: string;
  readonly imageId: number | string;
  readonly categoryId: number;
  readonly bbox: readonly number[];
  readonly area: number | undefined;
  readonly crowd: boolean;
  readonly segmentation: unknown;
  readonly keypoints: readonly number[] | undefined;
}

function rawAnnotation(value: unknown, index: number, { source, masks = true }: CocoOptions): RawAnnotation {
  const fields = fieldsOf(value, `annotation ${index + 1}`, source);
  const id = isId(fields.id) ? String(fields.id) : `${index + 1} of the list`;
  const { image_id: imageId, category_id: categoryId, bbox, area, keypoints } = fields;
  if (!isId(imageId)) throw misfit(source, `annotation ${id} has no image_id`);
  if (typeof categoryId !== 'number') throw misfit(source, `annotation ${id} has no category_id`);
  if (!isNumbers(bbox) || bbox.length !== 4)
    throw misfit(source, `the bbox of annotation ${id} is not four numbers`);
  if (keypoints !== undefined && !isNumbers(keypoints))
    throw misfit(source, `the keypoints of annotation ${id} are no list of numbers`);
  return {
    id,
    imageId,
    categoryId,
    bbox,
    area: typeof area === 'number' ? area : undefined,
    crowd: fields.iscrowd === 1 || fields.iscrowd === true,
    segmentation: masks ? fields.segmentation : undefined,
    keypoints,
  };
}

type OpenImage = Omit<CocoImage, 'instances'> & { readonly instances: DetectionInstance[] };

function imagesOf(values: readonly unknown[], source: string): Map<number | string, OpenImage> {
  const images = new Map<number | string, OpenImage>();
  for (const [index, value] of values.entries()) {
    const { id, file_name: fileName, width, height } = fieldsOf(value, `image ${index + 1}`, source);
    if (!isId(id)) throw misfit(source, `image ${index + 1} has no id`);
    if (typeof fileName !== 'string' || fileName === '') throw misfit(source, `image ${id} has no file_name`);
    if (!isSide(width) || !isSide(height))
      throw misfit(source, `image ${id} has the size ${String(width)} x ${String(height)}`);
    if (images.has(id)) throw misfit(source, `two images have the id ${id}`);
    images.set(id, { fileName, width, height, instances: [] });
  }
  return images;
}

function categoryOf(value: unknown, index: number, source: string): DetectionClass & { id: number } {
  const { id, name, keypoints, skeleton } = fieldsOf(value, `category ${index + 1}`, source);
  if (typeof id !== 'number' || typeof name !== 'string')
    throw misfit(source, `category ${index + 1} has no id and name`);
  if (!Array.isArray(keypoints) || keypoints.length === 0) return { id, name };
  // Pairs count from 1.
  const pairs = (Array.isArray(skeleton) ? skeleton : []).filter(
    (pair): pair is [number, number] => isNumbers(pair) && pair.length === 2,
  );
  return {
    id,
    name,
    keypoints: keypoints.map(String),
    skeleton: pairs.map(([from, to]) => [from - 1, to - 1] as const),
  };
}

/** The instance, or what is wrong with it. */
function instanceOf(
  { bbox, area, crowd, segmentation, keypoints }: RawAnnotation,
  label: number,
  { keypoints: names }: DetectionClass,
  { width, height }: OpenImage,
): DetectionInstance | string {
  const [x, y, w, h] = bbox;
  const box = {
    x0: Math.max(0, x),
    y0: Math.max(0, y),
    x1: Math.min(width, x + w),
    y1: Math.min(height, y + h),
  };
  if (!(w > 0 && h > 0)) return `has an empty box (${bbox.join(', ')})`;
  if (box.x1 <= box.x0 || box.y1 <= box.y0) return `has a box outside its image (${bbox.join(', ')})`;
  const mask = maskOf(segmentation, width, height);
  if (typeof mask === 'string') return mask;
  const points = names && keypoints ? keypointsOf(keypoints, names.length) : undefined;
  if (points === null) return `has ${keypoints!.length} numbers for ${names!.length} keypoints`;
  return {
    label,
    box,
    area: area ?? w * h,
    crowd,
    difficult: false,
    ...(mask && { mask }),
    ...(points && { keypoints: points }),
  };
}

/** The mask, undefined where there is none, or what is wrong with it. */
function maskOf(segmentation: unknown, width: number, height: number): Mask | string | undefined {
  if (segmentation === undefined || segmentation === null) return undefined;
  if (Array.isArray(segmentation)) {
    if (segmentation.length === 0) return undefined;
    const isOutline = (list: unknown): list is number[] =>
      isNumbers(list) && list.length >= 6 && list.length % 2 === 0;
    if (!segmentation.every(isOutline)) return 'has an outline that is not three or more points';
    return { kind: 'polygons', polygons: segmentation };
  }
  if (typeof segmentation !== 'object') return 'has a segmentation that is neither outlines nor runs';
  const { size, counts } = segmentation as Record<string, unknown>;
  if (!isNumbers(size) || size.length !== 2 || size[0] !== height || size[1] !== width)
    return `has a mask of ${String(size)} in an image of ${height},${width} (height, width)`;
  const runs = typeof counts === 'string' ? unpackRuns(counts) : counts;
  if (!Array.isArray(runs) || !areRuns(runs, width, height))
    return `has a mask whose runs are not ${width * height} pixels`;
  return { kind: 'runs', width, height, runs };
}

function keypointsOf(flat: readonly number[], count: number): Keypoint[] | null {
  if (flat.length !== 3 * count) return null;
  return Array.from({ length: count }, (_, i) => {
    const [x, y, v] = flat.slice(3 * i, 3 * i + 3);
    return { x, y, visibility: v === 2 ? 2 : v === 1 ? 1 : 0 };
  });
}

function fieldsOf(value: unknown, what: string, source: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw misfit(source, `${what} is no object`);
}

const isId = (value: unknown): value is number | string =>
  Number.isSafeInteger(value) || (typeof value === 'string' && value !== '');

const isSide = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) > 0 && (value as number) <= LONGEST_SIDE;

const isNumbers = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((entry) => typeof entry === 'number' && Number.isFinite(entry));

function misfit(source: string, reason: string): UserError {
  return new UserError(
    'COCO_FORM',
    `${source} is no COCO document: ${reason}.`,
    'Expected an object with the lists images, annotations and categories.',
  );
}
