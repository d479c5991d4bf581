/**
 * Files in archives and folders read alike: what Python's tarfile and zipfile wrote (scripts/fixtures/containers.py),
 * damaged and hostile archives, and all of them in bounded memory.
 */
import { appendFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openFileTree, subtree, withoutWrapper } from '../../../src/data/containers/file-tree.ts';
import { readTarIndex } from '../../../src/data/containers/tar.ts';
import { Random } from '../../../src/tensor/random.ts';
import { memorySource } from '../../../src/util/byte-source.ts';
import { refusing } from '../../../src/util/refuse.ts';
import { mutated } from '../../mutated.ts';
import { codeOf } from '../../refusal.ts';
import { zip } from '../../weights/archives.ts';
import { folderOf, temporaryFolder } from '../pictures.ts';
import { type TarFile, tar } from './tars.ts';

const fixture = (name: string) => resolve(import.meta.dirname, '../../fixtures/data/containers', name);

const LONG = `set/${'long/'.repeat(12)}${'n'.repeat(90)}.txt`;
const FILES: Readonly<Record<string, string>> = {
  'set/a/one.txt': 'one',
  'set/a/empty.txt': '',
  'set/b/猫 и é.txt': 'other scripts',
  'set/b/line\nbreak.txt': 'a line break',
  [LONG]: 'a long path',
  'set/b/large.bin': Buffer.from(Array.from({ length: 1280 }, (_, i) => i % 256)).toString('latin1'),
};

const cacheFolder = await temporaryFolder();
const open = (path: string) => openFileTree(path, { cacheFolder });

async function contents(path: string): Promise<Record<string, string>> {
  const tree = await open(path);
  const read = tree.paths.map(async (name) => [name, Buffer.from(await tree.read(name)).toString('latin1')]);
  return Object.fromEntries(await Promise.all(read));
}

const written = async (bytes: Uint8Array, name = 'archive') => join(await folderOf({ [name]: bytes }), name);

describe('what other programs wrote', () => {
  test.each(['ustar.tar', 'gnu.tar', 'pax.tar'])('%s: files, a hard link, no symbolic link', async (name) => {
    expect(await contents(fixture(name))).toEqual({ ...FILES, 'set/a/hard.txt': 'one' });
  });

  test.each(['pax.tar.gz', 'mixed.zip'])('%s', async (name) => {
    expect(await contents(fixture(name))).toEqual(FILES);
    // The second time from the cache.
    expect(await contents(fixture(name))).toEqual(FILES);
  });

  test('a tar of tars is folders', async () => {
    const found = await contents(fixture('tars.tar'));
    const names = ['n00000000', 'n00000001'].flatMap((c) => [0, 1, 2].map((j) => `${c}/${c}_${j}.JPEG`));
    expect(Object.keys(found)).toEqual(names);
    expect(found['n00000001/n00000001_2.JPEG']).toBe('\u0001\u0002');
  });
});

describe('one tree', () => {
  test('a folder is read as the archive of it, links included, pipes and circles not', async () => {
    const folder = await temporaryFolder();
    for (const [path, content] of Object.entries(FILES)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content, 'latin1');
    }
    await symlink('..', join(folder, 'set/circle'));
    await symlink(join(folder, 'set/a/one.txt'), join(folder, 'set/a/hard.txt'));
    expect(await contents(folder)).toEqual({ ...FILES, 'set/a/hard.txt': 'one' });
  });

  test('wrapping folders can be left out, and parts looked at', async () => {
    const tree = withoutWrapper(await open(fixture('mixed.zip')));
    expect(tree.paths).toContain('a/one.txt');
    const part = subtree(tree, 'a');
    expect(part.paths).toEqual(['empty.txt', 'one.txt']);
    expect(Buffer.from(await part.read('one.txt')).toString()).toBe('one');
    expect([part.has('one.txt'), part.has('two.txt')]).toEqual([true, false]);
    expect(await codeOf(part.read('two.txt'))).toBe('FILE_MISSING');
  });

  test('archives in a folder can be mounted; the folder counts first', async () => {
    const folder = await folderOf({
      'a.tar': tar([{ path: 'x/1', content: 'from a' }]),
      'b.zip': zip([{ name: 'x/1', content: Buffer.from('from b') }]),
      'y/2': 'beside',
      'c/d.tar': 'not looked into',
    });
    const tree = await openFileTree(folder, { cacheFolder, mountArchives: true });
    expect(tree.paths).toEqual(['c/d.tar', 'x/1', 'y/2']);
    expect(Buffer.from(await tree.read('x/1')).toString()).toBe('from b');
  });

  test('what macOS adds is left out', async () => {
    const names = ['__MACOSX/a/._1.jpg', 'a/._1.jpg', 'a/1.jpg'];
    const path = await written(tar(names.map((name) => ({ path: name, content: '' }))));
    expect((await open(path)).paths).toEqual(['a/1.jpg']);
  });

  test('names in zip that are no UTF-8 are told apart: code page 437, or Latin-1 where UTF-8 is claimed', async () => {
    const namesOf = async (flags: number, encoding: BufferEncoding, ...names: string[]) => {
      const entries = names.map((name) => ({
        name,
        nameBytes: Buffer.from(name, encoding),
        content: Buffer.of(),
        claims: { flags },
      }));
      return (await open(await written(zip(entries)))).paths;
    };
    expect(await namesOf(0, 'latin1', 'B\x84r/1', 'B\x94r/1')).toEqual(['Bär/1', 'Bör/1']);
    expect(await namesOf(0, 'utf8', 'Bär/1', '猫/2')).toEqual(['Bär/1', '猫/2']);
    expect(await namesOf(1 << 11, 'latin1', 'Bär/1', 'Bör/1')).toEqual(['Bär/1', 'Bör/1']);
  });

  test('every byte of a name in code page 437 is what Python reads', async () => {
    const tree = await open(fixture('code-page-437.zip'));
    const [name] = tree.paths;
    expect(name).toHaveLength(128);
    expect(Buffer.from(await tree.read(name)).toString()).toBe(name);
  });

  test('archives joined with cat are one, as shards may be', async () => {
    const [one, two] = ['1', '2'].map((name) => tar([{ path: name, content: name }]));
    expect(await contents(await written(Buffer.concat([one, two])))).toEqual({ 1: '1', 2: '2' });
  });

  test('a file that changes after opening is not read', async () => {
    const path = await written(tar([{ path: '1', content: 'one' }]));
    const tree = await open(path);
    await appendFile(path, 'more');
    expect(await codeOf(tree.read('1'))).toBe('FILE_CHANGED');
  });
});

describe('refusals', () => {
  const evil = ['../x', '/etc/x', 'a/../../x', 'a\\..\\x', 'C:/x', 'a\0b', `${'d/'.repeat(3000)}x`];

  test.each(evil)('a path out of the archive: %j', async (path) => {
    // A NUL ends a name in tar; the other names are no paths in a header, so that they come as PAX records.
    if (!path.includes('\0'))
      expect(await codeOf(open(await written(tar([{ path, content: '', pax: true }]))))).toBe('ARCHIVE_PATH');
    expect(await codeOf(open(await written(zip([{ name: path, content: Buffer.of() }]))))).toBe(
      'ARCHIVE_PATH',
    );
  });

  test.each<[string, TarFile]>([
    ['TAR_ENTRY', { path: 'link', content: '', type: '1', link: 'nowhere' }],
    ['ARCHIVE_PATH', { path: 'link', content: '', type: '1', link: '../nowhere' }],
    ['TAR_ENTRY', { path: 'holes', content: '', type: 'S' }],
    ['TAR_DAMAGED', { path: 'large', content: 'x', claims: 2 ** 33 }],
    ['TAR_DAMAGED', { path: 'huge', content: 'x', claims: Number.MAX_SAFE_INTEGER }],
    ['TAR_ENTRY', { path: 'x', content: Buffer.alloc(2 ** 20 + 1), type: 'L' }],
    ['TAR_DAMAGED', { path: 'x', content: '999 path=y\n', type: 'x' }],
    ['TAR_DAMAGED', { path: 'x', content: '0 path=y\n', type: 'x' }],
    ['TAR_ENTRY', { path: 'x', content: '22 GNU.sparse.major=1\n', type: 'x' }],
  ])('%s: entry %#', async (expected, file) => {
    expect(await codeOf(open(await written(tar([file]))))).toBe(expected);
  });

  test('a file that is no archive, an empty one, one cut off', async () => {
    expect(await codeOf(open(await written(Buffer.from('no archive '.repeat(100)))))).toBe('TAR_DAMAGED');
    expect(await codeOf(open(await written(Buffer.of())))).toBe('ARCHIVE_UNKNOWN');
    expect(await codeOf(open(await written(tar([]))))).toBe('ARCHIVE_UNKNOWN');
    const whole = await readFile(fixture('gnu.tar'));
    // Inside the content of the last large file.
    const inside = whole.indexOf(Buffer.from([250, 251, 252, 253, 254, 255]));
    expect(await codeOf(open(await written(whole.subarray(0, inside))))).toBe('TAR_DAMAGED');
  });

  test('other compressions by name, gzip that is damaged', async () => {
    const xz = Buffer.from('fd377a585a000004', 'hex');
    await expect(open(await written(xz))).rejects.toThrow(/xz -d/);
    const whole = await readFile(fixture('pax.tar.gz'));
    expect(await codeOf(open(await written(whole.subarray(0, whole.length - 20))))).toBe('GZIP_DAMAGED');
  });

  test('bombs: gzip that fills a disk, zip that fills memory', async () => {
    const zeros = gzipSync(Buffer.alloc(70 * 2 ** 20));
    expect(zeros.length).toBeLessThan(100_000);
    expect(await codeOf(open(await written(zeros)))).toBe('GZIP_SIZE');
    const claims = { size: 2 ** 28 + 1, storedSize: 300_000, method: 8 };
    const path = await written(zip([{ name: 'x', content: Buffer.alloc(300_000), claims }]));
    expect(await codeOf((await open(path)).read('x'))).toBe('ZIP_ENTRY');
  });

  test('a thousand damaged archives are read or refused', async () => {
    const whole = await readFile(fixture('gnu.tar'));
    const random = new Random(5, 'tar');
    let refused = 0;
    for (let i = 0; i < 1000; i++) {
      const bytes = mutated(whole, random);
      const found = await codeOf(readTarIndex(memorySource(bytes), refusing('fuzz', 'tar')));
      expect(['accepted', 'TAR_DAMAGED', 'TAR_ENTRY', 'ARCHIVE_PATH']).toContain(found);
      if (found !== 'accepted') refused++;
    }
    expect(refused).toBeGreaterThan(100);
  });
});
