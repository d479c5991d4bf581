/** What a reader finds: images with their classes and parts, and how to get at them. Nothing is decoded for it. */
import { UserError } from '../../util/errors.ts';
import { shown } from '../../util/refuse.ts';
import { type DataProblem, type DecodedImage, SPLITS, type SplitName } from '../contract.ts';

export interface ListedImage {
  /** Unique; the path relative to the root with `/`, or a number where images are no files. */
  readonly id: string;
  /** Of an image with several labels the first one, or empty. */
  readonly className: string;
  /** Of all images or of none: the classes that it shows, and those of which nobody said whether it does. */
  readonly several?: { readonly present: readonly string[]; readonly unknown: readonly string[] };
  /** The official part that it lies in; null where there are no official parts. */
  readonly part: SplitName | null;
}

export interface ImageListing {
  /** Absolute path of the folder or file, for messages. */
  readonly root: string;
  readonly classes: readonly string[];
  /** In a stable order. */
  readonly images: readonly ListedImage[];
  /** Empty where there are no official parts; otherwise `train` and possibly others. */
  readonly officialParts: readonly SplitName[];
  /** What was left out or looks wrong. */
  readonly problems: readonly DataProblem[];
  /** The file of an image as it is stored, or its pixels where the data has no files of images. */
  read(id: string): Promise<Uint8Array | DecodedImage>;
}

/**
 * Endings of image files, lower case. Those from `bmp` on cannot be decoded; they are listed so that they are
 * reported as unreadable rather than silently passed over.
 */
export const IMAGE_ENDING =
  /\.(jpg|jpeg|jpe|jfif|png|webp|gif|tif|tiff|avif|bmp|heic|heif|jp2|jxl|pbm|pgm|ppm|tga)$/i;

const PART_NAMES: Readonly<Record<string, SplitName>> = {
  train: 'train',
  training: 'train',
  validation: 'validation',
  val: 'validation',
  valid: 'validation',
  dev: 'validation',
  test: 'test',
  testing: 'test',
};

/** The part that people call so, as in `val` or `Valid`; undefined for other words. */
export function partNamed(name: string): SplitName | undefined {
  const lower = name.toLowerCase();
  return Object.hasOwn(PART_NAMES, lower) ? PART_NAMES[lower] : undefined;
}

/**
 * A listing of images that name their classes and possibly parts one by one. Images without a part belong to train
 * where others have one. Classes are those of train: in the given order, else by number where all are numbers, else by
 * name.
 * @param expected what the form is, one sentence, for errors
 *
 * Errors: `DATA_EMPTY`, `DATA_ONE_CLASS`, `DATA_NO_TRAIN`, `DATA_CLASS_NOT_IN_TRAIN`, `DATA_IMAGE_TWICE`.
 */
export function listingOf(
  found: Pick<ImageListing, 'root' | 'images' | 'problems' | 'read'> & { readonly order?: readonly string[] },
  expected: string,
): ImageListing {
  const { root, problems, read } = found;
  if (found.images.length === 0)
    throw new UserError('DATA_EMPTY', `${root} holds no images with labels.`, expected);
  const officialParts = SPLITS.filter((part) => found.images.some((image) => image.part === part));
  const images = found.images.map((image) =>
    officialParts.length > 0 && image.part === null ? { ...image, part: 'train' as const } : image,
  );
  requireDistinct(images, root);
  const trained = images.filter(({ part }) => part === null || part === 'train');
  if (trained.length === 0)
    throw new UserError(
      'DATA_NO_TRAIN',
      `${root} holds images of ${officialParts.join(' and ')} only.`,
      'Add a train part, or leave parts out to have them drawn.',
    );
  const names = new Set(trained.flatMap(classesOf));
  const classes = found.order?.filter((name) => names.has(name)) ?? sortedClasses(names);
  if (classes.length < 2)
    throw new UserError(
      'DATA_ONE_CLASS',
      `${root} has ${classes.length === 0 ? 'no class' : `one class only, ${shown(classes[0])}`}.`,
      expected,
    );
  requireTrained(images, classes, root);
  const parts: readonly SplitName[] =
    officialParts.length > 0 ? [...new Set<SplitName>(['train', ...officialParts])] : [];
  return { root, problems, read, classes, images, officialParts: parts };
}

/** What readers say of images that have no label, which they leave out; nothing where there are none. */
export function withoutLabel(ids: readonly string[]): DataProblem[] {
  if (ids.length === 0) return [];
  const count = ids.length === 1 ? '1 image was' : `${ids.length} images were`;
  const message = `${count} left out for want of a label, ${shown(ids[0])} the first.`;
  return [{ kind: 'annotation', images: ids, message }];
}

function classesOf({ className, several }: ListedImage): readonly string[] {
  return several?.present ?? [className];
}

function requireTrained(images: readonly ListedImage[], classes: readonly string[], root: string): void {
  const known = new Set(classes);
  for (const image of images) {
    const unknown = classesOf(image).find((name) => !known.has(name));
    if (unknown !== undefined)
      throw new UserError(
        'DATA_CLASS_NOT_IN_TRAIN',
        `The part ${image.part} of ${root} has the class ${shown(unknown)}, which train lacks.`,
        'Add training images of this class, or remove it.',
      );
  }
}

function requireDistinct(images: readonly ListedImage[], root: string): void {
  const seen = new Set<string>();
  for (const { id } of images) {
    if (seen.has(id))
      throw new UserError('DATA_IMAGE_TWICE', `${root} lists ${shown(id)} twice.`, 'List every image once.');
    seen.add(id);
  }
}

function sortedClasses(names: ReadonlySet<string>): string[] {
  const isNumbered = [...names].every((name) => /^\d{1,9}$/.test(name));
  return isNumbered ? [...names].sort((a, b) => Number(a) - Number(b)) : [...names].sort();
}

/** Names of classes by number, made distinct: lists for ImageNet have "crane" twice, the bird and the machine. */
export function distinctNames(names: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return names.map((name, index) => (counts.get(name) === 1 ? name : `${name} (${index})`));
}
