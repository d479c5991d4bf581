/**
 * Detection sets in PASCAL VOC's form: an XML file for each image, with or without lists of the parts.
 *
 *     Annotations/000012.xml      JPEGImages/000012.jpg      ImageSets/Main/train.txt
 *     annotations/1.xml           images/1.jpg
 */
import { basename } from 'node:path';
import { UserError } from '../../util/errors.ts';
import { contentHash, sha256 } from '../../util/hash.ts';
import type { ProgressListener } from '../../util/progress.ts';
import { type FileTree, openFileTree, subtree, withoutWrapper } from '../containers/file-tree.ts';
import { type DataProblem, SPLITS, type SplitName } from '../contract.ts';
import type { Box, DetectionDataset, DetectionImage, DetectionInstance } from '../detection.ts';
import { readVocPart, vocPartsOf } from '../readers/voc-lists.ts';
import { parseVocAnnotation, type VocAnnotation, type VocObject } from '../readers/voc-xml.ts';
import { checkedImages, decodeStored, type StatedImage } from './detection-images.ts';

export interface VocDetectionOptions {
  /**
   * What the numbers of boxes count. `edges` (default): from 0, the box ends where xmax says, as LabelImg and its like
   * write. `pixels`: from 1, and the pixel xmax is the last one inside, as the challenge defines it.
   */
  readonly coordinates?: 'edges' | 'pixels';
  /** Default: the folder's own name. */
  readonly name?: string;
  /** Where archives are unpacked to, and where it is remembered which images decode. */
  readonly cacheFolder: string;
  readonly onProgress?: ProgressListener;
}

/**
 * Opens a folder or archive. Without lists of parts everything is train. Empty boxes are left out and named, annotated
 * images that no list has are left out and counted.
 * @throws UserError VOC_NO_ANNOTATIONS, VOC_MISSING for a listed image without annotation, those of
 *   `parseVocAnnotation` and `openFileTree`
 */
export async function openVocDetection(
  path: string,
  options: VocDetectionOptions,
): Promise<DetectionDataset> {
  const { cacheFolder, coordinates = 'edges' } = options;
  const tree = required(await openFileTree(path, { cacheFolder, mountArchives: true }));
  const annotations = await readAnnotations(tree);
  const found = [...annotations.values()].flatMap(({ annotation }) => annotation.objects);
  const classes = [...new Set(found.map(({ name }) => name))].sort();
  const labels = new Map(classes.map((name, label) => [name, label]));
  const parts = await partsOf(tree, [...annotations.keys()]);
  const splits: Record<SplitName, readonly DetectionImage[]> = { train: [], validation: [], test: [] };
  const problems = unlisted(tree, annotations, new Set(parts.flatMap(([, ids]) => ids)));
  let leftOut = 0;
  for (const [part, ids] of parts) {
    const stated = ids.map((id) => statedImage(tree, id, annotations, labels, coordinates, problems));
    for (const { empty } of stated) leftOut += empty;
    const checked = await checkedImages(tree, stated, options);
    splits[part] = checked.images;
    problems.push(...checked.problems);
  }
  const contents = SPLITS.map((part) => splits[part].map((image) => [image.id, image.contentHash]));
  const hashes = [...annotations].map(([id, { hash }]) => [id, hash]);
  return Object.freeze({
    name: options.name ?? basename(tree.root),
    classes: classes.map((name) => ({ name })),
    splits,
    problems,
    leftOut,
    fingerprint: contentHash({ contents, hashes, coordinates }),
    decode: (image) => decodeStored(tree, image),
  } satisfies DetectionDataset);
}

const ANNOTATION = /^annotations\/([^/]+)\.xml$/i;

/** Whether annotations lie where the form has them. Nothing is read. */
export const isVocDetection = (whole: FileTree): boolean => locate(whole) !== undefined;

function locate(whole: FileTree): FileTree | undefined {
  const inner = withoutWrapper(whole);
  const candidates = [whole, subtree(whole, 'VOC2007'), subtree(whole, 'VOCdevkit/VOC2007'), inner];
  return candidates.find(({ paths }) => paths.some((path) => ANNOTATION.test(path)));
}

function required(whole: FileTree): FileTree {
  const tree = locate(whole);
  if (tree) return tree;
  throw new UserError(
    'VOC_NO_ANNOTATIONS',
    `${whole.root} has no Annotations/NAME.xml.`,
    'Give a folder with Annotations and JPEGImages, or annotations and images.',
  );
}

type Annotations = ReadonlyMap<string, { readonly annotation: VocAnnotation; readonly hash: string }>;

/** By the name of the file, without its ending. */
async function readAnnotations(tree: FileTree): Promise<Annotations> {
  const annotations = new Map<string, { annotation: VocAnnotation; hash: string }>();
  for (const path of tree.paths) {
    const id = ANNOTATION.exec(path)?.[1];
    if (id === undefined) continue;
    const content = await tree.read(path);
    annotations.set(id, { annotation: parseVocAnnotation(content, path), hash: sha256(content) });
  }
  return annotations;
}

async function partsOf(tree: FileTree, all: readonly string[]): Promise<[SplitName, readonly string[]][]> {
  if (!tree.paths.some((path) => /^ImageSets\/Main\/(train|val|trainval|test)\.txt$/.test(path)))
    return [['train', all]];
  return Promise.all(
    vocPartsOf(tree).map(
      async (part): Promise<[SplitName, readonly string[]]> => [part, await readVocPart(tree, part)],
    ),
  );
}

function unlisted(tree: FileTree, annotations: Annotations, listed: ReadonlySet<string>): DataProblem[] {
  const images = [...annotations]
    .filter(([id]) => !listed.has(id))
    .map(([id, { annotation }]) => imageFile(tree, id, annotation.filename));
  if (images.length === 0) return [];
  const message = `Images with annotations that are in no list of ImageSets/Main were left out: ${images.length}, "${images[0]}" the first.`;
  return [{ kind: 'annotation', images, message }];
}

function statedImage(
  tree: FileTree,
  id: string,
  annotations: Annotations,
  labels: ReadonlyMap<string, number>,
  coordinates: 'edges' | 'pixels',
  problems: DataProblem[],
): StatedImage & { readonly empty: number } {
  const known = annotations.get(id);
  if (!known)
    throw new UserError(
      'VOC_MISSING',
      `ImageSets/Main of ${tree.root} lists "${id}", which has no annotation.`,
      `Add Annotations/${id}.xml, or take the image off the list.`,
    );
  const { objects, size, filename } = known.annotation;
  const file = imageFile(tree, id, filename);
  const empty: string[] = [];
  const instances = objects.flatMap((object): DetectionInstance[] => {
    const box = boxOf(object, coordinates);
    if (box) return [instanceOf(object, box, labels.get(object.name)!)];
    empty.push(`${object.name} (${object.xmin}, ${object.ymin}, ${object.xmax}, ${object.ymax})`);
    return [];
  });
  if (empty.length > 0)
    problems.push({
      kind: 'annotation',
      images: [file],
      message: `"${file}" has ${empty.length === 1 ? 'an empty box' : 'empty boxes'}: ${empty.join('; ')}; left out.`,
    });
  return { id: file, size, instances, empty: empty.length };
}

const FOLDERS = ['JPEGImages', 'images'];
const ENDINGS = ['jpg', 'jpeg', 'png', 'JPG', 'JPEG', 'PNG'];

/** Named like the annotation; else as the annotation says. A file that is not there is reported under its usual name. */
function imageFile(tree: FileTree, id: string, filename: string): string {
  const usual = FOLDERS.flatMap((folder) => ENDINGS.map((ending) => `${folder}/${id}.${ending}`));
  const stated = FOLDERS.map((folder) => `${folder}/${filename}`);
  return [...usual, ...stated].find((path) => tree.has(path)) ?? usual[0];
}

/** null where it is empty. */
function boxOf({ xmin, ymin, xmax, ymax }: VocObject, coordinates: 'edges' | 'pixels'): Box | null {
  const before = coordinates === 'pixels' ? 1 : 0;
  const box = { x0: xmin - before, y0: ymin - before, x1: xmax, y1: ymax };
  return box.x1 > box.x0 && box.y1 > box.y0 ? box : null;
}

function instanceOf({ difficult }: VocObject, box: Box, label: number): DetectionInstance {
  return { label, box, area: (box.x1 - box.x0) * (box.y1 - box.y0), crowd: false, difficult };
}
