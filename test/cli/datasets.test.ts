/**
 * `transferlab datasets`: the list, one published data set, a copy of it, its samples as a picture, and `verify`. Which
 * deviations are found is tested with the registry.
 */
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { OFFICIAL_DATASETS } from '../../src/data/registry/registry.ts';
import { colourFiles } from '../colour-folder.ts';
import { folderOf, temporaryFolder } from '../data/pictures.ts';
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
    for (const { name } of OFFICIAL_DATASETS) expect(text).toMatch(new RegExp(`^${name} `, 'm'));
    expect(text).toMatch(/^pets +37 +3,680 from train +3,669 {2}mean per class$/m);
  });

  it('as JSON has name, classes, parts and metric', async () => {
    const rows = JSON.parse(await output(0, '--json'));
    expect(rows).toHaveLength(OFFICIAL_DATASETS.length);
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
    [['verify', 'pets', '--data', join(official, 'dtd')], 'OFFICIAL_FORM'],
  ])('%j is one clear message', async (args, code) => {
    const result = await runCli('datasets', ...args, '--cache', await temporaryFolder());
    const [message, ...others] = messagesOf(result);
    expect([result.code, result.stdout, others]).toEqual([1, '', []]);
    expect(message).toMatch(new RegExp(`\\. .+\\. \\[${code}\\]$`));
  });
});
