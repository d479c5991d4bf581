/** Published detection sets: what is known of them, and how a copy compares with it. */
import { SPLITS, type SplitName } from '../contract.ts';
import { openCocoDetection } from '../datasets/coco.ts';
import type { LocalDetectionOptions } from '../datasets/local-detection.ts';
import { openVocDetection } from '../datasets/voc-detection.ts';
import type { DetectionDataset } from '../detection.ts';
import { groupByContent } from '../split.ts';
import { type DatasetCheck, noneOf, numberCheck } from './checks.ts';
import { hashChecks } from './hashes.ts';

export interface OfficialDetection {
  /** What users type, such as `coco2017`. */
  readonly name: string;
  readonly title: string;
  readonly reference: string;
  readonly classes: number;
  /** Images with annotations in public; a part that has none is left out. */
  readonly images: Partial<Readonly<Record<SplitName, number>>>;
  /** Annotated objects in all parts, those that cannot be right included; as `counted` says. */
  readonly objects: number;
  /** `all`: crowds and difficult objects too. `not difficult`: as the VOC challenge counts. */
  readonly counted: 'all' | 'not difficult';
  /** How many annotations cannot be right in the published files, where that is known. */
  readonly leftOut?: number;
  readonly md5?: Readonly<Record<string, string>>;
  readonly form: string;
  open(path: string, options: LocalDetectionOptions): Promise<DetectionDataset>;
}

export const DETECTION_DATASETS: readonly OfficialDetection[] = [
  {
    name: 'coco2017',
    title: 'COCO 2017 (instances)',
    reference: 'Lin et al., Microsoft COCO: Common objects in context, 2014',
    classes: 80,
    images: { train: 118_287, validation: 5000 },
    objects: 896_782,
    counted: 'all',
    md5: {
      'train2017.zip': 'cced6f7f71b7629ddf16f17bbcfab6b2',
      'val2017.zip': '442b8da7639aecaf257c1dceb8ba8c80',
      'annotations_trainval2017.zip': 'f4bbac642086de4f52a3fdda2de5fa2c',
    },
    form: 'annotations/instances_train2017.json and instances_val2017.json, train2017/ and val2017/',
    open: (path, options) => openCocoDetection(path, { ...options, name: 'coco2017' }),
  },
  {
    name: 'voc2007-detection',
    title: 'PASCAL VOC 2007 detection',
    reference: 'Everingham et al., The PASCAL visual object classes (VOC) challenge, 2010',
    classes: 20,
    images: { train: 2501, validation: 2510, test: 4952 },
    objects: 24_640,
    counted: 'not difficult',
    md5: {
      'VOCtrainval_06-Nov-2007.tar': 'c52e279531787c972589f7e41ab4ae64',
      'VOCtest_06-Nov-2007.tar': 'b6e924de25625d8de591ea690078ad9f',
    },
    form: 'VOCdevkit/VOC2007/ with Annotations/NUMBER.xml, JPEGImages/NUMBER.jpg and ImageSets/Main/train.txt, val.txt and test.txt',
    open: (path, options) =>
      openVocDetection(path, { ...options, name: 'voc2007-detection', coordinates: 'pixels' }),
  },
  {
    name: 'bccd',
    title: 'BCCD (blood cells)',
    reference: 'Shenggan, BCCD dataset, 2017',
    classes: 3,
    images: { train: 205, validation: 87, test: 72 },
    objects: 4888,
    counted: 'all',
    leftOut: 2,
    form: 'Annotations/NAME.xml, JPEGImages/NAME.jpg and ImageSets/Main/train.txt, val.txt and test.txt',
    open: (path, options) => openVocDetection(path, { ...options, name: 'bccd' }),
  },
  {
    name: 'raccoon',
    title: 'Raccoon',
    reference: 'Tran, Raccoon dataset, 2017',
    classes: 1,
    images: { train: 200 },
    objects: 217,
    counted: 'all',
    leftOut: 0,
    form: 'annotations/NAME.xml and images/NAME.jpg',
    open: (path, options) => openVocDetection(path, { ...options, name: 'raccoon' }),
  },
];

export const findDetection = (name: string): OfficialDetection | undefined =>
  DETECTION_DATASETS.find((entry) => entry.name === name);

/** What a copy of a published detection set holds, each with what was published. */
function detectionChecks(entry: OfficialDetection, dataset: DetectionDataset): DatasetCheck[] {
  const { classes, splits, problems, leftOut } = dataset;
  const all = SPLITS.flatMap((part) => splits[part]);
  const instances = all.flatMap((image) => image.instances);
  const counted = entry.counted === 'all' ? instances : instances.filter(({ difficult }) => !difficult);
  const unreadable = problems.flatMap(({ kind, images }) => (kind === 'unreadable' ? images : []));
  const parted = SPLITS.flatMap((part) =>
    splits[part].map(({ id, contentHash }) => ({ id, contentHash, part, label: 0 })),
  );
  const copies = groupByContent(parted)
    .filter(({ images }) => new Set(images.map(({ part }) => part)).size > 1)
    .map(({ images }) => images.map(({ id }) => id).join(' = '));
  return [
    numberCheck('classes', entry.classes, classes.length),
    ...SPLITS.map((part) => numberCheck(`${part} images`, entry.images[part] ?? 0, splits[part].length)),
    numberCheck(
      entry.counted === 'all' ? 'objects' : 'objects that are not difficult',
      entry.objects,
      counted.length + leftOut,
    ),
    ...(entry.leftOut === undefined
      ? []
      : [numberCheck('annotations that cannot be right', entry.leftOut, leftOut)]),
    noneOf('images that are missing, damaged or of another size than stated', unreadable),
    noneOf('images with a copy in another part', copies),
  ];
}

/** Everything that can be checked, the MD5 of downloaded files included. Errors: those of the entry's `open`. */
export async function verifyDetection(
  entry: OfficialDetection,
  path: string,
  options: LocalDetectionOptions,
): Promise<{ dataset: DetectionDataset; checks: DatasetCheck[] }> {
  const dataset = await entry.open(path, options);
  const checks = [...detectionChecks(entry, dataset), ...(await hashChecks(entry, path, options.onProgress))];
  return { dataset, checks };
}
