/** `transferlab datasets audit <data set>`: copies of images within and across its parts, and in another data set. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { auditDuplicates, duplicateSheet, type ImageDataset } from '../../data/index.ts';
import { openDataset } from '../../study/index.ts';
import type { ProgressListener } from '../../util/progress.ts';
import { openModel } from '../../weights/index.ts';
import { auditText } from '../audit-text.ts';
import { openImageFeatures } from '../image-features.ts';
import type { OptionValues } from '../options.ts';
import { cacheFolderOf, textOf, threadsOf, wholeNumber } from '../parse.ts';
import { print } from '../print.ts';
import { ProgressDisplay } from '../progress.ts';

/** Version of the JSON document. */
const AUDIT_VERSION = 1;

/**
 * Prints what the audit found, with `--json` as one document; `--against` names a source data set whose images are
 * looked for too, `--out` a PNG that shows the copies side by side.
 *
 * @throws UserError those of opening a data set
 */
export async function auditDataset(spec: string, values: OptionValues): Promise<void> {
  const display = new ProgressDisplay();
  try {
    const datasets: ImageDataset[] = [];
    const against = textOf(values, 'against');
    for (const name of against === '' ? [spec] : [against, spec]) {
      const dataset = await openDataset(name, {
        splitSeed: wholeNumber(values, 'splitSeed', 0),
        cacheFolder: cacheFolderOf(values),
        onProgress: ({ phase, done, total }) => display.prepare(`${name}: ${phase}, ${done} of ${total}`),
      });
      const taken = datasets.some((other) => other.name === dataset.name);
      datasets.push(taken ? { ...dataset, name: resolve(name) } : dataset);
    }
    const cacheFolder = cacheFolderOf(values);
    const onProgress = shown(display);
    const network = typeof values.network === 'string' ? await openNetwork(values) : undefined;
    const audit = await auditDuplicates(datasets, { cacheFolder, network, onProgress }).finally(() =>
      network?.close(),
    );
    const out = textOf(values, 'out');
    if (out !== '') {
      await mkdir(dirname(resolve(out)), { recursive: true });
      await writeFile(out, await duplicateSheet(datasets, audit));
    }
    display.stop();
    const leftOut = datasets.flatMap(({ problems }) => problems.filter(({ kind }) => kind === 'duplicate'));
    const names = datasets.map(({ name }) => name);
    const document = { kind: 'audit', version: AUDIT_VERSION, datasets: names, ...audit, problems: leftOut };
    print(values, document, () => auditText(names, audit, leftOut));
  } finally {
    display.stop();
  }
}

/** The network that is asked where pixels do not decide. */
async function openNetwork(values: OptionValues) {
  const options = { cacheFolder: cacheFolderOf(values), offline: values.offline === true };
  return openImageFeatures(await openModel(textOf(values, 'network'), options), {
    threads: threadsOf(values),
  });
}

/** Decoding takes most of the time, so that it has most of the bar. */
function shown(display: ProgressDisplay): ProgressListener {
  return ({ phase, done, total }) => {
    const fraction = total === 0 ? 1 : done / total;
    const [start, share] =
      phase === 'look at images' ? [0, 0.8] : phase === 'compare images' ? [0.8, 0.1] : [0.9, 0.1];
    display.update(start + share * fraction, `${phase}: ${done} of ${total}`);
  };
}
