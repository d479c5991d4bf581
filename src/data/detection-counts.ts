/** How many images and objects a detection set has: what a user looks at before anything else. */
import { SPLITS, type SplitName } from './contract.ts';
import type { DetectionDataset, DetectionInstance } from './detection.ts';

type ByPart = Readonly<Record<SplitName, number>>;

export interface DetectionCounts {
  readonly images: ByPart;
  readonly objects: ByPart;
  /** In the order of the data set's classes. */
  readonly perClass: readonly {
    readonly name: string;
    readonly objects: ByPart;
    /** Images of all parts that show the class. */
    readonly images: number;
  }[];
  /** Of the objects in all parts. */
  readonly crowds: number;
  readonly difficult: number;
  readonly masks: number;
  readonly keypoints: number;
  readonly imagesWithoutObjects: number;
  /** Annotations that cannot be right and are no objects. */
  readonly leftOut: number;
}

export function detectionCounts({ classes, splits, leftOut }: DetectionDataset): DetectionCounts {
  const all = SPLITS.flatMap((part) => splits[part]);
  const instances = all.flatMap((image) => image.instances);
  const count = (is: (instance: DetectionInstance) => boolean) => instances.filter(is).length;
  const perClass = classes.map(({ name }) => ({ name, objects: byPart(() => 0), images: 0 }));
  for (const part of SPLITS)
    for (const image of splits[part]) {
      for (const { label } of image.instances) perClass[label].objects[part]++;
      for (const label of new Set(image.instances.map((instance) => instance.label)))
        perClass[label].images++;
    }
  return {
    images: byPart((part) => splits[part].length),
    objects: byPart((part) => splits[part].reduce((sum, image) => sum + image.instances.length, 0)),
    perClass,
    crowds: count(({ crowd }) => crowd),
    difficult: count(({ difficult }) => difficult),
    masks: count(({ mask }) => mask !== undefined),
    keypoints: count(({ keypoints }) => keypoints !== undefined),
    imagesWithoutObjects: all.filter((image) => image.instances.length === 0).length,
    leftOut,
  };
}

const byPart = (count: (part: SplitName) => number): Record<SplitName, number> => ({
  train: count('train'),
  validation: count('validation'),
  test: count('test'),
});
