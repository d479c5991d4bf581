/**
 * Reader of CIFAR-10 and CIFAR-100 in the two forms that their authors distribute:
 *
 *     binary: data_batch_1.bin .. data_batch_5.bin, test_batch.bin, batches.meta.txt
 *             train.bin, test.bin, fine_label_names.txt, coarse_label_names.txt
 *     Python: data_batch_1 .. data_batch_5, test_batch, batches.meta
 *             train, test, meta
 *
 * A record of the binary form is a label (CIFAR-100: coarse, then fine) and three planes of 32 x 32 bytes. Source:
 * Krizhevsky, "Learning multiple layers of features from tiny images", and the page of the data sets.
 */
import { basename } from 'node:path';
import type { ByteSource } from '../../util/byte-source.ts';
import { UserError } from '../../util/errors.ts';
import { type FileTree, withoutWrapper } from '../containers/file-tree.ts';
import { type BytePlace, PickledDict } from '../containers/numpy-pickle.ts';
import type { SplitName } from '../contract.ts';
import type { ImageListing } from './listing.ts';
import { fromPlanes, numbered, numberOf } from './pixels.ts';

const SIDE = 32;
const PLANES = 3 * SIDE * SIDE;

/** The files of one form: which batches belong to a part, and where the names of classes are. */
interface Form {
  readonly batches: RegExp;
  readonly names: string;
  readonly isPython: boolean;
  readonly hasCoarse: boolean;
}

const FORMS: readonly Form[] = [
  {
    batches: /^(data_batch_\d+|test_batch)\.bin$/,
    names: 'batches.meta.txt',
    isPython: false,
    hasCoarse: false,
  },
  { batches: /^(train|test)\.bin$/, names: 'fine_label_names.txt', isPython: false, hasCoarse: true },
  { batches: /^(data_batch_\d+|test_batch)$/, names: 'batches.meta', isPython: true, hasCoarse: false },
  { batches: /^(train|test)$/, names: 'meta', isPython: true, hasCoarse: true },
];

/** CIFAR-100 has 100 classes in 20 groups. */
export interface CifarOptions {
  /** Default: fine. CIFAR-10 has no coarse labels. */
  readonly labels?: 'fine' | 'coarse';
}

interface Batch {
  readonly labels: ArrayLike<number>;
  read(index: number): Promise<Uint8Array>;
}

function findForm(tree: FileTree): { form: Form; inner: FileTree } | undefined {
  const inner = withoutWrapper(tree);
  const form = FORMS.find(
    ({ names, batches }) => inner.has(names) && inner.paths.some((path) => batches.test(path)),
  );
  return form && { form, inner };
}

/** Whether a tree holds one of the four forms, possibly in a wrapping folder. */
export const isCifar = (tree: FileTree): boolean => findForm(tree) !== undefined;

/**
 * Ids are the batch and the number in it: `data_batch_1/000042`.
 *
 * Errors: `DATA_EMPTY`, `CIFAR_DAMAGED`, `CIFAR_LABELS`, `PICKLE_...`.
 */
export async function readCifar(tree: FileTree, options: CifarOptions = {}): Promise<ImageListing> {
  const { form, inner } = findForm(tree) ?? {};
  if (!form || !inner)
    throw new UserError(
      'DATA_EMPTY',
      `${tree.root} holds no CIFAR-10 or CIFAR-100.`,
      'Expected data_batch_1 to 5 and test_batch, or train and test, as .bin or as pickles, with the files of class names.',
    );
  const coarse = options.labels === 'coarse';
  if (coarse && !form.hasCoarse)
    throw new UserError('CIFAR_LABELS', `${tree.root} is CIFAR-10.`, 'Only CIFAR-100 has coarse labels.');
  const classes = await classNames(inner, form, coarse);
  const batches = new Map<string, Batch>();
  const images = [];
  const parts = new Set<SplitName>();
  for (const path of inner.paths.filter((name) => form.batches.test(name))) {
    const batch = await (form.isPython
      ? openPickled(inner, path, form, coarse)
      : openBinary(inner, path, form, coarse));
    const name = basename(path, '.bin');
    const part = name.startsWith('test') ? 'test' : 'train';
    batches.set(name, batch);
    parts.add(part);
    for (const [index, label] of Array.from(batch.labels).entries()) {
      const className = classes[label];
      if (className === undefined)
        throw damaged(
          inner,
          path,
          `image ${index} has the label ${label} where there are ${classes.length} classes`,
        );
      images.push({ id: numbered(name, index), className, part } as const);
    }
  }
  return {
    root: tree.root,
    classes,
    images,
    officialParts: [...parts].sort().reverse(),
    problems: [],
    async read(id) {
      const { prefix, index } = numberOf(id);
      return fromPlanes(await batches.get(prefix)!.read(index), SIDE, SIDE);
    },
  };
}

async function classNames(tree: FileTree, form: Form, coarse: boolean): Promise<string[]> {
  if (form.isPython) {
    const key = form.hasCoarse ? `${coarse ? 'coarse' : 'fine'}_label_names` : 'label_names';
    return PickledDict.read(await tree.read(form.names), form.names).texts(key);
  }
  const path = coarse ? 'coarse_label_names.txt' : form.names;
  const text = new TextDecoder().decode(await tree.read(path));
  return text.split('\n').flatMap((line) => line.trim() || []);
}

async function openBinary(
  tree: FileTree,
  path: string,
  { hasCoarse }: Form,
  coarse: boolean,
): Promise<Batch> {
  const source = await tree.open(path);
  const labelBytes = hasCoarse ? 2 : 1;
  const record = labelBytes + PLANES;
  if (source.size % record !== 0)
    throw damaged(
      tree,
      path,
      `it has ${source.size} bytes, which is no whole number of records of ${record}`,
    );
  const labels = await bytesAt(source, hasCoarse && !coarse ? 1 : 0, record);
  return { labels, read: (index) => source.read(index * record + labelBytes, PLANES) };
}

/** Every `stride`-th byte from `first`, read in pieces of some megabytes. */
async function bytesAt(source: ByteSource, first: number, stride: number): Promise<Uint8Array> {
  const values = new Uint8Array(source.size / stride);
  const perPiece = 2048;
  for (let start = 0; start < values.length; start += perPiece) {
    const count = Math.min(perPiece, values.length - start);
    const piece = await source.read(start * stride, count * stride);
    for (let i = 0; i < count; i++) values[start + i] = piece[i * stride + first];
  }
  return values;
}

async function openPickled(
  tree: FileTree,
  path: string,
  { hasCoarse }: Form,
  coarse: boolean,
): Promise<Batch> {
  const pickle = PickledDict.read(await tree.read(path), path);
  const labels = pickle.integers(hasCoarse ? `${coarse ? 'coarse' : 'fine'}_labels` : 'labels');
  const { shape, content } = pickle.bytes('data');
  if (shape.length !== 2 || shape[0] !== labels.length || shape[1] !== PLANES)
    throw damaged(tree, path, `it has ${labels.length} labels and an array of ${shape.join(' x ')}`);
  const source = await tree.open(path);
  return { labels, read: (index) => readPlace(source, content, index * PLANES, PLANES) };
}

async function readPlace(
  source: ByteSource,
  place: BytePlace,
  start: number,
  length: number,
): Promise<Uint8Array> {
  if (place instanceof Uint8Array) return place.subarray(start, start + length);
  return source.read(place.position + start, length);
}

function damaged(tree: FileTree, path: string, found: string): UserError {
  return new UserError(
    'CIFAR_DAMAGED',
    `${path} of ${tree.root} is not as CIFAR has it: ${found}.`,
    'Download it again.',
  );
}
