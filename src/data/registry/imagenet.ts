/** ImageNet (ILSVRC 2012) and Tiny ImageNet. Their test parts have no labels, so that results are those of validation. */
import type { FileTree } from '../containers/file-tree.ts';
import { isImagenet, readImagenet } from '../readers/imagenet.ts';
import { isTinyImagenet, readTinyImagenet } from '../readers/tiny-imagenet.ts';
import { officialDataset } from './entry.ts';
import { formError, fromReader, type ListEntry, matchLists } from './lists.ts';

export const imagenet = officialDataset({
  name: 'imagenet',
  title: 'ImageNet (ILSVRC 2012)',
  reference: 'Russakovsky et al., ImageNet large scale visual recognition challenge, 2015',
  classes: 1000,
  images: { train: 1_281_167, test: 50_000 },
  perClass: { train: { from: 732, to: 1300 }, test: 50 },
  md5: {
    'ILSVRC2012_img_train.tar': '1d675b47d978889d74fa0da5fadfb00e',
    'ILSVRC2012_img_val.tar': '29b22e2961454d5413ddabcf34fc5622',
    'ILSVRC2012_devkit_t12.tar.gz': 'fa75699e90414af021442c21a62c3abf',
  },
  form: 'ILSVRC2012_img_train.tar, ILSVRC2012_img_val.tar and ILSVRC2012_devkit_t12.tar.gz, or what was unpacked of them; or train/WNID/ and val/WNID/ with images',
  async read(tree, _, titled) {
    const inFolders = entriesOfFolders(tree);
    if (inFolders.some(({ part }) => part === 'test')) return fromFolders(tree, inFolders);
    if (isImagenet(tree)) return fromReader(await readImagenet(tree));
    throw formError(tree, ['ILSVRC2012_val_00000001.JPEG', 'ILSVRC2012_validation_ground_truth.txt'], titled);
  },
});

const IN_FOLDER = /(?:^|\/)(train|val)\/(n\d{8})\/[^/]+\.jpe?g$/i;

function entriesOfFolders(tree: FileTree) {
  return tree.paths.flatMap((path) => {
    const [, part, wnid] = IN_FOLDER.exec(path) ?? [];
    return wnid ? [{ path, wnid, part: part === 'train' ? ('train' as const) : ('test' as const) }] : [];
  });
}

function fromFolders(tree: FileTree, found: ReturnType<typeof entriesOfFolders>) {
  const classes = [...new Set(found.map(({ wnid }) => wnid))].sort();
  const labels = new Map(classes.map((wnid, label) => [wnid, label]));
  const entries = found.map(({ path, wnid, part }): ListEntry => ({ path, label: labels.get(wnid)!, part }));
  return matchLists(tree, classes, entries, null);
}

export const tinyImagenet = officialDataset({
  name: 'tiny-imagenet',
  title: 'Tiny ImageNet',
  reference: 'Stanford CS231n, Tiny ImageNet challenge, 2015',
  classes: 200,
  images: { train: 100_000, test: 10_000 },
  perClass: { train: 500, test: 50 },
  form: 'tiny-imagenet-200/ with wnids.txt, train/WNID/images/, val/images/ and val/val_annotations.txt (or the zip archive)',
  async read(tree, _, titled) {
    if (!isTinyImagenet(tree)) throw formError(tree, ['wnids.txt', 'val/val_annotations.txt'], titled);
    return fromReader(await readTinyImagenet(tree));
  },
});
