/** Stanford Cars: annotations as MATLAB structures, in the form of the challenge (two folders) or of the authors (one). */
import type { FileTree } from '../containers/file-tree.ts';
import { type MatValue, numbersOf, readMat, structsOf, textsOf } from '../containers/mat.ts';
import { type OfficialListing, officialDataset } from './entry.ts';
import { damagedList, type ListEntry, locate, matchLists } from './lists.ts';

const ONE_LIST = 'cars_annos.mat';
const TEST_LIST = 'cars_test_annos_withlabels.mat';

export const cars = officialDataset({
  name: 'cars',
  title: 'Stanford Cars',
  reference: 'Krause et al., 3D object representations, 2013',
  classes: 196,
  images: { train: 8144, test: 8041 },
  md5: {
    'car_devkit.tgz': 'c3b158d763b6e2245038c8ad08e45376',
    'cars_train.tgz': '065e5b463ae28d29e77c1b4b166cfe61',
    'cars_test.tgz': '4ce7ebf6a94d07f1952d94dd34c4d501',
    [TEST_LIST]: 'b0a2b23655a3edd16d84508592a98d10',
  },
  form: 'cars_train/, cars_test/, devkit/cars_meta.mat, devkit/cars_train_annos.mat and cars_test_annos_withlabels.mat; or car_ims/ and cars_annos.mat',
  async read(tree, _, titled) {
    const candidates = ['stanford_cars', 'cars'];
    const wrapped = candidates.map((folder) => `${folder}/${ONE_LIST}`);
    if ([ONE_LIST, ...wrapped].some((path) => tree.has(path)))
      return fromOneList(locate(tree, [ONE_LIST], candidates, titled));
    const lists = ['devkit/cars_meta.mat', 'devkit/cars_train_annos.mat'];
    return fromTwoLists(locate(tree, lists, candidates, titled));
  },
});

async function variables(tree: FileTree, path: string): Promise<Map<string, MatValue>> {
  return readMat(await tree.read(path), path);
}

async function fromTwoLists(root: FileTree): Promise<OfficialListing> {
  const meta = 'devkit/cars_meta.mat';
  const classes = textsOf((await variables(root, meta)).get('class_names'), 'class_names', meta);
  const testList = [TEST_LIST, `devkit/${TEST_LIST}`].find((path) => root.has(path));
  if (testList === undefined)
    throw damagedList(root, TEST_LIST, 'it is not there, and cars_test_annos.mat has no classes');
  const entries: ListEntry[] = [];
  for (const [part, list] of [
    ['train', 'devkit/cars_train_annos.mat'],
    ['test', testList],
  ] as const)
    for (const row of structsOf((await variables(root, list)).get('annotations'), 'annotations', list)) {
      const [file] = textsOf(row.get('fname'), 'fname', list);
      entries.push({ path: `cars_${part}/${file}`, label: classOf(root, row, classes, list), part });
    }
  return matchLists(root, classes, entries, 'cars_');
}

async function fromOneList(root: FileTree): Promise<OfficialListing> {
  const content = await variables(root, ONE_LIST);
  const classes = textsOf(content.get('class_names'), 'class_names', ONE_LIST);
  const entries = structsOf(content.get('annotations'), 'annotations', ONE_LIST).map((row): ListEntry => {
    const [path] = textsOf(row.get('relative_im_path'), 'relative_im_path', ONE_LIST);
    const [isTest] = numbersOf(row.get('test'), 'test', ONE_LIST);
    return { path, label: classOf(root, row, classes, ONE_LIST), part: isTest === 1 ? 'test' : 'train' };
  });
  return matchLists(root, classes, entries, 'car_ims/');
}

/** Classes count from 1. */
function classOf(
  root: FileTree,
  row: ReadonlyMap<string, MatValue>,
  classes: readonly string[],
  list: string,
): number {
  const [number] = numbersOf(row.get('class'), 'class', list);
  if (Number.isInteger(number) && number >= 1 && number <= classes.length) return number - 1;
  throw damagedList(root, list, `it has the class ${number} of ${classes.length}`);
}
