/** `transferlab datasets audit <data set>`: copies of images within and across its parts, and in another data set. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { auditDuplicates, duplicateSheet, type ImageDataset } from '../../data/index.ts';
import { openDataset } from '../../study/index.ts';
import type { ProgressListener } from '../../util/progress.ts';
import { auditText } from '../audit-text.ts';
import type { OptionValues } from '../options.ts';
import { cacheFolderOf, textOf, wholeNumber } from '../parse.ts';
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
    const audit = await auditDuplicates(datasets, {
      cacheFolder: cacheFolderOf(values),
      onProgress: shown(display),
    });
    const out = textOf(values, 'out');
    if (out !== '') {
      await mkdir(dirname(resolve(out)), { recursive: true });
      await writeFile(out, await duplicateSheet(datasets, audit));
    }
    display.stop();
    const leftOut = datasets.flatMap(({ problems }) => problems.filter(({ kind }) => kind === 'duplicate'));
    const names = datasets.map(({ name }) => name);
    if (values.json === true)
      print({ kind: 'audit', version: AUDIT_VERSION, datasets: names, ...audit, problems: leftOut });
    else process.stdout.write(auditText(names, audit, leftOut));
  } finally {
    display.stop();
  }
}

/** Decoding takes most of the time, so that it has most of the bar. */
function shown(display: ProgressDisplay): ProgressListener {
  return ({ phase, done, total }) => {
    const fraction = total === 0 ? 1 : done / total;
    const looking = phase === 'look at images';
    display.update(looking ? 0.9 * fraction : 0.9 + 0.1 * fraction, `${phase}: ${done} of ${total}`);
  };
}

function print(document: object): void {
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}
