/** Small pictures that a study's report shows, kept in its folder so that a report needs no data set. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWhole } from '../../store/index.ts';
import type { Opened } from '../inputs.ts';
import { picturesOf } from '../pictures.ts';

/** Data URIs by name of the data set and id of the image. */
export type Pictures = ReadonlyMap<string, ReadonlyMap<string, string>>;

const pictureFile = (folder: string) => join(folder, 'study-pictures.json');

/** Keeps pictures of the images, given by their ids. */
export async function writePictures(
  folder: string,
  datasets: Opened['datasets'],
  wanted: ReadonlyMap<string, ReadonlySet<string>>,
): Promise<void> {
  const found: Record<string, Record<string, string>> = {};
  for (const { dataset } of datasets) {
    const ids = wanted.get(dataset.name);
    if (ids) found[dataset.name] = Object.fromEntries(await picturesOf(dataset, ids));
  }
  const path = pictureFile(folder);
  await writeWhole(path, `${path}.new`, (file) => file.writeFile(JSON.stringify(found)));
}

/** Those that were kept; none where a study has not come so far. */
export async function readPictures(folder: string): Promise<Pictures> {
  const text = await readFile(pictureFile(folder), 'utf8').catch(() => '{}');
  const found = JSON.parse(text) as Record<string, Record<string, string>>;
  return new Map(Object.entries(found).map(([name, ids]) => [name, new Map(Object.entries(ids))]));
}
