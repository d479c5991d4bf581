/**
 * Files under one root, wherever they lie: in a folder, or in a tar, tar.gz or zip archive, which are read in place.
 * Readers of layouts are written over this, so that they read an unpacked data set and a downloaded one alike.
 */
import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type ByteSource, memorySource } from '../../util/byte-source.ts';
import { UserError } from '../../util/errors.ts';
import { refusing } from '../../util/refuse.ts';
import { dataPosition, readEntry, readZipDirectory, type ZipEntry } from '../../util/zip.ts';
import { fileSource, sliceOf, withFile } from './byte-sources.ts';
import { folderIdentity, readDiskFolder } from './disk-folder.ts';
import { decompressedPath } from './gzip.ts';
import { safePath } from './paths.ts';
import { readTarIndex } from './tar.ts';

export interface FileTree {
  /** Absolute path of the folder or archive, for messages. */
  readonly root: string;
  /** All files, with `/`, sorted; without what macOS adds to archives. */
  readonly paths: readonly string[];
  has(path: string): boolean;
  /** The bytes of a file, to be read piece by piece. Error: `FILE_MISSING`. */
  open(path: string): Promise<ByteSource>;
  /** All bytes of a file. Errors: `FILE_MISSING`, `FILE_SIZE` above `LARGEST_FILE`. */
  read(path: string): Promise<Uint8Array<ArrayBuffer>>;
}

/** Of what is read at once: an encoded image, a list, an annotation file. Larger files are read in pieces. */
const LARGEST_FILE = 2 ** 29;
/** A compressed entry of a zip archive is inflated in memory. */
const LARGEST_INFLATED = 2 ** 28;

/** The most that deflate can do: one entry at a time is inflated, so that `LARGEST_INFLATED` is the limit. */
const DEFLATE_GROWTH = 1032;

const ARCHIVE_ENDING = /\.(tar|tar\.gz|tgz|zip)$/i;

/** Whether a file is named like an archive that `openFileTree` reads. */
export const isArchiveName = (path: string): boolean => ARCHIVE_ENDING.test(path);

/**
 * Opens a folder or an archive. With `mountArchives`, archives directly in the folder are looked into as if they had
 * been unpacked there; where a file lies in several of them, or beside them, the last by name counts, the folder first.
 *
 * Errors: `DATA_FOLDER_MISSING`, `FOLDER_UNREADABLE`, `TAR_...`, `ZIP_...`, `GZIP_...`, `ARCHIVE_PATH`,
 * `ARCHIVE_UNKNOWN`, `FILE_COMPRESSION`, `CACHE_NOT_WRITABLE`.
 */
export async function openFileTree(
  path: string,
  options: { readonly cacheFolder: string; readonly mountArchives?: boolean },
): Promise<FileTree> {
  const root = resolve(path);
  const status = await stat(root).catch(() => null);
  if (!status)
    throw new UserError(
      'DATA_FOLDER_MISSING',
      `There is no ${root}.`,
      'Give the path of a folder or of an archive.',
    );
  if (!status.isDirectory()) return treeOf(root, await openArchive(root, options.cacheFolder));
  const files = await folderFiles(root);
  if (options.mountArchives !== true) return treeOf(root, files);
  const archives = [...files.keys()].filter((name) => !name.includes('/') && isArchiveName(name)).sort();
  const all: Files = new Map();
  for (const name of archives) {
    files.delete(name);
    for (const [inside, opener] of await openArchive(join(root, name), options.cacheFolder))
      all.set(inside, opener);
  }
  for (const [inside, opener] of files) all.set(inside, opener);
  return treeOf(root, all);
}

/** The part of a tree below a folder, with paths relative to it. */
export function subtree(tree: FileTree, folder: string): FileTree {
  const prefix = `${folder}/`;
  const paths = tree.paths.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
  return {
    root: join(tree.root, folder),
    paths,
    has: (path) => tree.has(prefix + path),
    open: (path) => tree.open(prefix + path),
    read: (path) => tree.read(prefix + path),
  };
}

/** Archives usually hold one folder with everything in it: the tree below such folders. */
export function withoutWrapper(tree: FileTree): FileTree {
  const slash = (tree.paths[0] ?? '').indexOf('/');
  const first = (tree.paths[0] ?? '').slice(0, slash + 1);
  const wrapped = slash > 0 && tree.paths.every((path) => path.startsWith(first));
  return wrapped ? withoutWrapper(subtree(tree, first.slice(0, -1))) : tree;
}

/** How a file is opened, by its path. */
type Files = Map<string, () => Promise<ByteSource>>;

function treeOf(root: string, files: Files): FileTree {
  const open = async (path: string) => {
    const opener = files.get(path);
    if (!opener)
      throw new UserError(
        'FILE_MISSING',
        `${root} has no file ${path}.`,
        'Check that the data set is complete.',
      );
    return opener();
  };
  return {
    root,
    paths: [...files.keys()].filter(isWanted).sort(),
    has: (path) => files.has(path),
    open,
    async read(path) {
      return wholeOf(await open(path), `${path} of ${root}`);
    },
  };
}

/**
 * All bytes of a file that is read at once.
 * @param place where it lies, for the error
 * @throws UserError FILE_SIZE
 */
export function wholeOf(source: ByteSource, place: string): Promise<Uint8Array<ArrayBuffer>> {
  if (source.size <= LARGEST_FILE) return source.read(0, source.size);
  throw new UserError(
    'FILE_SIZE',
    `${place} has ${source.size} bytes.`,
    `Files that are read at once may have ${LARGEST_FILE}.`,
  );
}

/** macOS puts a folder of resource forks into archives, and `._` files beside others. */
function isWanted(path: string): boolean {
  return !path.startsWith('__MACOSX/') && !basename(path).startsWith('._');
}

async function openArchive(path: string, cacheFolder: string): Promise<Files> {
  const isZip = await withFile(path, async (source) => {
    const start = Buffer.from(await source.read(0, Math.min(4, source.size))).toString('latin1');
    return start === 'PK\u0003\u0004' || start === 'PK\u0005\u0006';
  });
  if (isZip) return zipFiles(path);
  const content = await decompressedPath(path, cacheFolder);
  return tarFiles(path, content);
}

/** @param content the archive's bytes: the file itself, or what it was decompressed to */
async function tarFiles(path: string, content: string): Promise<Files> {
  const refuse = refusing(path, 'tar');
  const entries = await withFile(content, (source) => readTarIndex(source, refuse));
  if (entries.length === 0)
    refuse('ARCHIVE_UNKNOWN', 'it holds no files', 'Archives are tar, tar.gz or zip, with files in them');
  const source = await fileSource(content);
  return new Map(
    entries.map((entry) => [entry.path, async () => sliceOf(source, entry.position, entry.size)]),
  );
}

async function zipFiles(path: string): Promise<Files> {
  const refuse = refusing(path, 'zip');
  const entries = await withFile(path, (source) => readZipDirectory(source, refuse, DEFLATE_GROWTH));
  const source = await fileSource(path);
  const files: Files = new Map();
  for (const entry of entries.values()) {
    const inside = safePath(entry.name, refuse);
    if (inside !== null && !entry.name.endsWith('/'))
      files.set(inside, () => openZipEntry(source, entry, path));
  }
  return files;
}

async function openZipEntry(source: ByteSource, entry: ZipEntry, path: string): Promise<ByteSource> {
  const refuse = refusing(path, 'zip');
  if (!entry.compressed) return sliceOf(source, await dataPosition(source, entry, refuse), entry.size);
  if (entry.size > LARGEST_INFLATED)
    refuse(
      'ZIP_ENTRY',
      `an entry inflates to ${entry.size} bytes`,
      `${LARGEST_INFLATED} are allowed; unpack it`,
    );
  return memorySource(await readEntry(source, entry, refuse));
}

/** All visible files below a folder; links are followed, but never in a circle. */
async function folderFiles(root: string): Promise<Files> {
  const files: Files = new Map();
  const visit = async (below: string, above: readonly string[]): Promise<void> => {
    const identity = await folderIdentity(join(root, below));
    if (above.includes(identity)) return;
    const folder = await readDiskFolder(join(root, below));
    const inside = (name: string) => (below === '' ? name : `${below}/${name}`);
    for (const name of folder.files) files.set(inside(name), () => fileSource(join(root, inside(name))));
    for (const name of folder.folders) await visit(inside(name), [...above, identity]);
  };
  await visit('', []);
  return files;
}
