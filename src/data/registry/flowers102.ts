/** Oxford 102 Flowers: images numbered from 1, with their classes and parts as MATLAB vectors. */
import type { FileTree } from '../containers/file-tree.ts';
import { numbersOf, readMat } from '../containers/mat.ts';
import { officialDataset } from './entry.ts';
import { damagedList, type ListEntry, locate, matchLists } from './lists.ts';

const LABELS = 'imagelabels.mat';
const PARTS = 'setid.mat';

export const flowers102 = officialDataset({
  name: 'flowers102',
  title: 'Oxford 102 Flowers',
  reference: 'Nilsback and Zisserman, Automated flower classification, 2008',
  metric: 'meanPerClass',
  classes: 102,
  images: { train: 1020, validation: 1020, test: 6149 },
  perClass: { train: 10, validation: 10 },
  md5: {
    '102flowers.tgz': '52808999861908f626f3c1f4e79d11fa',
    [LABELS]: 'e0620be6f572b9609742df49c70aed4d',
    [PARTS]: 'a5357ecc9cb78c4bef273ce3793fc85c',
  },
  form: 'jpg/image_00001.jpg and so on, imagelabels.mat and setid.mat (102flowers.tgz beside the two)',
  async read(tree, _, titled) {
    const root = locate(tree, [LABELS, PARTS], ['flowers-102', 'flowers102'], titled);
    const labels = await vector(root, LABELS, 'labels');
    // The authors number the classes and publish no names with the numbers.
    const numbers = [...new Set(labels)].sort((a, b) => a - b);
    const entries: ListEntry[] = [];
    for (const [part, name] of [
      ['train', 'trnid'],
      ['validation', 'valid'],
      ['test', 'tstid'],
    ] as const)
      for (const image of await vector(root, PARTS, name)) {
        const label = numbers.indexOf(labels[image - 1]);
        if (label < 0) throw damagedList(root, PARTS, `${LABELS} has no label of image ${image}`);
        entries.push({ path: `jpg/image_${String(image).padStart(5, '0')}.jpg`, label, part });
      }
    return matchLists(root, numbers.map(String), entries, 'jpg/');
  },
});

async function vector(tree: FileTree, path: string, name: string): Promise<Float64Array> {
  return numbersOf(readMat(await tree.read(path), path).get(name), name, path);
}
