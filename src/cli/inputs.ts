/** Opens what a command compares, showing what takes time, and says for the report what it is. */
import { auditDuplicates, type DuplicateAudit, type ImageDataset } from '../data/index.ts';
import type { CompareDocument } from '../report/index.ts';
import type { Device } from '../runtime/index.ts';
import { openDataset } from '../study/index.ts';
import { UserError } from '../util/errors.ts';
import type { ProgressListener } from '../util/progress.ts';
import { type OpenedModel, openModel } from '../weights/index.ts';
import { auditSummary } from './audit-summary.ts';
import type { ProgressDisplay } from './progress.ts';

export interface Opened {
  readonly datasets: readonly { spec: string; dataset: ImageDataset }[];
  readonly models: readonly { spec: string; opened: OpenedModel }[];
}

/** Where things are found and kept. */
export interface Places {
  readonly cacheFolder: string;
  /** Whether weights may be taken from the cache folder only. */
  readonly offline?: boolean;
  readonly splitSeed: number;
}

/** Where and how the cells of a command are computed. */
export interface WorkOptions extends Places {
  /** The folder of store, report and networks. */
  readonly out: string;
  readonly threads: number;
  readonly device: Device;
  /** Bytes that training may take. */
  readonly memory?: number;
  /** Seconds for timing formulations of convolutions at the first start. */
  readonly tuneSeconds: number;
}

/** Opens a model, showing what is downloaded. */
export function openShown(
  spec: string,
  { cacheFolder, offline }: Omit<Places, 'splitSeed'>,
  display: ProgressDisplay,
): Promise<OpenedModel> {
  const onProgress: ProgressListener = ({ phase, note }) => display.prepare(`${phase}: ${note}`);
  return openModel(spec, { cacheFolder, offline, onProgress });
}

/** Opens data sets; their names must differ. */
export async function openDatasets(
  specs: readonly string[],
  { splitSeed, cacheFolder }: Places,
  display: ProgressDisplay,
): Promise<Opened['datasets']> {
  const opened: { spec: string; dataset: ImageDataset }[] = [];
  for (const spec of specs) {
    const dataset = await openDataset(spec, {
      splitSeed,
      cacheFolder,
      onProgress: ({ phase, done, total }) => display.prepare(`${spec}: ${phase}, ${done} of ${total}`),
    });
    opened.push({ spec, dataset });
  }
  requireDistinct(opened.map(({ dataset }) => dataset.name));
  return opened;
}

/**
 * Copies among the images of each data set; what images look like is remembered for the next time. Generated images
 * are not looked at.
 */
export async function auditAll(
  datasets: Opened['datasets'],
  { cacheFolder }: Pick<Places, 'cacheFolder'>,
  display: ProgressDisplay,
): Promise<(DuplicateAudit | undefined)[]> {
  const audits: (DuplicateAudit | undefined)[] = [];
  for (const { spec, dataset } of datasets) {
    if (dataset.generated) {
      audits.push(undefined);
      continue;
    }
    const onProgress: ProgressListener = ({ phase, done, total }) =>
      display.prepare(`${spec}: look for copies: ${phase}, ${done} of ${total}`);
    audits.push(await auditDuplicates([dataset], { cacheFolder, onProgress }));
  }
  return audits;
}

/** @throws UserError NAME_TWICE */
export function requireDistinct(names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new UserError(
    'NAME_TWICE',
    `Two data sets or networks are called "${twice}".`,
    'Rename one of the files or folders.',
  );
}

/** What the report says of a data set. */
export function datasetSummary(
  dataset: ImageDataset,
  audit: DuplicateAudit | undefined,
): CompareDocument['datasets'][number] {
  const { name, classes, metric, fingerprint, problems, splits } = dataset;
  const images = {
    train: splits.train.length,
    validation: splits.validation.length,
    test: splits.test.length,
  };
  return {
    name,
    classes: [...classes],
    images,
    metric,
    fingerprint,
    problems: [...problems],
    ...(audit && { audit: auditSummary(audit) }),
  };
}

/** What the report says of a model. */
export function modelSummary({
  model,
  label,
  source,
  weightsHash,
}: OpenedModel): CompareDocument['models'][number] {
  const { family, parameters, featureSize, input } = model;
  return { name: label, family, parameters, featureSize, inputSize: input.size, source, weightsHash };
}
