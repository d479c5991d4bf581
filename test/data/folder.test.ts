/**
 * Folder data sets: layouts, drawn parts, damaged files, duplicates, and one clear error for each way in which
 * a folder can be wrong. Images are made on the spot; the last group reads real subsets and holds the counts to
 * what their documentation says.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import {
  chmod,
  copyFile,
  mkdir,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { type ImageDataset, SPLITS } from '../../src/data/contract.ts';
import { openFolderDataset } from '../../src/data/datasets/folder.ts';
import { openLocalDataset } from '../../src/data/datasets/local.ts';
import { drawParts, groupByContent } from '../../src/data/split.ts';
import { describeShared, sharedPath } from '../shared.ts';
import { classFiles, folderOf, jpeg, temporaryFolder } from './pictures.ts';

const counts = (dataset: ImageDataset) => SPLITS.map((split) => dataset.splits[split].length);
const ids = (dataset: ImageDataset) => SPLITS.map((split) => dataset.splits[split].map(({ id }) => id));

async function codeOf(path: string): Promise<string> {
  const error = await openFolderDataset(path, { seed: 1 }).then(
    () => null,
    (thrown) => thrown,
  );
  expect(error?.name).toBe('UserError');
  return error.code;
}

describe('layouts', () => {
  test('class folders are split 60/20/20 per class, with nested folders and stray files', async () => {
    const files = await classFiles({ dog: 10, cat: 4, 'ant/old': 3 });
    const folder = await folderOf({
      ...files,
      'cat/notes.txt': 'no image',
      'README.md': '',
      '.git/x.jpg': '',
    });
    const dataset = await openFolderDataset(folder, { seed: 1, name: 'pets' });
    expect(dataset.name).toBe('pets');
    expect(dataset.classes).toEqual(['ant', 'cat', 'dog']);
    expect(counts(dataset)).toEqual([1 + 2 + 6, 1 + 1 + 2, 1 + 1 + 2]);
    expect(dataset.problems).toEqual([]);
    for (const split of SPLITS)
      for (const { id, label } of dataset.splits[split])
        expect(id.split('/')[0]).toBe(dataset.classes[label]);
    expect(ids(dataset).flat().sort()).toEqual(Object.keys(files).sort());
  });

  test('official parts are taken as they are', async () => {
    const train = await classFiles({ a: 3, b: 2 }, 'train/');
    const val = await classFiles({ a: 1, b: 1 }, 'val/', 20);
    const given = await classFiles({ a: 2, b: 2 }, 'test/', 40);
    const folder = await folderOf({ ...train, ...val, ...given });
    const dataset = await openFolderDataset(folder, { seed: 1 });
    expect(ids(dataset)).toEqual([train, val, given].map((files) => Object.keys(files).sort()));
    const other = await openFolderDataset(folder, { seed: 2 });
    expect(other.fingerprint).toBe(dataset.fingerprint);
  });

  test('a missing validation or test part is drawn from train', async () => {
    const train = await classFiles({ a: 8, b: 8 }, 'train/');
    const given = await classFiles({ a: 2, b: 2 }, 'test/', 40);
    const withTest = await openFolderDataset(await folderOf({ ...train, ...given }), { seed: 1 });
    expect(counts(withTest)).toEqual([12, 4, 4]);
    const trainOnly = await openFolderDataset(await folderOf(train), { seed: 1 });
    expect(counts(trainOnly)).toEqual([8, 4, 4]);
  });

  test('a class may be named "train"', async () => {
    const dataset = await openFolderDataset(await folderOf(await classFiles({ bus: 3, train: 3 })), {
      seed: 1,
    });
    expect(dataset.classes).toEqual(['bus', 'train']);
  });

  test('links are followed, circles and dead links do no harm', async () => {
    const files = await classFiles({ a: 3, b: 3 });
    const folder = await folderOf(files);
    const outside = await folderOf({ 'x.jpg': await jpeg(99) });
    await symlink(outside, join(folder, 'a', 'linked'));
    await symlink('..', join(folder, 'a', 'circle'));
    await symlink('nowhere', join(folder, 'b', 'dead.jpg'));
    const dataset = await openFolderDataset(folder, { seed: 1 });
    expect(ids(dataset).flat().sort()).toEqual([...Object.keys(files), 'a/linked/x.jpg'].sort());
    expect(dataset.problems.map(({ kind, images }) => [kind, images])).toEqual([
      ['unreadable', ['b/dead.jpg']],
    ]);
  });
});

describe('what is no data on a disk', () => {
  const open = (folder: string) => openFolderDataset(folder, { seed: 1 });

  test('pipes, links to them and lost+found are passed over', async () => {
    const files = await classFiles({ a: 3, b: 3 });
    const folder = await folderOf(files);
    await mkdir(join(folder, 'lost+found'));
    execFileSync('/bin/sh', ['-c', 'mkfifo "$0"', join(folder, 'a/z.png')]);
    await symlink(join(folder, 'a/z.png'), join(folder, 'b/linked.png'));
    const dataset = await open(folder);
    expect(ids(dataset).flat().sort()).toEqual(Object.keys(files).sort());
    expect([dataset.classes, dataset.problems]).toEqual([['a', 'b'], []]);
    const cacheFolder = await temporaryFolder();
    expect((await openLocalDataset(folder, { seed: 1, cacheFolder })).fingerprint).toBe(dataset.fingerprint);
  });

  test('a file that is too large to be read at once is reported', async () => {
    const folder = await folderOf({ ...(await classFiles({ a: 3, b: 3 })), 'a/large.jpg': '' });
    await truncate(join(folder, 'a/large.jpg'), 2 ** 29 + 1);
    expect((await open(folder)).problems.map(({ message }) => message)).toEqual([
      `"a/large.jpg" was skipped: ${folder}/a/large.jpg has ${2 ** 29 + 1} bytes.`,
    ]);
  });

  test.each([0o000, 0o644])('a folder that may not be read (%o) is named', async (mode) => {
    const folder = await folderOf(await classFiles({ a: 3, b: 3, 'b/deep': 1 }));
    await chmod(folder, 0o755);
    await chmod(join(folder, 'b'), mode);
    const cacheFolder = await temporaryFolder();
    const isRoot = process.geteuid?.() === 0;
    // The administrator may read everything.
    if (isRoot) process.seteuid?.(65_534);
    try {
      for (const again of [open, () => openLocalDataset(folder, { seed: 1, cacheFolder })]) {
        const opened = again(folder);
        await expect(opened).rejects.toMatchObject({ code: 'FOLDER_UNREADABLE' });
        await expect(opened).rejects.toThrow(`The folder ${folder}/b`);
      }
    } finally {
      if (isRoot) process.seteuid?.(0);
      await chmod(join(folder, 'b'), 0o755);
    }
  });
});

describe('drawn parts', () => {
  test('depend on the seed and on nothing else', async () => {
    const files = await classFiles({ a: 10, b: 10 });
    const [one, two] = [await folderOf(files), await folderOf(files)];
    const first = await openFolderDataset(one, { seed: 1 });
    expect(ids(await openFolderDataset(two, { seed: 1 }))).toEqual(ids(first));
    expect((await openFolderDataset(two, { seed: 1 })).fingerprint).toBe(first.fingerprint);
    const other = await openFolderDataset(one, { seed: 2 });
    expect(ids(other)).not.toEqual(ids(first));
    expect(other.fingerprint).not.toBe(first.fingerprint);
  });

  test('fractions are an option and must make sense', async () => {
    const folder = await folderOf(await classFiles({ a: 10, b: 10 }));
    const fractions = { train: 0.8, validation: 0.1, test: 0.1 };
    expect(counts(await openFolderDataset(folder, { seed: 1, fractions }))).toEqual([16, 2, 2]);
    const wrong = openFolderDataset(folder, { seed: 1, fractions: { ...fractions, test: 0 } });
    await expect(wrong).rejects.toMatchObject({ code: 'DATA_FRACTIONS' });
  });

  test('are disjoint, complete, keep copies together and leave no class out', () => {
    const share = fc.double({ min: 0.01, max: 1, noNaN: true });
    const image = fc.record({ label: fc.nat(2), contentHash: fc.integer({ min: 0, max: 30 }).map(String) });
    fc.assert(
      fc.property(fc.array(image), share, share, share, fc.nat(), (images, a, b, c, seed) => {
        const numbered = images.map((given, id) => ({ ...given, id }));
        const groups = groupByContent(numbered);
        const fractions = { train: a / (a + b + c), validation: b / (a + b + c), test: c / (a + b + c) };
        const parts = drawParts(groups, ['x', 'y', 'z'], ['validation', 'test'], fractions, seed);
        const all = SPLITS.flatMap((split) => parts[split].map(({ id }) => id)).sort((x, y) => x - y);
        expect(all).toEqual(numbered.map(({ id }) => id));
        for (const label of [0, 1, 2]) {
          const own = groups.filter((group) => group.label === label);
          const used = SPLITS.filter((split) =>
            own.some(({ images: [first] }) => parts[split].includes(first)),
          );
          expect(used.length).toBe(own.length >= 3 ? 3 : used.length);
        }
        for (const { images: copies } of groups)
          expect(SPLITS.filter((split) => parts[split].some((one) => copies.includes(one)))).toHaveLength(1);
      }),
    );
  });
});

describe('damaged files', () => {
  test('are reported with the reason and skipped', async () => {
    const good = await classFiles({ a: 3, b: 3 });
    const photo = await jpeg(50, 300, 200);
    const png = await sharp(photo).png().toBuffer();
    const folder = await folderOf({
      ...good,
      'a/empty.jpg': '',
      'a/text.png': 'this is no image',
      'a/truncated.jpg': photo.subarray(0, photo.length - 200),
      'b/truncated.png': png.subarray(0, png.length / 2),
      'b/old.bmp': 'BM',
    });
    const dataset = await openFolderDataset(folder, { seed: 1 });
    expect(ids(dataset).flat().sort()).toEqual(Object.keys(good).sort());
    const damaged = ['a/empty.jpg', 'a/text.png', 'a/truncated.jpg', 'b/old.bmp', 'b/truncated.png'];
    expect(dataset.problems.map(({ images }) => images)).toEqual(damaged.map((id) => [id]));
    for (const { kind, message } of dataset.problems) {
      expect(kind).toBe('unreadable');
      expect(message).toMatch(/^".+" was skipped: .+[^.]\.$/);
    }
    expect(dataset.problems[0].message).toBe('"a/empty.jpg" was skipped: the file is empty.');
  });

  test('are looked at once: the verdict is remembered by content', async () => {
    const folder = await folderOf({ ...(await classFiles({ a: 3, b: 3 })), 'a/bad.jpg': 'bad' });
    const cacheFolder = await temporaryFolder();
    const first = await openFolderDataset(folder, { seed: 1, cacheFolder });
    const verdictFolder = join(cacheFolder, 'decode-verdicts');
    const file = join(verdictFolder, (await readdir(verdictFolder))[0]);
    const lines = (await readFile(file, 'utf8')).trim().split('\n');
    expect(lines).toHaveLength(7);
    // A changed verdict shows that the second opening believes the file and does not decode again.
    await writeFile(
      file,
      lines.map((line) => line.replace(/unreadable: .*/, 'unreadable: as noted')).join('\n'),
    );
    const second = await openFolderDataset(folder, { seed: 1, cacheFolder });
    expect(second.problems.map(({ message }) => message)).toEqual(['"a/bad.jpg" was skipped: as noted.']);
    expect(second.fingerprint).toBe(first.fingerprint);
    // Torn lines are passed over and their files looked at again.
    await writeFile(file, lines.map((line) => line.slice(0, 40)).join('\n'));
    expect((await openFolderDataset(folder, { seed: 1, cacheFolder })).problems).toEqual(first.problems);
    await openFolderDataset(folder, { seed: 1, cacheFolder });
    expect((await readFile(file, 'utf8')).match(/ ok$/gm)).toHaveLength(6);
  });

  test('are remembered while the opening goes on, and when it fails', async () => {
    const image = await jpeg(1, 8, 8);
    // One image as many different files: bytes behind the end of a JPEG are not read.
    const many = Object.fromEntries(
      Array.from({ length: 300 }, (_, i) => [
        `${i % 2 ? 'a' : 'b'}/${i}.jpg`,
        Buffer.concat([image, Buffer.of(i >> 8, i)]),
      ]),
    );
    const folder = await folderOf(many);
    const cacheFolder = await temporaryFolder();
    const known = () => {
      const verdicts = join(cacheFolder, 'decode-verdicts');
      return readdirSync(verdicts).flatMap(
        (name) => readFileSync(join(verdicts, name), 'utf8').match(/ ok$/gm) ?? [],
      ).length;
    };
    const stopped = openFolderDataset(folder, {
      seed: 1,
      cacheFolder,
      onProgress({ done }) {
        if (done < 290) return;
        expect(known()).toBeGreaterThanOrEqual(256);
        throw new Error('stopped');
      },
    });
    await expect(stopped).rejects.toThrow('stopped');
    expect(known()).toBeGreaterThanOrEqual(290);
  });
});

describe('duplicates', () => {
  test('of test images leave train and validation, and the test part stays as given', async () => {
    const [train, val, given] = [
      await classFiles({ a: 3, b: 3 }, 'train/'),
      await classFiles({ a: 2, b: 2 }, 'val/', 20),
      await classFiles({ a: 2, b: 2 }, 'test/', 40),
    ];
    const folder = await folderOf({
      ...train,
      ...val,
      ...given,
      'train/a/copy.jpg': given['test/a/0.jpg'],
      'val/b/copy.jpg': given['test/b/1.jpg'],
      'train/b/copy-of-val.jpg': val['val/b/0.jpg'],
      'train/b/twin.jpg': train['train/b/0.jpg'],
    });
    const dataset = await openFolderDataset(folder, { seed: 1 });
    expect(ids(dataset)).toEqual([
      [...Object.keys(train), 'train/b/twin.jpg'].sort(),
      Object.keys(val).sort(),
      Object.keys(given).sort(),
    ]);
    expect(dataset.problems).toHaveLength(3);
    expect(dataset.problems).toContainEqual({
      kind: 'duplicate',
      images: ['test/a/0.jpg', 'train/a/copy.jpg'],
      message:
        '"train/a/copy.jpg" has the same bytes as "test/a/0.jpg" of test and was left out, so that test stays as given.',
    });
  });

  test('under two labels are reported and stay in one part', async () => {
    const files = await classFiles({ a: 5, b: 5 });
    const folder = await folderOf({ ...files, 'b/same.jpg': files['a/0.jpg'] });
    const dataset = await openFolderDataset(folder, { seed: 3 });
    expect(dataset.problems.map(({ kind, images }) => [kind, images])).toEqual([
      ['duplicate', ['a/0.jpg', 'b/same.jpg']],
    ]);
    const home = ids(dataset).filter((part) => part.includes('a/0.jpg') || part.includes('b/same.jpg'));
    expect(home).toHaveLength(1);
  });
});

describe('one clear error', () => {
  test('for a missing folder, a file, an empty folder', async () => {
    const folder = await folderOf({ file: 'x' });
    expect(await codeOf(join(folder, 'nowhere'))).toBe('DATA_FOLDER_MISSING');
    expect(await codeOf(join(folder, 'file'))).toBe('DATA_NOT_A_FOLDER');
    expect(await codeOf(folder)).toBe('DATA_EMPTY');
    expect(await codeOf(await folderOf({ 'a/x.txt': '', 'b/y.txt': '' }))).toBe('DATA_EMPTY');
  });

  test('for images that are not sorted into classes', async () => {
    expect(await codeOf(await folderOf({ 'x.jpg': await jpeg(1) }))).toBe('DATA_NO_CLASS_FOLDERS');
    const files = { ...(await classFiles({ a: 3, b: 3 }, 'train/')), 'test/1.jpg': await jpeg(1) };
    expect(await codeOf(await folderOf(files))).toBe('DATA_NO_CLASS_FOLDERS');
  });

  test('for parts and classes side by side', async () => {
    const files = await classFiles({ 'train/a': 3, 'train/b': 3, extra: 1 });
    expect(await codeOf(await folderOf(files))).toBe('DATA_MIXED_LAYOUT');
    const twice = await classFiles({ 'train/a': 3, 'train/b': 3, 'val/a': 1, 'validation/a': 1 });
    expect(await codeOf(await folderOf(twice))).toBe('DATA_MIXED_LAYOUT');
  });

  test('for one class, and for a class that train lacks', async () => {
    expect(await codeOf(await folderOf(await classFiles({ a: 5 })))).toBe('DATA_ONE_CLASS');
    const unknown = await classFiles({ 'train/a': 3, 'train/b': 3, 'test/a': 1, 'test/c': 1 });
    expect(await codeOf(await folderOf(unknown))).toBe('DATA_CLASS_NOT_IN_TRAIN');
  });

  test('for classes with too few images, which it names', async () => {
    const files = await classFiles({ a: 3, b: 1, c: 2 });
    // Copies and damaged files do not count.
    const folder = await folderOf({
      ...files,
      'c/copy.jpg': files['c/0.jpg'],
      'b/x.jpg': '',
      'b/y.jpg': 'y',
    });
    const opened = openFolderDataset(folder, { seed: 1 });
    await expect(opened).rejects.toMatchObject({ code: 'DATA_CLASS_TOO_SMALL' });
    await expect(opened).rejects.toThrow(
      /: b \(1\), c \(2\) \(2 unreadable files were skipped\)\. .*at least 3/,
    );
    const damagedTest = await classFiles({ 'train/a': 3, 'train/b': 3 });
    expect(await codeOf(await folderOf({ ...damagedTest, 'test/a/x.jpg': '' }))).toBe('DATA_EMPTY');
  });

  test('for an image that is changed or removed after the data set was opened', async () => {
    const folder = await folderOf(await classFiles({ a: 3, b: 3 }));
    const dataset = await openFolderDataset(folder, { seed: 1 });
    const [record] = dataset.splits.train;
    const render = () => dataset.render(record, { kind: 'short-side', size: 8, filter: 'bilinear' });
    await copyFile('/dev/null', join(folder, record.id));
    await expect(render()).rejects.toMatchObject({ code: 'FILE_CHANGED' });
    await rm(join(folder, record.id));
    await expect(render()).rejects.toMatchObject({ code: 'IMAGE_UNREADABLE' });
  });
});

describeShared('real subsets', () => {
  test.each([
    ['caltech101-subset', 25, [653, 219, 219], 1091],
    ['clothing-small', 10, [320, 120, 136], 576],
    ['ants-bees', 2, [30, 24, 10], 64],
  ])('%s has the documented images', async (name, classes, parts, total) => {
    const progress: number[] = [];
    const dataset = await openFolderDataset(sharedPath('data/classification', name), {
      seed: 1,
      onProgress: ({ done, total: expected }) => progress.push(done / expected),
    });
    expect(dataset.classes).toHaveLength(classes);
    expect(dataset.problems).toEqual([]);
    expect(ids(dataset).flat()).toHaveLength(total);
    expect(counts(dataset)).toEqual(parts);
    expect(progress).toHaveLength(total + 1);
    expect(progress.at(-1)).toBe(1);
  });
});
