/** `transferlab datasets [name]` and `datasets verify`: published data sets, and what is in a folder. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import {
  contactSheet,
  type DatasetCheck,
  DETECTION_DATASETS,
  type DetectionDataset,
  detectionCounts,
  detectionSheet,
  findDetection,
  findOfficial,
  OFFICIAL_DATASETS,
  type OfficialDataset,
  type OfficialDetection,
  openLocalDetection,
  verifyDetection,
  verifyOfficial,
} from '../../data/index.ts';
import { openDataset } from '../../study/index.ts';
import { UserError } from '../../util/errors.ts';
import type { ProgressListener } from '../../util/progress.ts';
import { datasetText, officialListText, officialText, verificationText } from '../datasets-text.ts';
import { detectionText, officialDetectionText } from '../detection-text.ts';
import type { OptionValues } from '../options.ts';
import { cacheFolderOf, textOf, wholeNumber } from '../parse.ts';
import { print } from '../print.ts';
import { ProgressDisplay } from '../progress.ts';

/** Version of the JSON documents of one data set and of a verification. */
const DATASET_VERSION = 1;
/** Sample images of each class on a sheet. */
const SAMPLES = 8;

/**
 * Without a name, the published data sets. With the name of one, what was published of it; with `--data`, or with
 * anything that `compare` takes, what is there, and with `--sheet` sample images of each class.
 * @throws UserError DATASET_NEEDS_DATA, and those of opening a data set
 */
export async function datasets(name: string | undefined, values: OptionValues): Promise<void> {
  const data = textOf(values, 'data');
  if (name === undefined) {
    const entries = [...OFFICIAL_DATASETS.map(publishedOf), ...DETECTION_DATASETS.map(publishedDetectionOf)];
    print(values, entries, () => officialListText(OFFICIAL_DATASETS, DETECTION_DATASETS));
    return;
  }
  const detection = findDetection(name);
  const isOfficial = detection !== undefined || OFFICIAL_DATASETS.some((entry) => entry.name === name);
  if (data !== '') {
    if (!detection) await showOpened(`${findOfficial(name).name}=${data}`, values);
    else await showDetection(name, (options) => detection.open(data, options), values);
  } else if (!isOfficial) {
    const isDetection = await showDetection(name, (options) => openLocalDetection(name, options), values);
    if (!isDetection) await showOpened(name, values);
  } else if (values.sheet !== undefined) throw needsData(name);
  else if (detection)
    print(values, document('dataset', publishedDetectionOf(detection)), () =>
      officialDetectionText(detection),
    );
  else
    print(values, document('dataset', publishedOf(findOfficial(name))), () =>
      officialText(findOfficial(name)),
    );
}

/**
 * Compares a copy with what was published. The exit code is 1 when it deviates.
 * @throws UserError DATASET_NEEDS_DATA, and those of `verifyOfficial`
 */
export async function verifyDataset(name: string, values: OptionValues): Promise<void> {
  const detection = findDetection(name);
  const known = detection?.name ?? findOfficial(name).name;
  const data = textOf(values, 'data');
  if (data === '') throw needsData(known);
  if (detection) {
    await verifyDetectionCopy(detection, data, values);
    return;
  }
  const { entry, classes, images, checks } = await showingProgress(known, (onProgress) =>
    verifyOfficial(known, data, {
      seed: wholeNumber(values, 'splitSeed', 0),
      cacheFolder: cacheFolderOf(values),
      onProgress,
    }),
  );
  const { task, metric } = entry;
  printVerification(entry, data, { task, metric, classes, ...images }, checks, values);
}

async function verifyDetectionCopy(
  entry: OfficialDetection,
  data: string,
  values: OptionValues,
): Promise<void> {
  const { dataset, checks } = await showingProgress(entry.name, (onProgress) =>
    verifyDetection(entry, data, { cacheFolder: cacheFolderOf(values), onProgress }),
  );
  const { images } = detectionCounts(dataset);
  const facts = { task: 'detection', metric: null, classes: dataset.classes.length, ...images };
  printVerification(entry, data, facts, checks, values);
}

/** @param found what the copy holds, for the JSON document */
function printVerification(
  { name, title }: Pick<OfficialDataset, 'name' | 'title'>,
  data: string,
  found: object,
  checks: readonly DatasetCheck[],
  values: OptionValues,
): void {
  const folder = resolve(data);
  const passed = checks.every((check) => check.passed);
  const facts = { name, title, folder, ...found, passed, checks };
  print(values, document('verification', facts), () => verificationText(title, folder, checks));
  if (!passed) process.exitCode = 1;
}

/** Prints what a detection set holds; returns false where `open` finds that it is none. */
async function showDetection(
  what: string,
  open: (options: { cacheFolder: string; onProgress: ProgressListener }) => Promise<DetectionDataset | null>,
  values: OptionValues,
): Promise<boolean> {
  const sheet = textOf(values, 'sheet');
  const cacheFolder = cacheFolderOf(values);
  const opened = await showingProgress(what, (onProgress) => open({ cacheFolder, onProgress }));
  if (!opened) return false;
  if (sheet !== '') await writeSheet(sheet, await detectionSheet(opened));
  const counts = detectionCounts(opened);
  const { name, classes, problems, fingerprint } = opened;
  const facts = {
    name,
    task: 'detection',
    metric: null,
    classes: classes.length,
    ...counts.images,
    classNames: classes.map((one) => one.name),
    counts,
    fingerprint,
    problems,
    ...(sheet === '' ? {} : { sheet: resolve(sheet) }),
  };
  print(values, document('dataset', facts), () => detectionText(opened, counts, sheet === '' ? null : sheet));
  return true;
}

async function showOpened(spec: string, values: OptionValues): Promise<void> {
  const sheet = textOf(values, 'sheet');
  const { opened, image } = await showingProgress(spec, async (onProgress) => {
    const splitSeed = wholeNumber(values, 'splitSeed', 0);
    const opened = await openDataset(spec, { splitSeed, cacheFolder: cacheFolderOf(values), onProgress });
    return { opened, image: sheet === '' ? null : await contactSheet(opened, { perClass: SAMPLES }) };
  });
  if (image !== null) await writeSheet(sheet, image);
  const { name, task, metric, classes, splits, problems, fingerprint } = opened;
  const { train, validation, test } = splits;
  const facts = {
    name,
    task,
    metric,
    classes: classes.length,
    train: train.length,
    validation: validation.length,
    test: test.length,
    classNames: classes,
    fingerprint,
    problems,
    ...(sheet === '' ? {} : { sheet: resolve(sheet) }),
  };
  print(values, document('dataset', facts), () => datasetText(opened, sheet === '' ? null : sheet));
}

/** What was published; `validation` is null where the authors give none. */
function publishedOf({ name, title, reference, task, metric, classes, images, form }: OfficialDataset) {
  const { train, test, validation } = images;
  return {
    name,
    title,
    reference,
    task,
    metric,
    classes,
    train,
    validation: validation === 'held out' ? null : validation,
    test,
    form,
  };
}

/** What was published of a detection set; a part is null where it has no annotations in public. */
function publishedDetectionOf({ name, title, reference, classes, images, objects, form }: OfficialDetection) {
  return {
    name,
    title,
    reference,
    task: 'detection',
    metric: null,
    classes,
    train: images.train ?? null,
    validation: images.validation ?? null,
    test: images.test ?? null,
    objects,
    form,
  };
}

async function writeSheet(path: string, image: Uint8Array): Promise<void> {
  await mkdir(dirname(resolve(path)), { recursive: true });
  await writeFile(path, image);
}

async function showingProgress<T>(what: string, work: (listen: ProgressListener) => Promise<T>): Promise<T> {
  const display = new ProgressDisplay();
  try {
    return await work(({ phase, done, total }) =>
      display.update(total === 0 ? 1 : done / total, `${what}: ${phase}, ${done} of ${total}`),
    );
  } finally {
    display.stop();
  }
}

function needsData(name: string): UserError {
  return new UserError(
    'DATASET_NEEDS_DATA',
    `It was not said where the images of ${name} are.`,
    `Name the folder or archive: --data <folder>; \`transferlab datasets ${name}\` says what it must hold.`,
  );
}

const document = (kind: string, facts: object) => ({ kind, version: DATASET_VERSION, ...facts });
