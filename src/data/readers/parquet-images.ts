/**
 * Reader of parquet files of images, as Hugging Face's datasets library writes them:
 *
 *     data/train-00000-of-00002.parquet    image: struct (bytes, path), label: int64
 *     data/test-00000-of-00001.parquet     names of the labels in the metadata `huggingface`
 *
 * Images may also be plain bytes, and labels texts. The part is in a file's name or folder.
 */
import { UserError } from '../../util/errors.ts';
import { shown } from '../../util/refuse.ts';
import type { FileTree } from '../containers/file-tree.ts';
import { type ParquetColumn, ParquetFile } from '../containers/parquet.ts';
import type { SplitName } from '../contract.ts';
import {
  distinctNames,
  type ImageListing,
  type ListedImage,
  listingOf,
  partNamed,
  withoutLabel,
} from './listing.ts';
import { numbered, numberOf } from './pixels.ts';

const IMAGE_NAMES = ['image', 'img', 'images', 'picture', 'photo'];
const LABEL_NAMES = ['label', 'labels', 'class', 'category', 'fine_label', 'target', 'y'];
/** Groups of rows whose images are kept decoded: images are asked for in order, some at a time. */
const KEPT_GROUPS = 2;

/** Whether a file is named like one that `readParquetImages` reads. */
export const isParquetName = (path: string): boolean => /\.parquet$/i.test(path);

interface Shard {
  readonly path: string;
  readonly file: ParquetFile;
  readonly image: ParquetColumn;
  readonly label: ParquetColumn;
  readonly part: SplitName | null;
}

/**
 * Ids are the file and the row: `data/train-00000-of-00002.parquet/000042`. Rows without an image or a label are left
 * out and reported.
 * @param paths of the files in the tree
 *
 * Errors: `PARQUET_...`, `PARQUET_COLUMN` where there is no column of images or labels, and those of `listingOf`.
 */
export async function readParquetImages(tree: FileTree, paths: readonly string[]): Promise<ImageListing> {
  const shards = new Map<string, Shard>();
  const images: ListedImage[] = [];
  const unlabelled: string[] = [];
  for (const path of [...paths].sort()) {
    const shard = await openShard(tree, path);
    shards.set(path, shard);
    const names = labelNames(shard);
    let row = 0;
    for (let group = 0; group < shard.file.groups.length; group++)
      for (const value of await shard.file.readGroup(group, shard.label.name)) {
        const id = numbered(path, row++);
        const className = classOf(value, names);
        if (className === null) unlabelled.push(id);
        else images.push({ id, className, part: shard.part });
      }
  }
  const groups = new GroupCache();
  const [first] = shards.values();
  const order = first && labelNames(first);
  return listingOf(
    {
      root: tree.root,
      images,
      problems: withoutLabel(unlabelled),
      async read(id) {
        const { prefix, index } = numberOf(id);
        return imageBytes(await groups.value(shards.get(prefix)!, index), id);
      },
      ...(order && { order }),
    },
    'Expected parquet files with a column of images (bytes, or bytes and path) and one of labels.',
  );
}

async function openShard(tree: FileTree, path: string): Promise<Shard> {
  const file = await ParquetFile.open(await tree.open(path), `${tree.root}/${path}`);
  const image = pick(
    file,
    IMAGE_NAMES,
    ({ kind, fields }) => kind === 'bytes' || (kind === 'struct' && fields.includes('bytes')),
  );
  const label = pick(file, LABEL_NAMES, ({ kind }) => kind === 'integer' || kind === 'text');
  if (!image || !label)
    throw new UserError(
      'PARQUET_COLUMN',
      `${tree.root}/${path} has no column of ${image ? 'labels' : 'images'}; it has ${file.columns
        .map(({ name, kind }) => `${shown(name)} (${kind})`)
        .slice(0, 20)
        .join(', ')}.`,
      `Expected images (bytes, or a struct with bytes) as ${IMAGE_NAMES.join(', ')} and labels (integers or texts) as ${LABEL_NAMES.join(', ')}.`,
    );
  const part = path.split(/[^A-Za-z]+/).flatMap((word) => partNamed(word) ?? [])[0] ?? null;
  return { path, file, image, label, part };
}

function pick(file: ParquetFile, names: readonly string[], fits: (column: ParquetColumn) => boolean) {
  return names.flatMap((name) =>
    file.columns.filter((column) => column.name.toLowerCase() === name && fits(column)),
  )[0];
}

/** Names of numbered labels from the metadata: `info.features.LABEL.names`. */
function labelNames({ file, label }: Shard): readonly string[] | undefined {
  try {
    let value: unknown = JSON.parse(file.metadata.get('huggingface') ?? 'null');
    for (const key of ['info', 'features', label.name, 'names'])
      value = (value as Record<string, unknown> | null)?.[key];
    const isList = Array.isArray(value) && value.every((name) => typeof name === 'string');
    return isList ? distinctNames(value as string[]) : undefined;
  } catch {
    return undefined;
  }
}

/** Labels below 0 stand for none, as in test parts whose labels are not published. */
function classOf(value: unknown, names: readonly string[] | undefined): string | null {
  if (typeof value === 'string') return value === '' ? null : value;
  const number = typeof value === 'bigint' || typeof value === 'number' ? Number(value) : -1;
  if (!(Number.isInteger(number) && number >= 0)) return null;
  return names ? (names[number] ?? null) : String(number);
}

function imageBytes(value: unknown, id: string): Uint8Array {
  const bytes = value !== null && typeof value === 'object' && 'bytes' in value ? value.bytes : value;
  if (bytes instanceof Uint8Array) return bytes;
  throw new UserError(
    'PARQUET_IMAGE',
    `Row ${id} has no image in it.`,
    'Write the images into the file (embed_external_files).',
  );
}

/** The last groups of rows that were read. */
class GroupCache {
  readonly #groups = new Map<string, Promise<unknown[]>>();

  async value({ path, file, image }: Shard, row: number): Promise<unknown> {
    const group = file.groups.findIndex(({ start, rows }) => row < start + rows);
    const key = `${path}/${group}`;
    const values = this.#groups.get(key) ?? file.readGroup(group, image.name);
    // The map keeps the order of insertion, so that the first is the one not used for longest.
    this.#groups.delete(key);
    this.#groups.set(key, values);
    const [oldest] = this.#groups.keys();
    if (this.#groups.size > KEPT_GROUPS) this.#groups.delete(oldest);
    return (await values)[row - file.groups[group].start];
  }
}
