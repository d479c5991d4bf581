/** What the program knows of a published data set: counts, metric and form on disk, and what a reader finds of it. */
import type { FileTree } from '../containers/file-tree.ts';
import type { DecodedImage, Metric, SplitName, Task } from '../contract.ts';

export interface Range {
  readonly from: number;
  readonly to: number;
}

export interface OfficialDataset {
  /** What users type, such as `food101`. */
  readonly name: string;
  readonly title: string;
  /** Authors, title in short and year. */
  readonly reference: string;
  readonly task: Task;
  readonly metric: Metric;
  readonly classes: number;
  /** Published numbers of images; `validation: 'held out'` where the authors give none and it is drawn from train. */
  readonly images: {
    readonly train: number;
    readonly validation: number | 'held out';
    readonly test: number;
  };
  /** Published numbers of images of each class, before a validation part is held out; where the authors state them. */
  readonly perClass?: Partial<Readonly<Record<SplitName, Range>>>;
  /** MD5 of files as the authors distribute them, by their names; checked where such a file lies in the folder. */
  readonly md5?: Readonly<Record<string, string>>;
  /** What the folder must hold, one sentence. */
  readonly form: string;
  /**
   * Finds images, classes and official parts without decoding anything.
   * @param seed of parts that the authors' protocol draws, as for Caltech-101
   * @throws UserError OFFICIAL_FORM where the files are not as `form` says, OFFICIAL_LIST where a list is damaged
   */
  read(tree: FileTree, seed: number): Promise<OfficialListing>;
}

/** What an entry states itself; the rest is as for most sets. */
interface OfficialFacts extends Omit<OfficialDataset, 'task' | 'metric' | 'images' | 'perClass' | 'read'> {
  /** Default: single-label. */
  readonly task?: Task;
  /** Default: top1. */
  readonly metric?: Metric;
  /** `validation` by default held out of train. */
  readonly images: { readonly train: number; readonly validation?: number; readonly test: number };
  /** A number where every class has as many. */
  readonly perClass?: Partial<Readonly<Record<SplitName, Range | number>>>;
  /** @param titled title and form, for errors */
  read(tree: FileTree, seed: number, titled: Titled): Promise<OfficialListing>;
}

/** A data set and its form on disk, as errors name them. */
export type Titled = Pick<OfficialDataset, 'title' | 'form'>;

/** The entry of a published data set from the facts in which it differs from others. */
export function officialDataset(facts: OfficialFacts): OfficialDataset {
  const { images, perClass = {} } = facts;
  const ranges = Object.entries(perClass).map(([part, count]) => [
    part,
    typeof count === 'number' ? { from: count, to: count } : count,
  ]);
  return {
    task: 'single-label',
    metric: 'top1',
    ...facts,
    images: { ...images, validation: images.validation ?? 'held out' },
    perClass: Object.fromEntries(ranges),
    read: (tree, seed) => facts.read(tree, seed, facts),
  };
}

export interface OfficialImage {
  /** Path in the data set's own layout, whatever archive it lies in; distinct. */
  readonly id: string;
  readonly label: number;
  readonly labels?: readonly number[];
  /** Validation only where the authors give such a part. */
  readonly part: SplitName;
  /** Where the authors publish it. */
  readonly md5?: string;
}

/** What was found in a folder. Deviations from what was published are data here; `verify.ts` names them. */
export interface OfficialListing {
  readonly classes: readonly string[];
  /** Images that are there, each once. One in the lists of two parts is in the part that is used last. */
  readonly images: readonly OfficialImage[];
  /** Images that lists name and that are not there. */
  readonly missing: readonly string[];
  /** Images that are there and in no list; null where the data set has such by design. */
  readonly unlisted: readonly string[] | null;
  /** Images that the list of a part names more than once. */
  readonly repeated: readonly string[];
  /** Images that are in the lists of two parts. */
  readonly shared: readonly string[];
  /** An image's file, or its pixels where the data set has no files of images. */
  content(image: OfficialImage): Promise<Uint8Array | DecodedImage>;
}
