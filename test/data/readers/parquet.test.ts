/** Parquet files of images as PyArrow writes them (scripts/fixtures/parquet.py), and files that no program wrote. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openFileTree } from '../../../src/data/containers/file-tree.ts';
import { ParquetFile } from '../../../src/data/containers/parquet.ts';
import { readParquetImages } from '../../../src/data/readers/parquet-images.ts';
import { Random } from '../../../src/tensor/random.ts';
import { type ByteSource, memorySource } from '../../../src/util/byte-source.ts';
import { mutated } from '../../mutated.ts';
import { codeOf } from '../../refusal.ts';
import { folderOf, temporaryFolder } from '../pictures.ts';

const FOLDER = resolve(import.meta.dirname, '../../fixtures/data/parquet');
const fixture = (name: string) => readFileSync(join(FOLDER, name));
const cacheFolder = await temporaryFolder();

const NAMES = ['cat', 'dog', '猫'];

async function read(files: Readonly<Record<string, Uint8Array>>) {
  const tree = await openFileTree(await folderOf(files), { cacheFolder });
  return readParquetImages(tree, tree.paths);
}

const text = (stored: unknown) => Buffer.from(stored as Uint8Array).toString();

describe('what PyArrow wrote', () => {
  test('files of the hub: several, with parts and names of labels', async () => {
    const tree = await openFileTree(join(FOLDER, 'hub'), { cacheFolder });
    const listing = await readParquetImages(tree, tree.paths);
    expect(listing.classes).toEqual(NAMES);
    expect([...listing.officialParts].sort()).toEqual(['test', 'train']);
    expect(listing.problems).toEqual([]);
    const found = await Promise.all(
      listing.images.map(
        async ({ id, className, part }) => `${part} ${className} ${text(await listing.read(id))}`,
      ),
    );
    const expected = (part: string, from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => `${part} ${NAMES[(from + i) % 3]} image ${from + i}`);
    // Files are in the order of their names.
    expect(found).toEqual([...expected('test', 12, 15), ...expected('train', 0, 12)]);
    expect(listing.images[5].id).toBe('data/train-00000-of-00002.parquet/000002');
    // Backwards, so that groups are read again after others.
    for (const { id } of [...listing.images].reverse().slice(0, 4))
      expect(text(await listing.read(id))).toMatch(/^image/);
  });

  test.each(['zstd', 'gzip', 'brotli', 'none'])('compression %s', async (name) => {
    const listing = await read({ 'x.parquet': fixture(`${name}.parquet`) });
    expect(listing.officialParts).toEqual([]);
    for (const [i, { id, className }] of listing.images.entries()) {
      expect(className).toBe(NAMES[i % 3]);
      expect(text(await listing.read(id))).toBe(`image ${i}`);
    }
    expect(listing.images).toHaveLength(12);
  });

  test('labels as texts, images as plain bytes', async () => {
    const listing = await read({ 'x.parquet': fixture('strings.parquet') });
    expect(listing.classes).toEqual(NAMES);
    expect(listing.images.map(({ className }) => className)).toEqual([...NAMES, ...NAMES]);
    expect(text(await listing.read('x.parquet/000004'))).toBe('image 4');
  });

  test('columns by kind, and what the writer added', async () => {
    const file = await ParquetFile.open(memorySource(fixture('strings.parquet')), 'x');
    expect(file.columns).toEqual([
      { name: 'img', kind: 'bytes', fields: [] },
      { name: 'category', kind: 'text', fields: [] },
      { name: 'other', kind: 'other', fields: expect.anything() },
    ]);
    const hub = await ParquetFile.open(memorySource(fixture('none.parquet')), 'x');
    expect(hub.columns.map(({ name, kind, fields }) => [name, kind, fields])).toEqual([
      ['image', 'struct', ['bytes', 'path']],
      ['label', 'integer', []],
    ]);
    expect(hub.groups).toEqual([
      { start: 0, rows: 5 },
      { start: 5, rows: 5 },
      { start: 10, rows: 2 },
    ]);
    expect(hub.metadata.get('huggingface')).toContain('ClassLabel');
  });
});

describe('refusals', () => {
  const whole = fixture('none.parquet');

  test('files that are none, that are cut off, whose directory is larger than they are', async () => {
    for (const bytes of [
      Buffer.of(),
      Buffer.from('PAR1'),
      Buffer.alloc(100),
      whole.subarray(0, whole.length - 9),
    ])
      expect(await codeOf(read({ 'x.parquet': bytes }))).toBe('PARQUET_DAMAGED');
    const large = Buffer.from(whole);
    large.writeUInt32LE(2 ** 31, whole.length - 8);
    expect(await codeOf(read({ 'x.parquet': large }))).toBe('PARQUET_DAMAGED');
  });

  test('a directory of hundreds of megabytes is not read', async () => {
    const tail = Buffer.alloc(8);
    tail.writeUInt32LE(2 ** 29, 0);
    tail.write('PAR1', 4);
    const source: ByteSource = {
      size: 2 ** 30,
      async read(_, length) {
        expect(length).toBeLessThan(1000);
        return Uint8Array.from(tail);
      },
      async close() {},
    };
    expect(await codeOf(ParquetFile.open(source, 'x'))).toBe('PARQUET_SIZE');
  });

  test('a page that claims other counts or sizes', async () => {
    // Pages are in the compact form of Thrift: small counts are one byte, twice their value.
    const file = await ParquetFile.open(memorySource(whole), 'x');
    expect(await file.readGroup(0, 'label')).toEqual([0n, 1n, 2n, 0n, 1n]);
    let refused = 0;
    // Every byte of the pages, changed: values may differ, nothing but a refusal is thrown.
    for (let at = 4; at < 400; at++) {
      const changed = Buffer.from(whole);
      changed[at] = 0xff;
      const opened = await ParquetFile.open(memorySource(changed), 'x');
      for (const column of ['image', 'label']) {
        const found = await codeOf(opened.readGroup(0, column));
        expect(['accepted', 'PARQUET_DAMAGED', 'PARQUET_SIZE', 'PARQUET_FORM']).toContain(found);
        if (found !== 'accepted') refused++;
      }
    }
    expect(refused).toBeGreaterThan(50);
  });

  test('a run of more values than a group has rows, of which few bytes make billions', async () => {
    // The levels of a page of five rows: five times 1. The same header with a run of 63, which a longer one multiplies.
    let refused = 0;
    for (let at = whole.indexOf(Buffer.of(10, 1)); at >= 0; at = whole.indexOf(Buffer.of(10, 1), at + 1)) {
      const changed = Buffer.from(whole);
      changed[at] = 126;
      const reading = ParquetFile.open(memorySource(changed), 'x').then((file) => file.readGroup(0, 'label'));
      const message = await reading.then(String, String);
      if (message.includes('a run of 63 values where 5 are left')) refused++;
    }
    expect(refused).toBeGreaterThan(0);
  });

  test('a thousand damaged files are read or refused, in bounded memory', async () => {
    const names = ['none', 'zstd', 'gzip', 'strings'];
    const files = names.map((name) => fixture(`${name}.parquet`));
    const random = new Random(8, 'parquet');
    let refused = 0;
    for (let i = 0; i < 1000; i++) {
      const bytes = mutated(files[i % files.length], random);
      const found = await codeOf(
        ParquetFile.open(memorySource(bytes), 'fuzz').then(async (file) => {
          for (const { name, kind } of file.columns)
            if (kind !== 'other') for (const group of file.groups.keys()) await file.readGroup(group, name);
        }),
      );
      expect(['accepted', 'PARQUET_DAMAGED', 'PARQUET_SIZE', 'PARQUET_FORM', 'FILE_CHANGED']).toContain(
        found,
      );
      if (found !== 'accepted') refused++;
    }
    expect(refused).toBeGreaterThan(300);
    expect(process.memoryUsage().rss).toBeLessThan(2 ** 30);
  });

  test('columns that are no images and labels', async () => {
    const bytes = Buffer.from(fixture('strings.parquet'));
    // The name of the column of labels, which occurs in the schema and in each column's place.
    for (let at = bytes.indexOf('category'); at >= 0; at = bytes.indexOf('category'))
      bytes.write('catfgory', at);
    expect(await codeOf(read({ 'x.parquet': bytes }))).toBe('PARQUET_COLUMN');
  });
});
