/** Oxford-IIIT Pets: lists of `image class species breed`; an image's name is its breed and a number. */
import { shown } from '../../util/refuse.ts';
import type { FileTree } from '../containers/file-tree.ts';
import type { SplitName } from '../contract.ts';
import { officialDataset } from './entry.ts';
import { damagedList, type ListEntry, locate, matchLists, readLines } from './lists.ts';

const LISTS = { train: 'annotations/trainval.txt', test: 'annotations/test.txt' } as const;

interface PetLine {
  readonly image: string;
  readonly breed: string;
  /** From 1, as in the list. */
  readonly number: number;
  readonly part: SplitName;
}

export const pets = officialDataset({
  name: 'pets',
  title: 'Oxford-IIIT Pets',
  reference: 'Parkhi et al., Cats and dogs, 2012',
  metric: 'meanPerClass',
  classes: 37,
  images: { train: 3680, test: 3669 },
  md5: {
    'images.tar.gz': '5c4f3ee8e5d25df40f4fd59a7f44e54c',
    'annotations.tar.gz': '95a8c909bbe2e81eed6a22bccdf3f68f',
  },
  form: 'images/BREED_NUMBER.jpg, annotations/trainval.txt and annotations/test.txt (images.tar.gz and annotations.tar.gz)',
  async read(tree, _, titled) {
    const root = locate(tree, Object.values(LISTS), ['oxford-iiit-pet'], titled);
    const lines = [...(await petLines(root, 'train')), ...(await petLines(root, 'test'))];
    const breeds = new Map(lines.map(({ number, breed }) => [number, breed]));
    const numbers = [...breeds.keys()].sort((a, b) => a - b);
    const labels = new Map(numbers.map((number, label) => [number, label]));
    const entries = lines.map(
      ({ image, number, part }): ListEntry => ({
        path: `images/${image}.jpg`,
        label: labels.get(number)!,
        part,
      }),
    );
    // The archive has some images that are in no list.
    return matchLists(
      root,
      numbers.map((number) => breeds.get(number)!),
      entries,
      null,
    );
  },
});

async function petLines(root: FileTree, part: keyof typeof LISTS): Promise<PetLine[]> {
  return (await readLines(root, LISTS[part])).map((line) => {
    const [, image, breed, number] = /^((\S+)_\d+) (\d+) \d+ \d+$/.exec(line) ?? [];
    if (!image) throw damagedList(root, LISTS[part], `${shown(line)} is no image with three numbers`);
    return { image, breed, number: Number(number), part };
  });
}
