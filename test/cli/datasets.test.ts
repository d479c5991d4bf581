/**
 * `transferlab datasets`: the list, one published data set, a copy of it, its samples as a picture, and `verify`. Which
 * deviations are found is tested with the registry.
 */
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { DETECTION_DATASETS } from '../../src/data/registry/detection.ts';
import { OFFICIAL_DATASETS } from '../../src/data/registry/registry.ts';
import { colourFiles } from '../colour-folder.ts';
import { folderOf, temporaryFolder } from '../data/pictures.ts';
import { vocCopy } from '../data/voc-copy.ts';
import { describeShared, sharedPath } from '../shared.ts';
import { messagesOf, runCli } from './run.ts';

const COLUMNS = 80;
const official = resolve(import.meta.dirname, '../fixtures/data/official');

async function output(code: number, ...args: string[]): Promise<string> {
  const result = await runCli('datasets', ...args, '--cache', await temporaryFolder());
  expect([result.code, messagesOf(result)]).toEqual([code, []]);
  return result.stdout;
}

describe('what was published', () => {
  it('is listed, a line for each data set', async () => {
    const text = await output(0);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(COLUMNS);
    for (const { name } of [...OFFICIAL_DATASETS, ...DETECTION_DATASETS])
      expect(text).toMatch(new RegExp(`^${name} `, 'm'));
    expect(text).toMatch(/^pets +37 +3,680 from train +3,669 {2}mean per class$/m);
  });

  it('as JSON has name, classes, parts and metric', async () => {
    const rows = JSON.parse(await output(0, '--json'));
    expect(rows).toHaveLength(OFFICIAL_DATASETS.length + DETECTION_DATASETS.length);
    expect(rows).toContainEqual(
      expect.objectContaining({
        name: 'coco2017',
        task: 'detection',
        classes: 80,
        train: 118_287,
        test: null,
      }),
    );
    expect(rows).toContainEqual(
      expect.objectContaining({
        name: 'flowers102',
        classes: 102,
        train: 1020,
        validation: 1020,
        test: 6149,
        metric: 'meanPerClass',
      }),
    );
  });

  it('has a page for each data set, which says what it must look like on disk', async () => {
    const text = await output(0, 'pets');
    expect(text).toMatch(/^Oxford-IIIT Pets\n/);
    expect(text).toContain('images/BREED_NUMBER.jpg');
    expect(JSON.parse(await output(0, 'pets', '--json'))).toMatchObject({ name: 'pets', validation: null });
  });
});

describe('what is in a folder', () => {
  it('is counted by part and class, with a picture of samples', async () => {
    const sheet = join(await temporaryFolder(), 'new/samples.png');
    const text = await output(0, 'pets', '--data', join(official, 'pets'), '--sheet', sheet);
    expect(text).toMatch(/^pets: 3 classes, mean per class\n/);
    expect(text).toMatch(/^ +2 +1 +2 {2}american_bulldog$/m);
    expect(text).toContain(
      '! This copy of Oxford-IIIT Pets is not as published: classes, expected 37, found 3.',
    );
    const { format, height } = await sharp(sheet).metadata();
    expect([format, height]).toEqual(['png', 3 * 66 - 2]);
  });

  it('may be any folder that compare takes', async () => {
    const folder = await folderOf(await colourFiles({ red: 5, green: 5 }));
    const shown = JSON.parse(await output(0, folder, '--json'));
    expect(shown).toMatchObject({
      kind: 'dataset',
      classes: 2,
      train: 6,
      validation: 2,
      test: 2,
      metric: 'top1',
    });
    expect(shown.classNames).toEqual(['green', 'red']);
    const named = JSON.parse(await output(0, `dtd=${join(official, 'dtd')}`, '--json'));
    expect(named).toMatchObject({ name: 'dtd', classes: 3, train: 6, validation: 6, test: 6 });
  });
});

describe('what is in a detection set', () => {
  it('is counted by part and class, with a picture of samples', async () => {
    const { folder, pictures } = await vocCopy(4);
    const sheet = join(await temporaryFolder(), 'boxes.png');
    const shown = JSON.parse(await output(0, folder, '--sheet', sheet, '--json'));
    expect(shown).toMatchObject({
      kind: 'dataset',
      task: 'detection',
      classes: 3,
      train: 4,
      validation: 4,
      test: 4,
    });
    const objects = pictures.flatMap((picture) => picture.objects);
    expect(shown.counts.difficult).toBe(objects.filter(({ difficult }) => difficult).length);
    const [aeroplane] = shown.counts.perClass;
    const { train, validation, test } = aeroplane.objects;
    expect([aeroplane.name, train + validation + test]).toEqual([
      'aeroplane',
      objects.filter(({ label }) => label === 0).length,
    ]);
    expect((await sharp(sheet).metadata()).height).toBe(3 * 196 - 4);
    const text = await output(0, 'voc2007-detection', '--data', folder);
    expect(text).toMatch(/^voc2007-detection: 3 classes, boxes\n/);
    expect(text).toMatch(/^ +4 +4 +4 {2}images$/m);
    expect(text).toContain('Images without objects: 0. Annotations left out: 0.\n');
  });

  it('has a page of what was published', async () => {
    const text = await output(0, 'voc2007-detection');
    expect(text).toMatch(/^PASCAL VOC 2007 detection\n/);
    expect(text).toContain('24,640 that are not difficult\n');
  });
});

describeShared('detection/bccd', () => {
  it('is as published, the two empty boxes included', async () => {
    const text = await output(0, 'verify', 'bccd', '--data', sharedPath('data', 'detection', 'bccd'));
    expect(text).toContain('  objects: 4,888\n  annotations that cannot be right: 2\n');
    expect(text).toMatch(/\nAs published\.\n$/);
  });
});

describeShared('detection/coco128', () => {
  it('is no copy of COCO', async () => {
    const folder = sharedPath('data', 'detection', 'coco128');
    const text = await output(1, 'verify', 'coco2017', '--data', folder);
    expect(text).toContain('! train images: 128 where 118,287 are expected\n');
    expect(text).toContain('  classes: 80\n');
    expect(await output(0, folder)).toContain('10 objects are crowds.\n939 objects have masks.\n');
  });
});

describe('verify', () => {
  it('names each deviation with what was expected and found, and ends with 1', async () => {
    const folder = join(official, 'flowers102');
    const text = await output(1, 'verify', 'flowers102', '--data', folder);
    expect(text).toContain('! test images: 6 where 6,149 are expected\n');
    expect(text).toMatch(/\nNot as published: \d+ of \d+ checks found something else\.\n$/);
    const document = JSON.parse(await output(1, 'verify', 'flowers102', '--data', folder, '--json'));
    expect(document).toMatchObject({ kind: 'verification', name: 'flowers102', folder, passed: false });
    expect(document).toMatchObject({ classes: 3, train: 3, validation: 3, test: 6, metric: 'meanPerClass' });
    expect(document.checks[0]).toEqual({
      name: 'classes',
      expected: 102,
      found: 3,
      passed: false,
      examples: [],
    });
    // The copy has lists of its own, so that their MD5 is not the published one.
    expect(document.checks).toContainEqual(
      expect.objectContaining({
        name: 'MD5 of setid.mat',
        expected: 'a5357ecc9cb78c4bef273ce3793fc85c',
        passed: false,
      }),
    );
  });

  it.each([
    [['verify', 'pets'], 'DATASET_NEEDS_DATA'],
    [['pets', '--sheet', 'x.png'], 'DATASET_NEEDS_DATA'],
    [['verify', 'cats', '--data', '.'], 'UNKNOWN_DATASET'],
    [['cats=.'], 'UNKNOWN_DATASET'],
    [['coco2017=.'], 'DATASET_TASK'],
    [['verify', 'coco2017'], 'DATASET_NEEDS_DATA'],
    [['verify', 'coco2017', '--data', join(official, 'dtd')], 'COCO_NO_DOCUMENT'],
    [['verify', 'pets', '--data', join(official, 'dtd')], 'OFFICIAL_FORM'],
  ])('%j is one clear message', async (args, code) => {
    const result = await runCli('datasets', ...args, '--cache', await temporaryFolder());
    const [message, ...others] = messagesOf(result);
    expect([result.code, result.stdout, others]).toEqual([1, '', []]);
    expect(message).toMatch(new RegExp(`\\. .+\\. \\[${code}\\]$`));
  });
});
