/** `transferlab datasets [name]` and `datasets verify`: published data sets, and what is in a folder. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import {
  contactSheet,
  findOfficial,
  OFFICIAL_DATASETS,
  type OfficialDataset,
  verifyOfficial,
} from '../../data/index.ts';
import { openDataset } from '../../study/index.ts';
import { UserError } from '../../util/errors.ts';
import type { ProgressListener } from '../../util/progress.ts';
import { datasetText, officialListText, officialText, verificationText } from '../datasets-text.ts';
import type { OptionValues } from '../options.ts';
import { cacheFolderOf, textOf, wholeNumber } from '../parse.ts';
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
  const isOfficial = OFFICIAL_DATASETS.some((entry) => entry.name === name);
  const data = textOf(values, 'data');
  if (name === undefined) {
    const entries = OFFICIAL_DATASETS.map(publishedOf);
    print(values, entries, () => officialListText(OFFICIAL_DATASETS));
  } else if (data !== '') {
    await showOpened(`${findOfficial(name).name}=${data}`, values);
  } else if (!isOfficial) await showOpened(name, values);
  else if (values.sheet !== undefined) throw needsData(name);
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
  const { name: known } = findOfficial(name);
  const data = textOf(values, 'data');
  if (data === '') throw needsData(known);
  const { entry, classes, images, checks } = await showingProgress(known, (onProgress) =>
    verifyOfficial(known, data, {
      seed: wholeNumber(values, 'splitSeed', 0),
      cacheFolder: cacheFolderOf(values),
      onProgress,
    }),
  );
  const passed = checks.every((check) => check.passed);
  const { task, metric } = entry;
  const facts = {
    name: known,
    title: entry.title,
    folder: resolve(data),
    task,
    metric,
    classes,
    ...images,
    passed,
    checks,
  };
  print(values, document('verification', facts), () => verificationText(entry.title, resolve(data), checks));
  if (!passed) process.exitCode = 1;
}

async function showOpened(spec: string, values: OptionValues): Promise<void> {
  const sheet = textOf(values, 'sheet');
  const { opened, image } = await showingProgress(spec, async (onProgress) => {
    const splitSeed = wholeNumber(values, 'splitSeed', 0);
    const opened = await openDataset(spec, { splitSeed, cacheFolder: cacheFolderOf(values), onProgress });
    return { opened, image: sheet === '' ? null : await contactSheet(opened, { perClass: SAMPLES }) };
  });
  if (image !== null) {
    await mkdir(dirname(resolve(sheet)), { recursive: true });
    await writeFile(sheet, image);
  }
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

function print(values: OptionValues, json: object, text: () => string): void {
  process.stdout.write(values.json === true ? `${JSON.stringify(json, null, 2)}\n` : text());
}
