/**
 * Label merges as people keep them: a tree of labels (groups by name, down to lists of classes), or a table with one
 * line per class.
 *
 *     {"animal": {"dog": ["beagle", "pug"], "cat": ["siamese"]}, "furniture": ["table", "chair"]}
 *
 *     # a comment
 *     wnid,words,nine
 *     n01440764,"tench, Tinca tinca",7
 */
import { UserError } from '../../util/errors.ts';

/** Deeper trees are refused: published ones have 20 levels. */
const DEEPEST = 100;

/**
 * For each class of a tree the group at `depth` above it, 1 for the outermost groups; a class that lies higher stays
 * itself.
 *
 * Errors: `DESIGN_TREE` (not a tree, a class twice, one name for two groups).
 */
export function cutTree(tree: unknown, depth: number): Record<string, string> {
  const into = new Map<string, string>();
  /** Where each merged class lies, so that two of one name are found. */
  const places = new Map<string, string>();
  const visit = (node: unknown, path: readonly string[]): void => {
    if (path.length > DEEPEST) throw broken(`has more than ${DEEPEST} levels`);
    if (Array.isArray(node)) for (const name of node) leaf(name, path);
    else if (typeof node === 'object' && node !== null)
      for (const [name, below] of Object.entries(node)) visit(below, [...path, name]);
    else throw broken(`has ${JSON.stringify(node)} where groups or a list of classes belong`);
  };
  const leaf = (name: unknown, groups: readonly string[]): void => {
    if (typeof name !== 'string')
      throw broken(`has ${JSON.stringify(name)} where the name of a class belongs`);
    if (into.has(name)) throw broken(`has the class "${name}" twice`);
    const path = [...groups, name].slice(0, depth);
    const [merged, place] = [path[path.length - 1], JSON.stringify(path)];
    if ((places.get(merged) ?? place) !== place) throw broken(`has two groups named "${merged}"`);
    places.set(merged, place);
    into.set(name, merged);
  };
  visit(tree, []);
  return Object.fromEntries(into);
}

function broken(what: string): UserError {
  return new UserError(
    'DESIGN_TREE',
    `The tree of labels ${what}.`,
    'A tree is an object of groups by name, each again such an object or a list of names of classes.',
  );
}

/** A table's columns by name, line by line. */
export type LabelTable = readonly Readonly<Record<string, string>>[];

/** Reads comma-separated values: comments before the header, fields quoted where needed. Error: `DESIGN_TABLE`. */
export function readTable(text: string, name: string): LabelTable {
  const [header, ...lines] = rowsOf(text.replace(/^\uFEFF?(#[^\n]*\n)*/, ''));
  if (!header || lines.length === 0) throw brokenTable(name, 'is empty');
  return lines.map((fields, index) => {
    if (fields.length !== header.length)
      throw brokenTable(name, `has ${fields.length} fields instead of ${header.length} in row ${index + 1}`);
    return Object.fromEntries(header.map((column, i) => [column, fields[i]]));
  });
}

/** RFC 4180: a quoted field may hold commas, line breaks, and quotes written twice. */
function rowsOf(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    row.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end === ',') continue;
    if (row.length > 1 || row[0] !== '') rows.push(row);
    row = [];
  }
  return rows;
}

/** A column of a table. Error: `DESIGN_TABLE`. */
export function columnOf(table: LabelTable, column: string, name: string): string[] {
  if (!Object.hasOwn(table[0], column))
    throw brokenTable(name, `has no column "${column}" among ${Object.keys(table[0]).join(', ')}`);
  return table.map((row) => row[column]);
}

function brokenTable(name: string, what: string): UserError {
  return new UserError(
    'DESIGN_TABLE',
    `The table ${name} ${what}.`,
    'Give a file of comma-separated values whose first line names the columns.',
  );
}
