/**
 * Birdsnap: tables of images and species, separated by tabs, and a script that downloads the images from where people
 * published them. Many are gone by now, so that copies differ; the table has the MD5 of each.
 */
import type { FileTree } from '../containers/file-tree.ts';
import { officialDataset } from './entry.ts';
import { damagedList, type ListEntry, locate, matchLists, readLines } from './lists.ts';

/** Where the script, and people after it, put the images. */
const FOLDERS = ['download/images/', 'images/', ''];

export const birdsnap = officialDataset({
  name: 'birdsnap',
  title: 'Birdsnap',
  reference: 'Berg et al., Birdsnap, 2014',
  classes: 500,
  images: { train: 47_386, test: 2443 },
  form: 'birdsnap/ with species.txt, images.txt, test_images.txt and download/images/SPECIES/IMAGE.jpg',
  async read(tree, _, titled) {
    const root = locate(tree, ['species.txt', 'images.txt', 'test_images.txt'], ['birdsnap'], titled);
    const species = await readTable(root, 'species.txt', ['id', 'common']);
    const images = await readTable(root, 'images.txt', ['path', 'species_id', 'md5']);
    const test = new Set((await readTable(root, 'test_images.txt', ['path'])).map(([path]) => path));
    const labels = new Map(species.map(([id], label) => [id, label]));
    const folder = FOLDERS.find((above) => images.some(([path]) => root.has(above + path))) ?? FOLDERS[0];
    const entries = images.map(([path, id, md5]): ListEntry => {
      const label = labels.get(id);
      if (label === undefined) throw damagedList(root, 'images.txt', `species.txt lacks the species ${id}`);
      return { path: folder + path, label, part: test.has(path) ? 'test' : 'train', md5 };
    });
    return matchLists(
      root,
      species.map(([, common]) => common),
      entries,
      folder,
    );
  },
});

/** The named columns of a table whose first line has the names. */
async function readTable(tree: FileTree, path: string, columns: readonly string[]): Promise<string[][]> {
  const [head = '', ...lines] = await readLines(tree, path);
  const positions = columns.map((column) => head.split('\t').indexOf(column));
  const lacking = columns.filter((_, i) => positions[i] < 0);
  if (lacking.length > 0) throw damagedList(tree, path, `its first line names no ${lacking.join(', ')}`);
  return lines.map((line) => {
    const cells = line.split('\t');
    return positions.map((position) => {
      if (cells[position]) return cells[position];
      throw damagedList(tree, path, `a line has no ${columns[positions.indexOf(position)]}`);
    });
  });
}
