/**
 * Detection sets in COCO's form, as the challenge publishes it and as labelling tools export it:
 *
 *     annotations/instances_train2017.json     train2017/000000000009.jpg
 *     annotations/instances_val2017.json       val2017/000000000139.jpg
 *
 *     train/_annotations.coco.json             train/1.jpg
 *     annotations.json                         images/1.jpg
 */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { UserError } from '../../util/errors.ts';
import { contentHash } from '../../util/hash.ts';
import type { ProgressListener } from '../../util/progress.ts';
import { type FileTree, openFileTree, withoutWrapper } from '../containers/file-tree.ts';
import { type DataProblem, SPLITS, type SplitName } from '../contract.ts';
import type { DetectionClass, DetectionDataset, DetectionImage } from '../detection.ts';
import { type CocoDocument, readCoco } from '../readers/coco.ts';
import { IMAGE_ENDING, partNamed } from '../readers/listing.ts';
import { checkedImages, decodeStored } from './detection-images.ts';

export interface CocoDatasetOptions {
  /** Which of the challenge's documents: `instances` (default) or `person_keypoints`. */
  readonly kind?: 'instances' | 'person_keypoints';
  /** Whether masks are kept in memory; default true. */
  readonly masks?: boolean;
  /** Default: the folder's own name. */
  readonly name?: string;
  /** Where archives are unpacked to, and where it is remembered which images decode. */
  readonly cacheFolder: string;
  readonly onProgress?: ProgressListener;
}

/** A document and where the images lie that it names. */
interface Located {
  readonly part: SplitName;
  readonly document: string;
  /** With `/` at its end, or empty. */
  readonly folder: string;
}

/**
 * Opens a folder or archive. A single document without a part in its name is train.
 * @throws UserError COCO_NO_DOCUMENT, COCO_PATH (a file name that leads out of the folder), COCO_CLASSES (parts with
 *   different categories), DATA_EMPTY, and those of `readCoco` and `openFileTree`
 */
export async function openCocoDetection(
  path: string,
  options: CocoDatasetOptions,
): Promise<DetectionDataset> {
  const { kind = 'instances', cacheFolder } = options;
  const whole = await openFileTree(path, { cacheFolder, mountArchives: true });
  const { tree, documents } = locate(whole, kind);
  const splits: Record<SplitName, readonly DetectionImage[]> = { train: [], validation: [], test: [] };
  const problems: DataProblem[] = [];
  const hashes: Record<string, string> = {};
  let leftOut = 0;
  let classes: readonly DetectionClass[] | undefined;
  for (const { part, document, folder } of documents) {
    const { content, hash } = await readDocument(tree, document, options);
    classes ??= content.classes;
    requireSameClasses(classes, content.classes, documents[0].document, document);
    const stated = content.images.map(({ fileName, width, height, instances }) => ({
      id: `${folder}${safeName(fileName, document)}`,
      size: { width, height },
      instances,
    }));
    const checked = await checkedImages(tree, stated, options);
    splits[part] = checked.images;
    problems.push(...rejections(content, document, folder), ...checked.problems);
    hashes[part] = hash;
    leftOut += content.rejected.length;
  }
  if (SPLITS.every((part) => splits[part].length === 0))
    throw new UserError(
      'DATA_EMPTY',
      `None of the images that the documents of ${tree.root} name can be read.`,
      `Images of ${documents[0].document} are expected in ${documents[0].folder || 'its folder'}.`,
    );
  const contents = SPLITS.map((part) => splits[part].map((image) => [image.id, image.contentHash]));
  return Object.freeze({
    name: options.name ?? basename(tree.root),
    classes: classes!,
    splits,
    problems,
    leftOut,
    fingerprint: contentHash({ hashes, contents }),
    decode: (image) => decodeStored(tree, image),
  } satisfies DetectionDataset);
}

/**
 * Whether there is a document that is named as in COCO's form. Nothing is read, and `annotations.json` may be anything:
 * it counts where images lie beside it or in `images`.
 */
export function isCocoDetection(whole: FileTree): boolean {
  const isPlain = (path: string) => /^(images\/)?[^/]+$/.test(path) && IMAGE_ENDING.test(path);
  return [whole, withoutWrapper(whole)].some((tree) =>
    documentsOf(tree, 'instances').some(
      ({ document }) => document !== 'annotations.json' || tree.paths.some(isPlain),
    ),
  );
}

const documentsOf = (tree: FileTree, kind: string): Located[] =>
  tree.paths.flatMap((path) => locatedAt(path, kind, tree) ?? []);

function locate(whole: FileTree, kind: string): { tree: FileTree; documents: Located[] } {
  for (const tree of [whole, withoutWrapper(whole)]) {
    const documents = documentsOf(tree, kind);
    const parts = documents.map(({ part }) => part);
    const twice = parts.find((part, i) => parts.indexOf(part) !== i);
    if (twice)
      throw new UserError(
        'COCO_NO_DOCUMENT',
        `${tree.root} has several documents of the part ${twice}: ${documents.map(({ document }) => document).join(', ')}.`,
        'Keep one document for each part.',
      );
    if (documents.length > 0) return { tree, documents };
  }
  throw new UserError(
    'COCO_NO_DOCUMENT',
    `${whole.root} has no document of COCO's form.`,
    `Expected annotations/${kind}_train2017.json with train2017/, train/_annotations.coco.json, or annotations.json with images/.`,
  );
}

function locatedAt(path: string, kind: string, { paths }: FileTree): Located | null {
  const official = new RegExp(`^annotations/${kind}_(([A-Za-z]+)\\d*)\\.json$`).exec(path);
  if (official) {
    const part = partNamed(official[2]);
    return part ? { part, document: path, folder: `${official[1]}/` } : null;
  }
  const exported = /^(?:([^/]+)\/)?_annotations\.coco\.json$/.exec(path);
  if (exported) {
    const part = exported[1] === undefined ? 'train' : partNamed(exported[1]);
    return part ? { part, document: path, folder: exported[1] === undefined ? '' : `${exported[1]}/` } : null;
  }
  if (path !== 'annotations.json') return null;
  const folder = paths.some((other) => other.startsWith('images/')) ? 'images/' : '';
  return { part: 'train', document: path, folder };
}

const CHUNK = 2 ** 20;

async function readDocument(
  tree: FileTree,
  path: string,
  { masks }: CocoDatasetOptions,
): Promise<{ content: CocoDocument; hash: string }> {
  const source = await tree.open(path);
  const digest = createHash('sha256');
  async function* chunks() {
    for (let at = 0; at < source.size; at += CHUNK) {
      const chunk = await source.read(at, Math.min(CHUNK, source.size - at));
      digest.update(chunk);
      yield chunk;
    }
  }
  try {
    const content = await readCoco(chunks(), { source: `${tree.root}/${path}`, masks });
    return { content, hash: digest.digest('hex') };
  } finally {
    await source.close();
  }
}

/** A file name becomes part of a path, so it may not lead out of the folder. */
function safeName(name: string, document: string): string {
  const parts = name.split('/');
  const leadsOut = parts.some((part) => part === '' || part === '.' || part === '..' || part.includes('\\'));
  if (!leadsOut && !name.includes('\0')) return name;
  throw new UserError(
    'COCO_PATH',
    `${document} names the image ${JSON.stringify(name)}, which is no path inside a folder.`,
    'Give file names relative to the folder of the images.',
  );
}

function requireSameClasses(
  first: readonly DetectionClass[],
  other: readonly DetectionClass[],
  firstDocument: string,
  otherDocument: string,
): void {
  const names = (classes: readonly DetectionClass[]) => classes.map(({ name }) => name).join('\n');
  if (names(first) === names(other)) return;
  throw new UserError(
    'COCO_CLASSES',
    `${firstDocument} and ${otherDocument} list different categories.`,
    'All parts must list the same categories in the same order.',
  );
}

/** One problem per image, or for annotations of no image one in all. */
function rejections({ rejected }: CocoDocument, document: string, folder: string): DataProblem[] {
  const byImage = new Map<string | null, string[]>();
  for (const { image, reason } of rejected) {
    const known = byImage.get(image);
    if (known) known.push(reason);
    else byImage.set(image, [reason]);
  }
  return [...byImage].map(([image, reasons]) => ({
    kind: 'annotation',
    images: image === null ? [] : [`${folder}${image}`],
    message: `${document}: ${shortened(reasons)}; left out.`,
  }));
}

function shortened(reasons: readonly string[], most = 5): string {
  return reasons.length > most
    ? `${reasons.slice(0, most).join('; ')}; and ${reasons.length - most} more like these`
    : reasons.join('; ');
}
