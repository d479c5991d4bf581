/** Forms in which people keep their own data: tables of images, and shards of tar archives. Nothing is decoded here. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openFileTree } from '../../../src/data/containers/file-tree.ts';
import { jsonObjects } from '../../../src/data/containers/json-stream.ts';
import type { ImageListing } from '../../../src/data/readers/listing.ts';
import { readManifest } from '../../../src/data/readers/manifest.ts';
import { isShard, readShards } from '../../../src/data/readers/webdataset.ts';
import { codeOf } from '../../refusal.ts';
import { tar } from '../containers/tars.ts';
import { folderOf, temporaryFolder } from '../pictures.ts';

const cacheFolder = await temporaryFolder();

/** Every image as `part id class`. */
const summary = ({ images }: ImageListing) =>
  images.map(({ id, className, part }) => `${part} ${id} ${className}`).sort();

const IMAGES = { 'a/1.jpg': 'one', 'a/2.jpg': 'two', 'b/3.jpg': 'three', 'b/4.jpg': 'four' };

async function manifest(name: string, content: string, images: Record<string, string> = IMAGES) {
  const folder = await folderOf({ ...images, [name]: content });
  return readManifest(await openFileTree(folder, { cacheFolder }), name);
}

const ALL = ['null a/1.jpg cat', 'null a/2.jpg dog', 'null b/3.jpg cat', 'null b/4.jpg dog'];

describe('tables', () => {
  test.each([
    ['t.csv', 'image,label\na/1.jpg,cat\na/2.jpg,dog\nb/3.jpg,cat\nb/4.jpg,dog\n'],
    [
      't.csv',
      '\uFEFFid;Class;Path\r\n1;cat;a/1.jpg\r\n2;dog;a\\2.jpg\r\n\r\n3;cat;./b/3.jpg\r\n4;dog;b//4.jpg',
    ],
    ['t.tsv', 'file_name\tcategory\na/1.jpg\tcat\na/2.jpg\tdog\nb/3.jpg\tcat\nb/4.jpg\tdog'],
    ['t.csv', 'a/1.jpg,cat\na/2.jpg,dog\nb/3.jpg,cat\nb/4.jpg,dog'],
    ['t.csv', '"filename","target"\n"a/1.jpg","cat"\n"a/2.jpg", dog\n"b/3.jpg","cat"\n"b/4.jpg","dog"\n'],
    [
      't.json',
      JSON.stringify(
        ALL.map((line) => line.split(' ')).map(([, path, label]) => ({ path, label, more: [{}] })),
      ),
    ],
    [
      't.jsonl',
      ALL.map((line) => line.split(' '))
        .map(([, file, category]) => JSON.stringify({ category, file }))
        .join('\n'),
    ],
    ['t.json', JSON.stringify({ 'a/1.jpg': 'cat', 'a/2.jpg': 'dog', 'b/3.jpg': 'cat', 'b/4.jpg': 'dog' })],
  ])('%s %#', async (name, content) => {
    const listing = await manifest(name, content);
    expect(summary(listing)).toEqual(ALL);
    expect(listing.classes).toEqual(['cat', 'dog']);
    expect(listing.officialParts).toEqual([]);
    expect(Buffer.from((await listing.read('b/3.jpg')) as Uint8Array).toString()).toBe('three');
  });

  test('parts, with images that have none in train; a file that is missing is reported', async () => {
    const content =
      'image,label,split\na/1.jpg,10,train\na/2.jpg,9,\nb/3.jpg,10,Val\nb/4.jpg,9,testing\nb/5.jpg,9,test';
    const listing = await manifest('t.csv', content);
    expect(summary(listing)).toEqual([
      'test b/4.jpg 9',
      'train a/1.jpg 10',
      'train a/2.jpg 9',
      'validation b/3.jpg 10',
    ]);
    // Numbers in the order of numbers.
    expect(listing.classes).toEqual(['9', '10']);
    expect([...listing.officialParts].sort()).toEqual(['test', 'train', 'validation']);
    expect(listing.problems.map(({ images }) => images)).toEqual([['b/5.jpg']]);
  });

  test('rows without a label are left out and counted', async () => {
    for (const [name, content] of [
      ['t.csv', 'image,label\na/1.jpg,cat\na/2.jpg,\nb/3.jpg,dog\nb/4.jpg,""\n'],
      ['t.tsv', 'image\tlabel\na/1.jpg\tcat\na/2.jpg\t\nb/3.jpg\tdog\nb/4.jpg\t " "'],
      ['t.csv', 'a/1.jpg,cat\na/2.jpg,\nb/3.jpg,dog\nb/4.jpg,  '],
    ]) {
      const listing = await manifest(name, content);
      expect(listing.classes).toEqual(['cat', 'dog']);
      expect(summary(listing)).toEqual(['null a/1.jpg cat', 'null b/3.jpg dog']);
      expect(listing.problems).toEqual([
        {
          kind: 'annotation',
          images: ['a/2.jpg', 'b/4.jpg'],
          message: '2 images were left out for want of a label, "a/2.jpg" the first.',
        },
      ]);
    }
  });

  test('names in other scripts, with commas, quotes and line breaks', async () => {
    const names = ['猫/и é.jpg', 'a,b.jpg', 'say "x".jpg', 'line\nbreak.jpg'];
    const images = Object.fromEntries(names.map((name) => [name, name]));
    const quoted = names.map((name, i) => `"${name.replaceAll('"', '""')}","класс ${i % 2}"`);
    const listing = await manifest('t.csv', `image,label\n${quoted.join('\n')}`, images);
    expect(listing.images.map(({ id }) => id)).toEqual(names);
    expect(listing.classes).toEqual(['класс 0', 'класс 1']);
    const lines = names.map((image, i) => JSON.stringify({ image, label: i % 2 === 0 }));
    expect((await manifest('t.jsonl', lines.join('\n'), images)).images.map(({ id }) => id)).toEqual(names);
  });

  test('a table in a folder of an archive', async () => {
    const content = 'image,label\n1.jpg,cat\n2.jpg,dog\n';
    const files = { 'a/1.jpg': 'one', 'a/2.jpg': 'two', 'a/t.csv': content };
    const folder = await folderOf({
      'x.tar': tar(Object.entries(files).map(([path, text]) => ({ path, content: text }))),
    });
    const listing = await readManifest(await openFileTree(join(folder, 'x.tar'), { cacheFolder }), 'a/t.csv');
    expect(summary(listing)).toEqual(['null a/1.jpg cat', 'null a/2.jpg dog']);
  });

  test('an absolute path in the folder of the table is taken', async () => {
    const folder = await folderOf(IMAGES);
    const tree = await openFileTree(await folderOf({ ...IMAGES, 't.csv': '' }), { cacheFolder });
    const absolute = ['a/1.jpg,cat', 'a/2.jpg,dog'].map((line) => `${tree.root}/${line}`).join('\n');
    const { writeFile } = await import('node:fs/promises');
    await writeFile(join(tree.root, 't.csv'), absolute);
    const again = await openFileTree(tree.root, { cacheFolder });
    expect(summary(await readManifest(again, 't.csv'))).toEqual(['null a/1.jpg cat', 'null a/2.jpg dog']);
    await writeFile(join(tree.root, 't.csv'), `${folder}/a/1.jpg,cat\n`);
    expect(await codeOf(readManifest(await openFileTree(tree.root, { cacheFolder }), 't.csv'))).toBe(
      'MANIFEST_PATH',
    );
  });

  const BOTH = ['a/1.jpg cat+dog', 'a/2.jpg dog', 'b/3.jpg ', 'b/4.jpg cat'];
  test.each([
    ['t.csv', 'image,labels\na/1.jpg,cat|dog\na/2.jpg,dog\nb/3.jpg,\nb/4.jpg,cat\n'],
    ['t.csv', 'image;tags[, ]\na/1.jpg;cat, dog\na/2.jpg;dog\nb/3.jpg;\nb/4.jpg;cat\n'],
    ['t.csv', 'image,cat,dog\na/1.jpg,1,1\na/2.jpg,0,1\nb/3.jpg,0,0\nb/4.jpg,1,0\n'],
    [
      't.json',
      JSON.stringify([
        { image: 'a/1.jpg', labels: ['dog', 'cat', 'dog'] },
        { image: 'a/2.jpg', labels: ['dog'] },
        { image: 'b/3.jpg', labels: [] },
        { image: 'b/4.jpg', labels: ['cat'] },
      ]),
    ],
    [
      't.jsonl',
      BOTH.map((line) => line.split(' '))
        .map(([image, names]) =>
          JSON.stringify({ image, cat: Number(names.includes('cat')), dog: names.includes('dog') }),
        )
        .join('\n'),
    ],
  ])('several labels: %s %#', async (name, content) => {
    const listing = await manifest(name, content);
    expect(listing.classes).toEqual(['cat', 'dog']);
    expect(
      listing.images.map(({ id, several }) => `${id} ${[...(several?.present ?? [])].sort().join('+')}`),
    ).toEqual(BOTH);
  });

  test('what nobody said of a class is not known; one class for every image is one label', async () => {
    const { images } = await manifest(
      't.csv',
      'image,cat,dog,split\na/1.jpg,1,,train\na/2.jpg,0,1,train\nb/3.jpg,-1,0,test\n',
    );
    expect(images.map(({ several }) => several?.unknown)).toEqual([['dog'], [], ['cat']]);
    for (const content of [
      'image,labels\na/1.jpg,cat\na/2.jpg,dog\n',
      'image,cat,dog\na/1.jpg,1,0\na/2.jpg,0,1\n',
      'image,tags,label\na/1.jpg,x|y,cat\na/2.jpg,x,dog\n',
    ]) {
      const single = await manifest('t.csv', content);
      expect(single.images.map(({ className, several }) => [className, several])).toEqual([
        ['cat', undefined],
        ['dog', undefined],
      ]);
    }
  });

  const rows = 'a/1.jpg,cat\na/2.jpg,dog\n';
  test.each([
    ['MANIFEST_PATH', 't.csv', '../x.jpg,cat\n'],
    ['MANIFEST_PATH', 't.csv', 'a/../../x.jpg,cat\n'],
    ['MANIFEST_PATH', 't.csv', '/etc/passwd.jpg,cat\n'],
    ['MANIFEST_PATH', 't.csv', 'C:\\x.jpg,cat\n'],
    ['MANIFEST_COLUMNS', 't.csv', 'name,size\nx,1\n'],
    ['MANIFEST_COLUMNS', 't.json', '[{"name": "x"}]'],
    ['MANIFEST_COLUMNS', 't.json', '[{"image": "a/1.jpg", "label": ["cat"]}]'],
    ['MANIFEST_CSV', 't.csv', `image,label\n${rows}a/2.jpg\n`],
    ['MANIFEST_CSV', 't.csv', `image,label\n"${'x'.repeat(2 ** 21)}`],
    ['MANIFEST_PART', 't.csv', `image,label,split\na/1.jpg,cat,fold1\n`],
    ['DATA_EMPTY', 't.csv', 'image,label\n'],
    ['DATA_EMPTY', 't.csv', ''],
    ['DATA_EMPTY', 't.csv', 'image,label\nx/9.jpg,cat\n'],
    ['MANIFEST_COLUMNS', 't.csv', 'image,id,cat\na/1.jpg,17,1\n'],
    [
      'MANIFEST_COLUMNS',
      't.jsonl',
      '{"image": "a/1.jpg", "labels": ["cat"]}\n{"image": "a/2.jpg", "label": "dog"}',
    ],
    ['DATA_ONE_CLASS', 't.csv', 'image,labels\na/1.jpg,\na/2.jpg,\n'],
    ['DATA_CLASS_NOT_IN_TRAIN', 't.csv', 'image,labels,split\na/1.jpg,a|b,train\na/2.jpg,c,test\n'],
    ['DATA_ONE_CLASS', 't.csv', 'image,label\na/1.jpg,cat\n'],
    ['DATA_IMAGE_TWICE', 't.csv', `${rows}./a/1.jpg,dog\n`],
    ['DATA_NO_TRAIN', 't.csv', 'image,label,split\na/1.jpg,cat,test\n'],
    ['DATA_CLASS_NOT_IN_TRAIN', 't.csv', 'a/1.jpg,cat,train\na/2.jpg,dog,train\nb/3.jpg,cow,test\n'],
    ['JSON_BROKEN', 't.json', '["a/1.jpg"]'],
    ['JSON_BROKEN', 't.json', '[{"image": "a/1.jpg", "label": "cat"}, {"image": '],
    ['JSON_BROKEN', 't.jsonl', '{"image": nonsense}'],
    ['JSON_BROKEN', 't.json', '\uFFFD\u0000'],
    ['JSON_BROKEN', 't.json', '[{"image": "a/1.jpg", "label": "cat"}'],
    ['JSON_BROKEN', 't.json', '[{"image": "a/1.jpg", "label": "cat"} {"image": "a/2.jpg", "label": "dog"}]'],
    ['JSON_BROKEN', 't.json', '[{"image": "a/1.jpg", "label": "cat"}] 3'],
    ['JSON_BROKEN', 't.jsonl', '{"image": "a/1.jpg", "label": "cat"}\nimage'],
  ])('%s: %s %#', async (expected, name, content) => {
    expect(await codeOf(manifest(name, content))).toBe(expected);
  });
});

describe('JSON object by object', () => {
  async function all(pieces: AsyncIterable<Uint8Array>): Promise<unknown[]> {
    const found: unknown[] = [];
    for await (const object of jsonObjects(pieces, 'x')) found.push(object);
    return found;
  }

  test('wherever the pieces are cut', async () => {
    const objects = [{ a: '}{"\\' }, { b: [{ c: [1, 2, { d: ']' }] }] }, { e: 'é猫', '"': '\\"' }];
    for (const text of [
      JSON.stringify(objects, null, 1),
      objects.map((object) => JSON.stringify(object)).join('\n'),
    ]) {
      const bytes = Buffer.from(text);
      for (const length of [1, 2, 3, 7, bytes.length]) {
        async function* pieces() {
          for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
        }
        expect(await all(pieces())).toEqual(objects);
      }
    }
  });

  test('200 MB in the memory of one object; a single object of that size is refused', async () => {
    const line = Buffer.from(`{"image": "a.jpg", "more": "${'x'.repeat(2 ** 20 - 100)}"},\n`);
    async function* many() {
      for (let i = 0; i < 200; i++) yield line;
    }
    let count = 0;
    let peak = 0;
    for await (const _ of jsonObjects(many(), 'x')) {
      count++;
      peak = Math.max(peak, process.memoryUsage().arrayBuffers);
    }
    expect(count).toBe(200);
    expect(peak).toBeLessThan(150 * 2 ** 20);
    async function* one() {
      yield Buffer.from('{"image": "');
      for (let i = 0; i < 200; i++) yield Buffer.alloc(2 ** 20, 0x78);
    }
    expect(await codeOf(all(one()))).toBe('JSON_ELEMENT_TOO_LARGE');
  });
});

describe('shards', () => {
  const shard = (...files: readonly (readonly [string, string])[]) =>
    tar(files.map(([path, content]) => ({ path, content })));

  test('numbers with names beside them, parts in the names of shards', async () => {
    const folder = await folderOf({
      'train-000000.tar': shard(
        ['0001.jpg', 'one'],
        ['0001.cls', '0'],
        ['0002.png', 'two'],
        ['0002.cls', '1\n'],
      ),
      'train-000001.tar': shard(
        ['x/3.a.jpg', 'three'],
        ['x/3.cls', '1'],
        ['x/3.json', '{"label": 5}'],
        ['x/3.txt', 'caption'],
      ),
      'val-000000.tar': shard(
        ['0001.webp', 'four'],
        ['0001.json', '{"label": "0"}'],
        ['0002.jpg', 'no label'],
      ),
      'classnames.txt': 'tench\ngoldfish\n',
    });
    const shards = ['val-000000.tar', 'train-000001.tar', 'train-000000.tar'];
    const listing = await readShards(folder, shards, { cacheFolder });
    expect(summary(listing)).toEqual([
      'train train-000000.tar/0001.jpg tench',
      'train train-000000.tar/0002.png goldfish',
      'train train-000001.tar/x/3.a.jpg goldfish',
      'validation val-000000.tar/0001.webp tench',
    ]);
    expect(listing.problems.map(({ images }) => images)).toEqual([['val-000000.tar/0002.jpg']]);
    expect(Buffer.from((await listing.read('train-000001.tar/x/3.a.jpg')) as Uint8Array).toString()).toBe(
      'three',
    );
  });

  test('two classes of one name, as lists for ImageNet have them, stay two', async () => {
    const folder = await folderOf({
      '0.tar': shard(['1.jpg', ''], ['1.cls', '0'], ['2.jpg', ''], ['2.cls', '2']),
      'classes.txt': 'crane\nowl\ncrane\n',
    });
    const { classes } = await readShards(folder, ['0.tar'], { cacheFolder });
    expect(classes).toEqual(['crane (0)', 'crane (2)']);
  });

  test('names of classes in text, no parts', async () => {
    const folder = await folderOf({
      'x/0.tar': shard(['1.jpg', ''], ['1.txt', 'cat'], ['2.jpg', ''], ['2.txt', 'dog']),
    });
    const tree = await openFileTree(join(folder, 'x/0.tar'), { cacheFolder });
    expect(await isShard(tree)).toBe(true);
    const listing = await readShards(folder, ['x/0.tar'], { cacheFolder });
    expect(summary(listing)).toEqual(['null x/0.tar/1.jpg cat', 'null x/0.tar/2.jpg dog']);
  });

  const photos = ['cat/1', 'cat/2', 'dog/3'];
  const beside = (ending: string, content: string, keys = photos) =>
    shard(
      ...keys.flatMap((key): [string, string][] => [
        [`${key}.jpg`, key],
        [`${key}${ending}`, content],
      ]),
    );
  test.each<[string, boolean, Buffer]>([
    ['captions in class folders', false, beside('.txt', 'an animal')],
    ['captions in class folders of parts', false, beside('.txt', 'x', ['x/train/a/1', 'x/train/b/1'])],
    ['captions in one folder', true, beside('.txt', 'cat', ['x/1', 'x/2', '3'])],
    ['JSON of something else', false, beside('.json', '{"caption": "an animal"}')],
    ['JSON that is none', false, beside('.json', '{')],
    ['JSON with classes', true, beside('.json', '{"cls": 3}')],
    ['numbers of classes', true, beside('.cls', '3')],
    ['nothing', false, shard(['1.jpg', ''])],
  ])('%s beside images: %s', async (_, expected, content) => {
    const folder = await folderOf({ '0.tar': content });
    expect(await isShard(await openFileTree(join(folder, '0.tar'), { cacheFolder }))).toBe(expected);
  });

  test.each([
    ['SHARD_LABEL', shard(['1.jpg', ''], ['1.cls', ' '])],
    ['SHARD_LABEL', shard(['1.jpg', ''], ['1.json', '{"label": [1]}'])],
    ['SHARD_LABEL', shard(['1.jpg', ''], ['1.json', 'null'])],
    ['SHARD_LABEL', shard(['1.jpg', ''], ['1.json', '{'])],
    ['SHARD_LABEL', shard(['1.jpg', ''], ['1.txt', 'x'.repeat(2 ** 20 + 1)])],
    ['DATA_EMPTY', shard(['1.jpg', ''], ['2.cls', '0'])],
    ['ARCHIVE_PATH', shard(['../1.jpg', ''], ['../1.cls', '0'])],
  ])('%s %#', async (expected, content) => {
    const folder = await folderOf({ '0.tar': content });
    expect(await codeOf(readShards(folder, ['0.tar'], { cacheFolder }))).toBe(expected);
  });
});
