/**
 * Reader of WebDataset shards: tar archives in which files with one path up to the first dot of the name belong
 * together.
 *
 *     train-000000.tar: 0001.jpg  0001.cls    0002.jpg  0002.cls    ...
 *
 * The class is a number or a name in `.cls`, `label`, `class` or `cls` of `.json`, or a name in `.txt`. Names of numbered
 * classes may lie beside the shards in `classnames.txt` or `classes.txt`. The part is in a shard's name or folder.
 */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../util/errors.ts';
import { shown } from '../../util/refuse.ts';
import { DECODERS, mapInOrder } from '../concurrency.ts';
import { type FileTree, openFileTree } from '../containers/file-tree.ts';
import type { DataProblem, SplitName } from '../contract.ts';
import {
  distinctNames,
  IMAGE_ENDING,
  type ImageListing,
  type ListedImage,
  listingOf,
  partNamed,
} from './listing.ts';

/** What says the class, the first that is there. */
const LABEL_ENDINGS = ['.cls', '.json', '.txt'];
const CLASS_NAMES = ['classnames.txt', 'classes.txt'];
/** Captions and metadata beside an image; labels have some bytes. */
const LARGEST_LABEL = 2 ** 20;
const SHARD_OF_ID = /^(.+?\.(?:tar|tar\.gz|tgz))\/(.+)$/;

/** One example: the paths of its image and of what says its class. */
interface Sample {
  readonly image: string;
  readonly label: string | undefined;
}

/** Of JSON files beside images, which may be anything, so many are looked into. */
const JSON_LOOKED_INTO = 20;

/**
 * Whether an archive holds examples in this form: images with `.cls`, or with JSON that gives a class; text beside them
 * may also be captions of class folders, so that it counts only where no two folders of images lie side by side.
 */
export async function isShard(tree: FileTree): Promise<boolean> {
  const samples = samplesOf(tree);
  const labels = samples.flatMap(({ label }) => label ?? []);
  if (labels.some((path) => path.endsWith('.cls'))) return true;
  if (labels.some((path) => path.endsWith('.txt')) && !hasSiblingFolders(samples)) return true;
  for (const path of labels.filter((label) => label.endsWith('.json')).slice(0, JSON_LOOKED_INTO))
    if ((await labelIn(tree, path)).value !== undefined) return true;
  return false;
}

function hasSiblingFolders(samples: readonly Sample[]): boolean {
  /** The first folder in each folder. */
  const first = new Map<string, string>();
  return samples.some(({ image }) => {
    const folders = image.split('/').slice(0, -1);
    return folders.some((folder, depth) => {
      const parent = folders.slice(0, depth).join('/');
      if (!first.has(parent)) first.set(parent, folder);
      return first.get(parent) !== folder;
    });
  });
}

/**
 * Ids are the shard and the path in it: `train-000000.tar/0001.jpg`.
 * @param root the folder that the shards lie in
 * @param shards paths of the shards relative to it
 *
 * Errors: `TAR_...`, `ARCHIVE_PATH`, `SHARD_LABEL`, and those of `listingOf`.
 */
export async function readShards(
  root: string,
  shards: readonly string[],
  options: { readonly cacheFolder: string },
): Promise<ImageListing> {
  const trees = new Map<string, FileTree>();
  const images: ListedImage[] = [];
  const problems: DataProblem[] = [];
  const names = await classNames(root);
  for (const shard of [...shards].sort()) {
    const tree = await openFileTree(join(root, shard), options);
    trees.set(shard, tree);
    const part = partOf(shard);
    const samples = samplesOf(tree);
    for await (const { image, className } of mapInOrder(samples, DECODERS, (sample) =>
      labelled(tree, sample),
    )) {
      const id = `${shard}/${image}`;
      if (className === null)
        problems.push({
          kind: 'annotation',
          images: [id],
          message: `"${id}" was skipped: there is no label beside it.`,
        });
      else images.push({ id, className: names[Number(className)] ?? className, part });
    }
  }
  const read = (id: string) => {
    const [, shard, path] = SHARD_OF_ID.exec(id) as RegExpExecArray;
    return trees.get(shard)!.read(path);
  };
  return listingOf(
    { root, images, problems, read },
    'Expected KEY.jpg (or png, webp) with KEY.cls, KEY.json or KEY.txt in tar archives.',
  );
}

function samplesOf(tree: FileTree): Sample[] {
  const files = new Map<string, string[]>();
  for (const path of tree.paths) {
    const [, key, ending] = /^((?:.*\/)?[^/.]+)(\.[^/]*)$/.exec(path) ?? [];
    if (key === undefined) continue;
    const endings = files.get(key);
    if (endings) endings.push(ending);
    else files.set(key, [ending]);
  }
  return [...files].flatMap(([key, endings]) => {
    const image = endings.find((ending) => IMAGE_ENDING.test(ending));
    const label = LABEL_ENDINGS.find((ending) => endings.includes(ending));
    return image === undefined
      ? []
      : [{ image: key + image, label: label === undefined ? undefined : key + label }];
  });
}

async function labelled(tree: FileTree, { image, label }: Sample) {
  if (label === undefined) return { image, className: null };
  const { value, problem } = await labelIn(tree, label);
  if (value !== undefined) return { image, className: value };
  throw new UserError(
    'SHARD_LABEL',
    `${shown(label)} of ${tree.root} gives no class: ${problem}.`,
    'Expected a number or a name, in JSON as label, class or cls.',
  );
}

/** The class that a file gives, or why it gives none. */
async function labelIn(tree: FileTree, path: string): Promise<{ value?: string; problem?: string }> {
  const source = await tree.open(path);
  if (source.size > LARGEST_LABEL) return { problem: `it has ${source.size} bytes` };
  const text = new TextDecoder().decode(await source.read(0, source.size)).trim();
  const value = path.endsWith('.json') ? labelOfJson(text) : text;
  return value ? { value } : { problem: 'it is empty or in another form' };
}

function labelOfJson(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const object =
      value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : { label: value };
    const label = object.label ?? object.class ?? object.cls;
    return typeof label === 'string' || Number.isInteger(label) ? String(label) : undefined;
  } catch {
    return undefined;
  }
}

/** `train-000000.tar`, `val/00000.tar` and `imagenet-validation-00.tar` say their parts. */
function partOf(shard: string): SplitName | null {
  return shard.split(/[^A-Za-z]+/).flatMap((word) => partNamed(word) ?? [])[0] ?? null;
}

/** Names of numbered classes, one in a line, where such a file lies beside the shards. */
async function classNames(root: string): Promise<string[]> {
  for (const name of CLASS_NAMES) {
    const path = join(root, name);
    const size = (await stat(path).catch(() => null))?.size ?? Number.POSITIVE_INFINITY;
    if (size <= LARGEST_LABEL)
      return distinctNames((await readFile(path, 'utf8')).split('\n').flatMap((line) => line.trim() || []));
  }
  return [];
}
