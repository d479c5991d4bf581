/**
 * A user's own images in whatever form they are kept: the form is found by what lies in the folder or archive.
 *
 * | form | found by |
 * |---|---|
 * | table of images | the path of a CSV, TSV, JSON or JSON Lines file, or `metadata` or `manifest` so in a folder |
 * | parquet | the path of such a file, or a folder with such files and no images |
 * | WebDataset shards | tar archives, one or a folder of them, with labels beside images |
 * | MNIST, CIFAR, ImageNet, Tiny ImageNet | their files by their names |
 * | class folders | everything else, a folder or an archive |
 */
import { stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { defaultCacheFolder } from '../../util/cache-folder.ts';
import { type FileTree, isArchiveName, openFileTree } from '../containers/file-tree.ts';
import type { ImageDataset } from '../contract.ts';
import { isCifar, readCifar } from '../readers/cifar.ts';
import { readArchivedClassFolders, readClassFolders } from '../readers/class-folders.ts';
import { isIdxFolder, readIdxFolder } from '../readers/idx-folder.ts';
import { isImagenet, readImagenet } from '../readers/imagenet.ts';
import { IMAGE_ENDING, type ImageListing } from '../readers/listing.ts';
import { isManifestName, readManifest } from '../readers/manifest.ts';
import { isParquetName, readParquetImages } from '../readers/parquet-images.ts';
import { isTinyImagenet, readTinyImagenet } from '../readers/tiny-imagenet.ts';
import { isShard, readShards } from '../readers/webdataset.ts';
import { type ListedDatasetOptions, openListing } from './listed.ts';

/** Tables that are taken for the list of a folder's images without being named: other tables may be anything. */
const FOLDER_TABLE = /^(metadata|manifest)\.(csv|tsv|jsonl|ndjson|json)$/i;

/**
 * Opens a folder, an archive (tar, tar.gz, zip), a table of images or a parquet file.
 *
 * Errors: those of the readers and of `openListing`.
 */
export async function openLocalDataset(path: string, options: ListedDatasetOptions): Promise<ImageDataset> {
  const target = resolve(path);
  const listing = await readLocal(target, options.cacheFolder ?? defaultCacheFolder());
  const name = basename(target).replace(/\.tar\.gz$/i, '');
  const isFile = (await stat(target)).isFile();
  return openListing(listing, { name: isFile ? basename(name, extname(name)) : name, ...options });
}

async function readLocal(path: string, cacheFolder: string): Promise<ImageListing> {
  const status = await stat(path).catch(() => null);
  // Its errors say what is missing.
  if (!status) return readClassFolders(path);
  if (status.isDirectory()) return readFolder(path, cacheFolder);
  const [folder, name] = [dirname(path), basename(path)];
  if (isManifestName(name)) return readManifest(await openFileTree(folder, { cacheFolder }), name);
  if (isParquetName(name)) return readParquetImages(await openFileTree(folder, { cacheFolder }), [name]);
  if (!isArchiveName(name)) return readClassFolders(path);
  const tree = await openFileTree(path, { cacheFolder });
  if (await isShard(tree)) return readShards(folder, [name], { cacheFolder });
  return (await readKnown(tree)) ?? readArchivedClassFolders(tree);
}

async function readFolder(path: string, cacheFolder: string): Promise<ImageListing> {
  const tree = await openFileTree(path, { cacheFolder });
  const known = await readKnown(tree);
  if (known) return known;
  if (!tree.paths.some((name) => IMAGE_ENDING.test(name))) {
    const shards = tree.paths.filter(isArchiveName);
    const [first] = shards;
    if (tree.paths.some((name) => name.includes('ILSVRC2012_img_'))) {
      const mounted = await openFileTree(path, { cacheFolder, mountArchives: true });
      if (isImagenet(mounted)) return readImagenet(mounted);
    } else if (first !== undefined && (await isShard(await openFileTree(join(path, first), { cacheFolder }))))
      return readShards(path, shards, { cacheFolder });
  }
  return readClassFolders(path);
}

/** The forms that are told by names of files, in a folder or in an archive. */
async function readKnown(tree: FileTree): Promise<ImageListing | null> {
  if (isImagenet(tree)) return readImagenet(tree);
  if (isTinyImagenet(tree)) return readTinyImagenet(tree);
  const hasImages = tree.paths.some((path) => IMAGE_ENDING.test(path));
  const table = tree.paths.find((path) => FOLDER_TABLE.test(path));
  if (hasImages) return table === undefined ? null : readManifest(tree, table);
  if (isCifar(tree)) return readCifar(tree);
  if (isIdxFolder(tree)) return readIdxFolder(tree);
  const parquet = tree.paths.filter(isParquetName);
  return parquet.length > 0 ? readParquetImages(tree, parquet) : null;
}
