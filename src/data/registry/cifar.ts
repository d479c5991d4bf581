/** CIFAR-10 and CIFAR-100, binary or pickled. */
import { readCifar } from '../readers/cifar.ts';
import { officialDataset } from './entry.ts';
import { fromReader, locateAny } from './lists.ts';

/** What one of the two is, and where its names of classes lie in the two forms. */
interface Cifar {
  readonly classes: number;
  readonly form: string;
  readonly md5: Readonly<Record<string, string>>;
  readonly markers: readonly string[];
  readonly folders: readonly string[];
}

const cifar = ({ classes, markers, folders, ...facts }: Cifar) =>
  officialDataset({
    name: `cifar${classes}`,
    title: `CIFAR-${classes}`,
    reference: 'Krizhevsky, Learning multiple layers of features from tiny images, 2009',
    classes,
    images: { train: 50_000, test: 10_000 },
    perClass: { train: 50_000 / classes, test: 10_000 / classes },
    ...facts,
    async read(tree, _, titled) {
      return fromReader(await readCifar(locateAny(tree, markers, folders, titled)));
    },
  });

export const cifar10 = cifar({
  classes: 10,
  form: 'cifar-10-batches-bin/ or cifar-10-batches-py/ with five batches, test_batch and batches.meta (or the archive of one)',
  markers: ['batches.meta.txt', 'batches.meta'],
  folders: ['cifar-10-batches-bin', 'cifar-10-batches-py'],
  md5: {
    'cifar-10-python.tar.gz': 'c58f30108f718f92721af3b95e74349a',
    data_batch_1: 'c99cafc152244af753f735de768cd75f',
    data_batch_2: 'd4bba439e000b95fd0a9bffe97cbabec',
    data_batch_3: '54ebc095f3ab1f0389bbae665268c751',
    data_batch_4: '634d18415352ddfa80567beed471001a',
    data_batch_5: '482c414d41f54cd18b22e5b47cb7c3cb',
    test_batch: '40351d587109b95175f43aff81a1287e',
    'batches.meta': '5ff9c542aee3614f3951f8cda6e48888',
  },
});

export const cifar100 = cifar({
  classes: 100,
  form: 'cifar-100-binary/ with train.bin, test.bin and fine_label_names.txt, or cifar-100-python/ with train, test and meta (or the archive of one)',
  markers: ['fine_label_names.txt', 'meta'],
  folders: ['cifar-100-binary', 'cifar-100-python'],
  md5: {
    'cifar-100-python.tar.gz': 'eb9058c3a382ffc7106e4002c42a8d85',
    train: '16019d7e3df5f24257cddd939b257f8d',
    test: 'f0ef6b0ae62326f3e7ffdfab6717acfc',
    meta: '7973b15100ade9c7d40fb424638fde48',
  },
});
