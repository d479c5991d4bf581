/**
 * Reader of the form of MNIST and its relatives (Fashion-MNIST, KMNIST, EMNIST), compressed by gzip or not:
 *
 *     train-images-idx3-ubyte.gz    train-labels-idx1-ubyte.gz
 *     t10k-images-idx3-ubyte.gz     t10k-labels-idx1-ubyte.gz
 *
 * Where a file lies there in both forms, the uncompressed one is read. Files of EMNIST have its name in front and hold
 * images with rows and columns exchanged. Images are grey.
 */
import { UserError } from '../../util/errors.ts';
import type { FileTree } from '../containers/file-tree.ts';
import { uncompressed } from '../containers/gzip.ts';
import { type IdxFile, openIdx } from '../containers/idx.ts';
import type { SplitName } from '../contract.ts';
import type { ImageListing, ListedImage } from './listing.ts';
import { fromGrey, numbered, numberOf, transposed } from './pixels.ts';

const IMAGES = /^(?:.*\/)?((?:emnist-[a-z]+-)?)(train|t10k|test|validation)-images[-.]idx3-ubyte(?:\.gz)?$/;

interface Part {
  readonly part: SplitName;
  readonly images: IdxFile;
  readonly isTransposed: boolean;
  readonly labels: Uint8Array;
}

/** Whether a tree holds files of this form. */
export const isIdxFolder = (tree: FileTree): boolean => tree.paths.some((path) => IMAGES.test(path));

/**
 * The classes are the labels that occur in train, by their numbers; ids are `train/000000` and so on.
 *
 * Errors: `DATA_EMPTY`, `IDX_DAMAGED`, `IDX_PAIR` for images and labels that do not belong together, `IDX_PARTS`,
 * `GZIP_...`.
 */
export async function readIdxFolder(tree: FileTree): Promise<ImageListing> {
  const parts = new Map<string, Part>();
  for (const path of tree.paths) {
    const [found, prefix, name] = IMAGES.exec(path) ?? [];
    // Downloads are often unpacked beside the compressed files.
    if (!found || (path.endsWith('.gz') && tree.has(path.slice(0, -'.gz'.length)))) continue;
    const part = name === 't10k' ? 'test' : (name as SplitName);
    if (parts.has(part))
      throw new UserError(
        'IDX_PARTS',
        `${tree.root} holds two files of images of ${part}.`,
        'Use one set per folder.',
      );
    parts.set(part, await openPart(tree, path, part, prefix !== ''));
  }
  const train = parts.get('train');
  if (!train)
    throw new UserError(
      'DATA_EMPTY',
      `${tree.root} holds no training images in idx form.`,
      'Expected train-images-idx3-ubyte and train-labels-idx1-ubyte, with or without .gz.',
    );
  const classes = [...new Set(train.labels)].sort((a, b) => a - b).map(String);
  return {
    root: tree.root,
    classes,
    officialParts: [...parts.values()].map(({ part }) => part),
    images: [...parts.values()].flatMap((part) => imagesOf(part, classes, tree.root)),
    problems: [],
    async read(id) {
      const { prefix, index } = numberOf(id);
      const { images, isTransposed } = parts.get(prefix)!;
      const [, height, width] = images.dims;
      const values = await images.read(index);
      return fromGrey(isTransposed ? transposed(values, width, height) : values, width, height);
    },
  };
}

async function openPart(tree: FileTree, path: string, part: SplitName, isTransposed: boolean): Promise<Part> {
  const labelsPath = path.replace('-images', '-labels').replace('idx3', 'idx1');
  const [images, labels] = await Promise.all(
    [path, labelsPath].map(async (name) => openIdx(await uncompressed(await tree.open(name), name), name)),
  );
  const [count] = labels.dims;
  if (
    images.dims.length !== 3 ||
    labels.dims.length !== 1 ||
    images.dims[0] !== count ||
    images.dims.includes(0)
  )
    throw new UserError(
      'IDX_PAIR',
      `${path} has the axes ${images.dims.join(' x ')} and ${labelsPath} ${labels.dims.join(' x ')}.`,
      'Images have three axes, labels one, and there is a label for each image.',
    );
  return { part, images, isTransposed, labels: await labels.readAll() };
}

function imagesOf({ part, labels }: Part, classes: readonly string[], root: string): ListedImage[] {
  return Array.from(labels, (label, index) => {
    const className = String(label);
    if (!classes.includes(className))
      throw new UserError(
        'DATA_CLASS_NOT_IN_TRAIN',
        `The part ${part} of ${root} has the label ${label}, which train lacks.`,
        'Add training images of this class.',
      );
    return { id: numbered(part, index), className, part };
  });
}
