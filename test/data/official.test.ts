/**
 * Published data sets in their official forms. Tiny copies, made by scripts/fixtures/official_datasets.py and read by
 * torchvision, read to the same classes, parts and labels here; copies of full size, with images of a few pixels, show
 * that the published counts are met by what is complete and that each kind of deviation is named.
 */
import { appendFile, copyFile, cp, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openFileTree } from '../../src/data/containers/file-tree.ts';
import { SPLITS, type SplitName } from '../../src/data/contract.ts';
import { readClassFolders } from '../../src/data/readers/class-folders.ts';
import { type DatasetCheck, listingChecks } from '../../src/data/registry/checks.ts';
import { inspectOfficial, openOfficialDataset } from '../../src/data/registry/open.ts';
import { findOfficial, OFFICIAL_DATASETS } from '../../src/data/registry/registry.ts';
import { Random } from '../../src/tensor/random.ts';
import { describeShared, sharedPath } from '../shared.ts';
import { folderOf, jpeg, temporaryFolder } from './pictures.ts';

const fixtures = resolve(import.meta.dirname, '../fixtures/data');
const copyOf = (name: string) => join(fixtures, 'official', name);
type Known = { classes: string[]; parts: Partial<Record<SplitName, [string, number][]>> };
const known: Record<string, Known> = JSON.parse(await readFile(join(fixtures, 'official.json'), 'utf8'));

const options = async (seed = 1) => ({ seed, cacheFolder: await temporaryFolder() });
const FULL_SIZE = 120_000;

describe('tiny copies', () => {
  test('there is one of every data set', () => {
    expect(Object.keys(known).sort()).toEqual(OFFICIAL_DATASETS.map(({ name }) => name).sort());
  });

  test.each(OFFICIAL_DATASETS.map(({ name }) => name))('%s reads as torchvision reads it', async (name) => {
    const { listing } = await inspectOfficial(name, copyOf(name), await options());
    expect(listing.classes).toEqual(known[name].classes);
    expect([listing.missing, listing.unlisted ?? [], listing.repeated, listing.shared]).toEqual([
      [],
      [],
      [],
      [],
    ]);
    for (const [part, rows] of Object.entries(known[name].parts)) {
      const own = listing.images.filter((image) => image.part === part);
      expect(own.map(({ id, label }) => [id, label]).sort()).toEqual(rows.sort());
    }
  });

  test.each(OFFICIAL_DATASETS)(
    '$name opens with its metric, its parts and its deviations named',
    async (entry) => {
      const dataset = await openOfficialDataset(entry.name, copyOf(entry.name), await options());
      expect([dataset.name, dataset.metric, dataset.task]).toEqual([entry.name, entry.metric, entry.task]);
      for (const part of SPLITS) expect(dataset.splits[part].length).toBeGreaterThan(0);
      if (entry.images.validation !== 'held out')
        expect(dataset.splits.validation).toHaveLength(known[entry.name].parts.validation!.length);
      const deviations = dataset.problems
        .filter(({ kind }) => kind === 'deviation')
        .map(({ message }) => message);
      expect(deviations).toContain(
        `This copy of ${entry.title} is not as published: test images, expected ${entry.images.test}, found ${dataset.splits.test.length}.`,
      );
      const [record] = dataset.splits.test;
      const shown = await dataset.render(record, { kind: 'central-square', size: 8, filter: 'bilinear' });
      expect(shown.pixels).toHaveLength(8 * 8 * 3);
    },
  );

  test('archives as downloaded read like the folders that are in them', async () => {
    const [folder, archives] = [
      await openOfficialDataset('pets', copyOf('pets'), await options()),
      await openOfficialDataset('pets', copyOf('pets-archives'), await options()),
    ];
    expect(archives.fingerprint).toBe(folder.fingerprint);
  });

  test('an image that changes after opening is not shown under its old hash', async () => {
    const folder = await temporaryFolder();
    await cp(copyOf('food101'), folder, { recursive: true });
    const dataset = await openOfficialDataset('food101', folder, await options());
    const [record] = dataset.splits.test;
    await writeFile(join(folder, 'food-101', record.id), await jpeg(9));
    const shown = dataset.render(record, { kind: 'central-square', size: 8, filter: 'bilinear' });
    await expect(shown).rejects.toMatchObject({ code: 'FILE_CHANGED' });
  });

  test('CIFAR in Python form and ImageNet in class folders are read too', async () => {
    const cifar = await inspectOfficial(
      'cifar10',
      join(fixtures, 'cifar/cifar-10-batches-py'),
      await options(),
    );
    expect(cifar.listing.classes).toEqual(['airplane', 'automobile', 'bird']);
    expect(cifar.listing.images.map(({ label }) => label)).toEqual([1, 2, 2, 0, 0, 1, 1, 2, 2, 0, 2, 1, 0]);
    const imagenet = await inspectOfficial('imagenet', copyOf('imagenet-folders'), await options());
    expect(imagenet.listing.classes).toEqual(known.imagenet.classes);
    const parts = imagenet.listing.images.map(({ part }) => part);
    expect([parts.filter((part) => part === 'train').length, parts.length]).toEqual([9, 12]);
  });

  test('PASCAL VOC says of every class whether it is present, absent or difficult', async () => {
    const dataset = await openOfficialDataset('voc2007', copyOf('voc2007'), await options());
    expect(dataset.splits.train.map(({ labels }) => labels)).toEqual([
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
      [1, 0, 0],
    ]);
    expect(dataset.splits.validation[0].labels).toEqual([-1, 1, 0]);
  });

  test('Stanford Cars in one list has the classes and parts of the list', async () => {
    const { listing } = await inspectOfficial('cars', copyOf('cars-one-list'), await options());
    expect(listing.classes).toEqual(known.cars.classes);
    expect(listing.images.map(({ label, part }) => [label, part])).toEqual(
      Array.from({ length: 9 }, (_, i) => [i % 3, i < 6 ? 'train' : 'test']),
    );
  });

  test('Birdsnap notices an image whose bytes are not the published ones', async () => {
    const folder = await temporaryFolder();
    await cp(copyOf('birdsnap'), folder, { recursive: true });
    const [other] = known.birdsnap.parts.train!;
    await writeFile(join(folder, other[0]), await jpeg(77));
    const { checks } = await inspectOfficial('birdsnap', folder, await options());
    expect(checks).toContainEqual({
      name: 'images with another content than published',
      expected: 0,
      found: 1,
      passed: false,
      examples: [other[0]],
    });
  });
});

describe('one clear error', () => {
  test.each(OFFICIAL_DATASETS)('for a folder without $title', async ({ name, form }) => {
    const opened = openOfficialDataset(name, await temporaryFolder(), await options());
    await expect(opened).rejects.toMatchObject({
      code: 'OFFICIAL_FORM',
      remedy: `Give a folder that holds ${form}.`,
    });
  });

  test('for an unknown name, with the nearest', async () => {
    const opened = openOfficialDataset('flower102', '.', await options());
    await expect(opened).rejects.toThrow(/no data set "flower102" .* Nearest: flowers102/);
  });

  test('for lists with classes, columns or numbers that cannot be', async () => {
    const damage = async (name: string, file: string, content: string | Uint8Array) => {
      const folder = await temporaryFolder();
      await cp(copyOf(name), folder, { recursive: true });
      await writeFile(join(folder, file), content);
      await expect(openOfficialDataset(name, folder, await options())).rejects.toMatchObject({
        code: 'OFFICIAL_LIST',
      });
    };
    await damage('food101', 'food-101/meta/train.txt', 'soup/1\n');
    await damage('aircraft', 'fgvc-aircraft-2013b/data/images_variant_val.txt', '0034309\n');
    await damage('pets', 'oxford-iiit-pet/annotations/test.txt', 'Abyssinian_2 one 1 1\n');
    await damage('birdsnap', 'species.txt', 'id\tname\n1\tWren\n');
    await damage('birdsnap', 'images.txt', 'path\tspecies_id\tmd5\nx.jpg\t1\n');
    await damage('dtd', 'dtd/labels/train1.txt', Buffer.from([0xff, 0xfe, 0xfd]));
  });

  test('lists cannot name files outside the folder', async () => {
    const folder = await temporaryFolder();
    await cp(copyOf('aircraft'), folder, { recursive: true });
    const data = join(folder, 'fgvc-aircraft-2013b/data');
    await writeFile(join(folder, 'secret.jpg'), await jpeg(3));
    await appendFile(join(data, 'images_variant_train.txt'), '../../../secret 707-320\n');
    const { listing } = await inspectOfficial('aircraft', folder, await options());
    expect(listing.missing).toEqual(['images/../../../secret.jpg']);
    expect(listing.images.filter(({ part }) => part === 'train')).toHaveLength(6);
  });
});

describe('odd and hostile copies', () => {
  const changed = async (name: string, file: string, change: (text: string) => string) => {
    const folder = await temporaryFolder();
    await cp(copyOf(name), folder, { recursive: true });
    await writeFile(join(folder, file), change(await readFile(join(folder, file), 'utf8')));
    return folder;
  };

  test('an image in the lists of two parts is tested on, not trained on', async () => {
    const line = known.food101.parts.test![0][0].replace(/^images\/|\.jpg$/g, '');
    const folder = await changed('food101', 'food-101/meta/train.txt', (text) => `${text}${line}\n`);
    const { listing } = await inspectOfficial('food101', folder, await options());
    expect(listing.shared).toEqual([`images/${line}.jpg`]);
    expect(listing.images.filter(({ part }) => part === 'test')).toHaveLength(6);
    expect(listing.images.filter(({ part }) => part === 'train')).toHaveLength(9);
  });

  test('a list with Windows line ends, spaces and empty lines reads the same', async () => {
    const folder = await changed('food101', 'food-101/meta/train.txt', (text) =>
      text.replaceAll('\n', ' \r\n\r\n'),
    );
    const whole = await openOfficialDataset('food101', copyOf('food101'), await options());
    expect((await openOfficialDataset('food101', folder, await options())).fingerprint).toBe(
      whole.fingerprint,
    );
  });

  test('a list of 200 MB is refused unread', async () => {
    const folder = await changed('food101', 'food-101/meta/train.txt', (text) => text);
    await truncate(join(folder, 'food-101/meta/train.txt'), 200e6);
    const opened = inspectOfficial('food101', folder, await options());
    await expect(opened).rejects.toMatchObject({ code: 'OFFICIAL_LIST' });
    await expect(opened).rejects.toThrow('it has 200000000 bytes');
  });

  test('classes may be named in any script, with line breaks and like parts of a language', async () => {
    const names = ['ねこ\nいぬ', '__proto__', 'constructor', 'é "quoted" & <tagged>'];
    const files: Record<string, Buffer> = {};
    for (const [label, name] of names.entries())
      for (let i = 1; i <= 4; i++) files[`${name}/image_000${i}.jpg`] = await jpeg(10 * label + i);
    const dataset = await openOfficialDataset('caltech101', await folderOf(files), await options());
    expect(dataset.classes).toEqual([...names].sort());
    const ids = SPLITS.flatMap((part) => dataset.splits[part].map(({ id }) => id));
    expect(ids.sort()).toEqual(Object.keys(files).sort());
    for (const part of SPLITS)
      for (const { id, label } of dataset.splits[part]) expect(id.split('/')[0]).toBe(dataset.classes[label]);
  });

  test('images that are cut off or no images are named and left out', async () => {
    const folder = await changed('food101', 'food-101/images/waffles/1005651.jpg', (text) =>
      text.slice(0, 200),
    );
    const dataset = await openOfficialDataset('food101', folder, await options());
    const messages = dataset.problems.map(({ message }) => message);
    expect(messages).toContain(
      'This copy of Food-101 is not as published: images that cannot be decoded, expected 0, found 1: images/waffles/1005651.jpg.',
    );
    expect(messages.some((text) => text.startsWith('"images/waffles/1005651.jpg" was skipped: '))).toBe(true);
  });
});

/** One small image as many different files: a comment with a number behind the first marker. */
async function numberedImages(): Promise<(n: number) => Buffer> {
  const image = await jpeg(1, 8, 8);
  return (n) => {
    const comment = Buffer.from([0xff, 0xfe, 0, 6, 0, 0, 0, 0]);
    comment.writeUInt32BE(n, 4);
    return Buffer.concat([image.subarray(0, 2), comment, image.subarray(2)]);
  };
}

const failures = (checks: readonly DatasetCheck[]) =>
  checks
    .filter(({ passed }) => !passed)
    .map(({ name, expected, found, examples }) => [name, expected, found, examples]);

/** The failed checks that need no image to be read. */
async function failedLists(name: string, path: string): Promise<unknown[][]> {
  const entry = findOfficial(name);
  const tree = await openFileTree(path, { cacheFolder: await temporaryFolder() });
  return failures(listingChecks(entry, await entry.read(tree, 1)));
}

describe('copies of full size', () => {
  test(
    'DTD: complete passes; a missing file, an extra class and a leaked test image are named',
    async () => {
      const folder = await temporaryFolder();
      const cacheFolder = await temporaryFolder();
      const image = await numberedImages();
      const classes = Array.from({ length: 47 }, (_, i) => `texture${i}`);
      await mkdir(join(folder, 'labels'), { recursive: true });
      const lists: Record<string, string[]> = { train1: [], val1: [], test1: [] };
      let n = 0;
      for (const name of classes) {
        await mkdir(join(folder, 'images', name), { recursive: true });
        for (let i = 0; i < 120; i++) {
          const file = `${name}/${name}_${String(i).padStart(4, '0')}.jpg`;
          await writeFile(join(folder, 'images', file), image(n++));
          lists[['train1', 'val1', 'test1'][i % 3]].push(file);
        }
      }
      for (const [list, lines] of Object.entries(lists))
        await writeFile(join(folder, `labels/${list}.txt`), lines.join('\n'));
      const complete = await inspectOfficial('dtd', folder, { seed: 1, cacheFolder });
      expect(failures(complete.checks)).toEqual([]);

      const [missing, leaking] = lists.train1;
      await rm(join(folder, 'images', missing));
      expect(await failedLists('dtd', folder)).toEqual([
        ['train images', 1880, 1879, []],
        ['train images of each class', 40, '39 to 40', ['texture0 (39)']],
        ['images that lists name and that are not there', 0, 1, [`images/${missing}`]],
      ]);
      await writeFile(join(folder, 'images', missing), image(0));

      await mkdir(join(folder, 'images/extra'));
      await writeFile(join(folder, 'images/extra/extra_0000.jpg'), image(n));
      expect(await failedLists('dtd', folder)).toEqual([
        ['images that are there and in no list', 0, 1, ['images/extra/extra_0000.jpg']],
      ]);
      const list = join(folder, 'labels/train1.txt');
      await writeFile(list, [...lists.train1, 'extra/extra_0000.jpg'].join('\n'));
      expect((await failedLists('dtd', folder))[0]).toEqual(['classes', 47, 48, []]);
      await writeFile(list, lists.train1.join('\n'));
      await rm(join(folder, 'images/extra'), { recursive: true });

      await copyFile(join(folder, 'images', lists.test1[7]), join(folder, 'images', leaking));
      const dataset = await openOfficialDataset('dtd', folder, { seed: 1, cacheFolder });
      expect(dataset.problems[0]).toEqual({
        kind: 'deviation',
        images: [`images/${leaking} = images/${lists.test1[7]}`],
        message:
          'This copy of DTD (split 1) is not as published: images of train or validation whose copy is in a later part, ' +
          `expected 0, found 1: images/${leaking} = images/${lists.test1[7]}.`,
      });
      expect(SPLITS.map((part) => dataset.splits[part].length)).toEqual([1879, 1880, 1880]);
    },
    FULL_SIZE,
  );

  test(
    'Caltech-101: 30 are drawn per class without replacement; a split drawn with replacement is named',
    async () => {
      const folder = await temporaryFolder();
      const image = await numberedImages();
      // 102 classes of 31 to 800 images, 9,144 in all, as published.
      const counts = [...Array.from({ length: 100 }, (_, i) => 31 + Math.floor(0.9 * i)), 800, 0];
      counts[101] = 9144 - counts.reduce((sum, count) => sum + count);
      const files: string[][] = [];
      let n = 0;
      for (const [label, count] of counts.entries()) {
        const name = `class${label}`;
        await mkdir(join(folder, '101_ObjectCategories', name), { recursive: true });
        files.push(
          Array.from({ length: count }, (_, i) => `${name}/image_${String(i + 1).padStart(4, '0')}.jpg`),
        );
        for (const file of files[label])
          await writeFile(join(folder, '101_ObjectCategories', file), image(n++));
      }
      expect(await failedLists('caltech101', folder)).toEqual([]);
      const partsOf = async (seed: number) => {
        const tree = await openFileTree(folder, { cacheFolder: folder });
        const { images } = await findOfficial('caltech101').read(tree, seed);
        const ids = (part: SplitName) => images.flatMap((image) => (image.part === part ? image.id : []));
        return [new Set(ids('train')), new Set(ids('test'))];
      };
      const [drawn, again, other] = [await partsOf(1), await partsOf(1), await partsOf(2)];
      expect(drawn.map(({ size }) => size)).toEqual([3060, 6084]);
      expect(new Set([...drawn[0], ...drawn[1]]).size).toBe(9144);
      expect(again).toEqual(drawn);
      expect(other).not.toEqual(drawn);

      const random = new Random(1, 'with replacement');
      const train = files.map((own) => Array.from({ length: 30 }, () => random.pick(own)));
      const test = files.flatMap((own, label) => own.filter((file) => !train[label].includes(file)));
      await writeFile(join(folder, 'train.txt'), train.flat().join('\n'));
      await writeFile(join(folder, 'test.txt'), test.join('\n'));
      const distinct = train.map((own) => new Set(own).size);
      const named = await failedLists('caltech101', folder);
      expect(named.map(([name, expected, found]) => [name, expected, found])).toEqual([
        ['train images, with validation', 3060, distinct.reduce((sum, count) => sum + count)],
        ['test images', 6084, test.length],
        ['train images of each class', 30, `${Math.min(...distinct)} to ${Math.max(...distinct)}`],
        [
          'images that a list names more than once',
          0,
          train.flatMap((own) => [...new Set(own.filter((file, i) => own.indexOf(file) < i))]).length,
        ],
      ]);
      expect(Math.min(...distinct)).toBeLessThan(22);
      expect(Math.max(...distinct)).toBeGreaterThan(28);
    },
    FULL_SIZE,
  );
});

describeShared('real sub-sets', () => {
  test.each([
    ['caltech101-subset', 25, { none: 1091 }],
    ['cifar10-subset', 10, { train: 5000, test: 1000 }],
    ['eurosat-subset', 10, { none: 1500 }],
    ['clothing-small', 10, { train: 320, validation: 120, test: 136 }],
    ['sign-digits', 10, { none: 600 }],
    ['magnetic-tile', 6, { none: 272 }],
    ['ants-bees', 2, { train: 40, validation: 24 }],
  ])('%s has the classes and images that are documented', async (name, classes, parts) => {
    const listing = await readClassFolders(sharedPath('data/classification', name));
    expect(listing.classes).toHaveLength(classes);
    const found: Record<string, number> = {};
    for (const { part } of listing.images) found[part ?? 'none'] = (found[part ?? 'none'] ?? 0) + 1;
    expect(found).toEqual(parts);
  });

  test('a part of Caltech-101 is named as such', async () => {
    const folder = sharedPath('data/classification/caltech101-subset');
    const { listing, checks } = await inspectOfficial('caltech101', folder, await options());
    expect([listing.classes.length, listing.images.length]).toEqual([25, 1091]);
    expect(
      checks.filter(({ passed }) => !passed).map(({ name, expected, found }) => [name, expected, found]),
    ).toEqual([
      ['classes', 102, 25],
      ['train images, with validation', 3060, 750],
      ['test images', 6084, 341],
    ]);
  });
});
