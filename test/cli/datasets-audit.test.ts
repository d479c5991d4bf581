/**
 * `datasets audit` as a user runs it: on a folder whose test part has a mirrored and a cropped copy of training images,
 * with and without a network, as text and as JSON, and against another folder.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, expect, it } from 'vitest';
import { folderOf, temporaryFolder } from '../data/pictures.ts';
import { describeShared, sharedPath } from '../shared.ts';
import { runCli } from './run.ts';

const CLASSES = ['airplanes', 'umbrella'];

/** Photographs of two classes, from the `from`-th on, below `part`. */
function photographs(part: string, from: number, count: number): Record<string, Buffer> {
  const files: Record<string, Buffer> = {};
  for (const name of CLASSES) {
    const folder = sharedPath('data', 'classification', 'caltech101-subset', name);
    for (const file of readdirSync(folder)
      .sort()
      .slice(from, from + count))
      files[`${part}${name}/${file}`] = readFileSync(join(folder, file));
  }
  return files;
}

describeShared('datasets audit', () => {
  let folder: string;
  let cache: string;

  beforeAll(async () => {
    const train = photographs('train/', 0, 12);
    const [first, second] = Object.values(train);
    const { width, height } = await sharp(second).metadata();
    const part = { left: 8, top: 5, width: width - 20, height: height - 14 };
    folder = await folderOf({
      ...train,
      ...photographs('validation/', 12, 2),
      ...photographs('test/', 14, 4),
      'test/airplanes/mirrored.jpg': await sharp(first).flop().jpeg({ quality: 60 }).toBuffer(),
      'test/airplanes/cropped.jpg': await sharp(second).extract(part).jpeg({ quality: 80 }).toBuffer(),
    });
    cache = await temporaryFolder();
  });

  it('says what it found, and draws it', async () => {
    const sheet = join(await temporaryFolder(), 'new', 'copies.png');
    const { stdout, code } = await runCli('datasets', 'audit', folder, '--cache', cache, '--out', sheet);
    expect(code).toBe(0);
    expect(stdout).toContain('! 1 image in test has a copy in train.');
    expect(stdout).toMatch(
      /2 copies \(correlation [01]\.\d+, mirrored\)\n {2}train: .+\n {2}test: .+mirrored\.jpg/,
    );
    expect(existsSync(sheet)).toBe(true);
  });

  it('asks a network where pixels do not decide', async () => {
    const weights = sharedPath('weights', 'squeezenet1_1.onnx');
    const { stdout } = await runCli(
      'datasets',
      'audit',
      folder,
      '--cache',
      cache,
      '--json',
      '--network',
      weights,
    );
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({ kind: 'audit', version: 1, images: 38, decoded: 0 });
    expect(document.overlaps).toHaveLength(1);
    expect(document.overlaps[0].images.toSorted()).toEqual([
      'test/airplanes/cropped.jpg',
      'test/airplanes/mirrored.jpg',
    ]);
  });

  it('looks for the images of another folder', async () => {
    const source = await folderOf(photographs('', 10, 6));
    const { stdout } = await runCli(
      'datasets',
      'audit',
      folder,
      '--against',
      source,
      '--cache',
      cache,
      '--json',
    );
    const { overlaps, datasets } = JSON.parse(stdout);
    const own = overlaps.filter(
      ({ dataset, otherDataset }: { dataset: string; otherDataset: string }) => dataset !== otherDataset,
    );
    const images = new Set(own.flatMap((overlap: { images: string[] }) => overlap.images));
    expect(datasets).toHaveLength(2);
    // Two of each class in train, both of each in validation and two of each in test.
    expect(images.size).toBe(12);
    expect(own.every(({ dataset }: { dataset: string }) => dataset === datasets[1])).toBe(true);
  });
});
