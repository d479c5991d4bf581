/**
 * Reader of a table of images: CSV, TSV, JSON (an array of objects) or JSON Lines, in or above the folder of the images.
 *
 *     image,label,split            {"file_name": "a/1.jpg", "label": "cat"}
 *     a/1.jpg,cat,train            {"file_name": "a/2.jpg", "label": "dog"}
 *
 * A JSON file may also be one object from paths to classes. Paths are relative to the table. A table is read as a
 * stream, so that its size does not matter.
 *
 * Images may have several labels, in one of three forms:
 *
 *     image,labels          image,labels[;]        image,cat,dog          {"image": "a/1.jpg", "labels": ["cat", "dog"]}
 *     a/1.jpg,cat|dog       a/1.jpg,cat; dog       a/1.jpg,1,1            {"image": "a/1.jpg", "cat": 1, "dog": null}
 *
 * Labels are separated by `|`, or by what stands in brackets behind the name of the column. Without a column of labels
 * every other column is a class: 1 present, 0 absent, -1 or empty not known. Where every image shows exactly one class,
 * images have one label. Images whose only label is empty are left out.
 */
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { parse } from 'csv-parse';
import type { ByteSource } from '../../util/byte-source.ts';
import { messageOf, UserError } from '../../util/errors.ts';
import { type Refuse, refusing, shown } from '../../util/refuse.ts';
import type { FileTree } from '../containers/file-tree.ts';
import { jsonObjects } from '../containers/json-stream.ts';
import { type DataProblem, SPLITS, type SplitName } from '../contract.ts';
import {
  IMAGE_ENDING,
  type ImageListing,
  type ListedImage,
  listingOf,
  partNamed,
  withoutLabel,
} from './listing.ts';
import {
  marked,
  SEPARATOR,
  SEVERAL,
  type SeveralLabels,
  separatedColumn,
  separatedLabels,
} from './several-labels.ts';

/** Names of columns, lower case, in the order in which they are looked for. */
const COLUMNS = {
  image: ['image', 'path', 'file', 'filename', 'file_name', 'image_path', 'filepath', 'img', 'img_path'],
  label: [
    'label',
    'class',
    'category',
    'class_name',
    'label_name',
    'target',
    'labels',
    'y',
    'class_index',
    'class_id',
  ],
  part: ['split', 'part', 'subset', 'set', 'partition', 'fold'],
} as const;

const ENDING = /\.(csv|tsv|jsonl|ndjson|json)$/i;
const LARGEST_RECORD = 2 ** 20;
const PIECE = 2 ** 20;

/** Whether a file is named like a table that `readManifest` reads. */
export const isManifestName = (path: string): boolean => ENDING.test(path);

/** One line: a file, its class or classes and its part as words. */
interface Row {
  readonly image: string;
  readonly label: string | SeveralLabels;
  readonly part: string;
}

const EXPECTED = `Expected columns for the image (${COLUMNS.image.join(', ')}), the class (${COLUMNS.label.join(', ')}) or several (${SEVERAL.join(', ')}, separated by "${SEPARATOR}", or a column of 0 and 1 for each) and, where there are official parts, the part (${COLUMNS.part.join(', ')}).`;

/**
 * @param tree the folder or archive
 * @param path of the table in it
 *
 * Errors: `MANIFEST_COLUMNS`, `MANIFEST_CSV`, `MANIFEST_PATH` for paths out of the folder, `MANIFEST_PART` for a part that
 * is no train, validation or test, `JSON_...`, and those of `listingOf`.
 */
export async function readManifest(tree: FileTree, path: string): Promise<ImageListing> {
  const refuse = refusing(`${tree.root}/${path}`, 'table');
  const folder = dirname(path) === '.' ? '' : `${dirname(path)}/`;
  const images: ListedImage[] = [];
  const missing: string[] = [];
  const unlabelled: string[] = [];
  for await (const row of rowsOf(await tree.open(path), `${tree.root}/${path}`, refuse)) {
    const id = folder + relativePath(row.image, tree.root, folder, refuse);
    if (!tree.has(id)) missing.push(id);
    else if (typeof row.label === 'string' && row.label.trim() === '') unlabelled.push(id);
    else images.push({ id, ...classesOf(row), part: partOf(row.part, refuse) });
  }
  requireOneForm(images, refuse);
  const problems: DataProblem[] = missing.map((id) => ({
    kind: 'unreadable',
    images: [id],
    message: `"${id}" was skipped: ${path} lists it, and it is not there.`,
  }));
  return listingOf(
    {
      root: tree.root,
      images: withoutNeedless(images),
      problems: [...problems, ...withoutLabel(unlabelled)],
      read: (id) => tree.read(id),
    },
    EXPECTED,
  );
}

function classesOf({ label }: Row): Pick<ListedImage, 'className' | 'several'> {
  return typeof label === 'string'
    ? { className: label }
    : { className: label.present[0] ?? '', several: label };
}

/** Where every image shows exactly one class, as in columns of 0 and 1 for each, that is its only label. */
function withoutNeedless(images: readonly ListedImage[]): ListedImage[] {
  const isOne = ({ several }: ListedImage) => several?.present.length === 1 && several.unknown.length === 0;
  return images.every(isOne) ? images.map(({ several: _, ...image }) => image) : [...images];
}

/** In JSON each line has a form of its own. */
function requireOneForm(images: readonly ListedImage[], refuse: Refuse): void {
  const several = images.filter((image) => image.several).length;
  if (several > 0 && several < images.length)
    refuse(
      'MANIFEST_COLUMNS',
      'some images have a list of labels and others one label',
      EXPECTED.slice(0, -1),
    );
}

function rowsOf(source: ByteSource, path: string, refuse: Refuse): AsyncGenerator<Row> {
  const pieces = piecesOf(source);
  if (/json$|jsonl$|ndjson$/i.test(path)) return rowsOfJson(pieces, path, refuse);
  return rowsOfTable(source, pieces, path, refuse);
}

async function* piecesOf(source: ByteSource): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < source.size; at += PIECE)
    yield await source.read(at, Math.min(PIECE, source.size - at));
}

async function* rowsOfJson(
  pieces: AsyncIterable<Uint8Array>,
  path: string,
  refuse: Refuse,
): AsyncGenerator<Row> {
  for await (const object of jsonObjects(pieces, path)) {
    const names = new Map(Object.keys(object).map((key) => [key.toLowerCase(), key]));
    const keyOf = (candidates: readonly string[]) => candidates.flatMap((name) => names.get(name) ?? [])[0];
    const [imageKey, labelKey, partKey, severalKey] = [
      keyOf(COLUMNS.image),
      keyOf(COLUMNS.label),
      keyOf(COLUMNS.part),
      keyOf(SEVERAL),
    ];
    const image = imageKey && object[imageKey];
    const part = String((partKey && object[partKey]) ?? '');
    const list = severalKey && object[severalKey];
    const label = labelKey && object[labelKey];
    if (typeof image === 'string' && isLabel(label)) yield { image, label: String(label), part };
    else if (typeof image === 'string' && Array.isArray(list) && list.every(isLabel))
      yield { image, label: { present: [...new Set(list.map(String))], unknown: [] }, part };
    else if (typeof image === 'string' && labelKey === undefined && severalKey === undefined) {
      const rest = Object.entries(object).filter(([key]) => key !== imageKey && key !== partKey);
      yield { image, label: marked(rest, refuse), part };
    } else if (
      names.size > 0 &&
      Object.entries(object).every(([key, item]) => IMAGE_ENDING.test(key) && isLabel(item))
    )
      for (const [key, item] of Object.entries(object)) yield { image: key, label: String(item), part: '' };
    else
      refuse(
        'MANIFEST_COLUMNS',
        `an object has ${[...names.values()].slice(0, 8).map(shown).join(', ') || 'nothing'}`,
        EXPECTED.slice(0, -1),
      );
  }
}

const isLabel = (value: unknown): value is string | number | boolean =>
  (typeof value === 'string' && value !== '') || Number.isInteger(value) || typeof value === 'boolean';

async function* rowsOfTable(
  source: ByteSource,
  pieces: AsyncIterable<Uint8Array>,
  path: string,
  refuse: Refuse,
): AsyncGenerator<Row> {
  const start = new TextDecoder().decode(await source.read(0, Math.min(source.size, LARGEST_RECORD)));
  const parser = parse({
    bom: true,
    delimiter: /tsv$/i.test(path) ? '\t' : delimiterOf(start),
    max_record_size: LARGEST_RECORD,
    skip_empty_lines: true,
    trim: true,
  });
  const input = Readable.from(pieces);
  input.on('error', (error) => parser.destroy(error));
  let columns: Columns | undefined;
  try {
    for await (const cells of input.pipe(parser) as AsyncIterable<string[]>) {
      if (columns) yield rowOf(cells, columns);
      else {
        columns = columnsOf(cells, refuse);
        if (!columns.hasHeader) yield rowOf(cells, columns);
      }
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    refuse(
      'MANIFEST_CSV',
      `it cannot be parsed (${messageOf(error)})`,
      'Expected one image per line, with the same number of columns',
    );
  } finally {
    input.destroy();
  }
}

/** Of comma, semicolon and tab the one that the first line has most of, separators of labels in brackets aside. */
function delimiterOf(text: string): string {
  const [line] = text.split(/\r?\n/, 1);
  const columns = line.replaceAll(/\[[^\]]*\]/g, '');
  const count = (delimiter: string) => columns.split(delimiter).length;
  return [',', ';', '\t'].sort((a, b) => count(b) - count(a))[0];
}

interface Columns {
  readonly hasHeader: boolean;
  readonly image: number;
  readonly part: number;
  /** What a line's cells say of its classes. */
  label(cells: readonly string[]): Row['label'];
}

/** A first line without known names is a row of image, class and perhaps part, if it begins with an image. */
function columnsOf(cells: readonly string[], refuse: Refuse): Columns {
  const names = cells.map((cell) => cell.toLowerCase());
  const find = (candidates: readonly string[]) =>
    candidates.map((name) => names.indexOf(name)).find((index) => index >= 0) ?? -1;
  const [image, label, part] = [find(COLUMNS.image), find(COLUMNS.label), find(COLUMNS.part)];
  const header = { hasHeader: true, image, part };
  const separated = separatedColumn(names);
  if (image >= 0 && separated && (label < 0 || label === separated.index))
    return { ...header, label: (row) => separatedLabels(row, separated) };
  if (image >= 0 && label >= 0) return { ...header, label: (row) => row[label] };
  const classes = cells.flatMap((name, i) => (i === image || i === part || name === '' ? [] : [i]));
  if (image >= 0 && classes.length > 1)
    return {
      ...header,
      label: (row) =>
        marked(
          classes.map((i) => [cells[i], row[i]]),
          refuse,
        ),
    };
  const isRow = (cells.length === 2 || cells.length === 3) && IMAGE_ENDING.test(cells[0]);
  if (isRow) return { hasHeader: false, image: 0, part: cells.length === 3 ? 2 : -1, label: (row) => row[1] };
  return refuse(
    'MANIFEST_COLUMNS',
    `its first line is ${cells.slice(0, 8).map(shown).join(', ')}`,
    EXPECTED.slice(0, -1),
  );
}

function rowOf(cells: readonly string[], { image, label, part }: Columns): Row {
  return { image: cells[image], label: label(cells), part: part < 0 ? '' : cells[part] };
}

/** A path relative to the table's folder. Windows' separators are accepted, paths out of the folder are not. */
function relativePath(given: string, root: string, folder: string, refuse: Refuse): string {
  const path = given.replaceAll('\\', '/');
  const base = `${root}/${folder}`;
  const inside = path.startsWith(base) ? path.slice(base.length) : path;
  const parts = inside.split('/').filter((part) => part !== '' && part !== '.');
  if (inside.startsWith('/') || /^[a-zA-Z]:/.test(inside) || parts.includes('..') || parts.length === 0)
    refuse(
      'MANIFEST_PATH',
      `it lists ${shown(given)}`,
      'Images lie in or below the folder of the table; move the table up',
    );
  return parts.join('/');
}

function partOf(word: string, refuse: Refuse): SplitName | null {
  if (word === '') return null;
  const part = partNamed(word);
  if (part) return part;
  return refuse('MANIFEST_PART', `it has the part ${shown(word)}`, `Parts are ${SPLITS.join(', ')} or empty`);
}
