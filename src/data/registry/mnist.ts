/** MNIST: images and labels of a part in one idx file each. */
import { isIdxFolder, readIdxFolder } from '../readers/idx-folder.ts';
import { officialDataset } from './entry.ts';
import { formError, fromReader } from './lists.ts';

export const mnist = officialDataset({
  name: 'mnist',
  title: 'MNIST',
  reference: 'LeCun, Cortes and Burges, The MNIST database, 1998',
  classes: 10,
  images: { train: 60_000, test: 10_000 },
  md5: {
    'train-images-idx3-ubyte.gz': 'f68b3c2dcbeaaa9fbdd348bbdeb94873',
    'train-labels-idx1-ubyte.gz': 'd53e105ee54ea40749a09fcbcd1e9432',
    't10k-images-idx3-ubyte.gz': '9fb629c4189551a2d022fa330f9573f3',
    't10k-labels-idx1-ubyte.gz': 'ec29112dd5afa0611ce80d1b7f02629c',
  },
  form: 'train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, with or without .gz',
  async read(tree, _, titled) {
    if (!isIdxFolder(tree)) throw formError(tree, ['train-images-idx3-ubyte'], titled);
    return fromReader(await readIdxFolder(tree));
  },
});
