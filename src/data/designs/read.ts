/**
 * Designs as users write them: a JSON file, the same JSON in place, or a few words.
 *
 *     {"name": "data size 10", "seed": 1, "steps": [
 *       {"kind": "drop-classes", "table": "pascal_overlap.csv", "column": "wnid"},
 *       {"kind": "merge-classes", "tree": "tree.json", "depth": 2},
 *       {"kind": "per-class", "n": 10}]}
 *
 *     per-class=10,seed=1
 *
 * What lies in other files, found from the folder of the design, is read into the design. A seed beside the steps is
 * that of every step without one; it is 0 unless given.
 */
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { messageOf, nearestNames, UserError } from '../../util/errors.ts';
import type { Amount, Design, DesignStep, StepKind, StepOf } from './design.ts';
import { columnOf, cutTree, readTable } from './label-table.ts';

/** The label maps of ImageNet have 80 kB; what is larger by far is no design. */
const LARGEST_FILE = 16 << 20;

/**
 * Reads a design from a file's path, JSON, or `kind=value` words. Errors: `DESIGN_UNREADABLE`, `DESIGN_FORM`,
 * `DESIGN_TREE`, `DESIGN_TABLE`.
 */
export async function readDesign(text: string): Promise<Design> {
  const trimmed = text.trim();
  if (trimmed.startsWith('{')) return designOf(parseJson(trimmed, 'The design'), '.');
  if (/^[a-z-]+=/.test(trimmed)) return designOf(fromWords(trimmed), '.');
  const file = await readText(trimmed);
  return designOf(parseJson(file, `The design ${trimmed}`), dirname(trimmed));
}

type Fields = Readonly<Record<string, unknown>>;

async function designOf(json: unknown, folder: string): Promise<Design> {
  const { name, seed, steps } = fieldsOf(json, 'a design', ['name', 'seed', 'steps']);
  if (!Array.isArray(steps) || steps.length === 0) throw form('A design needs a list of "steps".');
  const usual = seed === undefined ? 0 : whole(seed, 'seed', Number.MIN_SAFE_INTEGER);
  const read: DesignStep[] = [];
  for (const step of steps) read.push(await stepOf(step, folder, usual));
  return { ...(name !== undefined && { name: words(name, 'name') }), steps: read };
}

interface StepReader<Kind extends StepKind> {
  readonly fields: readonly string[];
  readonly read: (fields: Fields, folder: string, seed: number) => StepOf<Kind> | Promise<StepOf<Kind>>;
}

const READERS: { readonly [Kind in StepKind]: StepReader<Kind> } = {
  'keep-classes': {
    fields: ['classes', 'table', 'column'],
    read: async (fields, folder) => ({ kind: 'keep-classes', classes: await classesOf(fields, folder) }),
  },
  'drop-classes': {
    fields: ['classes', 'table', 'column'],
    read: async (fields, folder) => ({ kind: 'drop-classes', classes: await classesOf(fields, folder) }),
  },
  'draw-classes': {
    fields: ['n', 'seed'],
    read: ({ n }, _folder, seed) => ({ kind: 'draw-classes', n: whole(n, 'n'), seed }),
  },
  'merge-classes': {
    fields: ['into', 'tree', 'depth', 'table', 'from', 'to', 'names', 'about'],
    read: async (fields, folder) => ({ kind: 'merge-classes', ...(await mergeOf(fields, folder)) }),
  },
  'per-class': {
    fields: ['n', 'upTo', 'seed'],
    read: ({ n, upTo }, _folder, seed) => {
      if (upTo !== undefined && typeof upTo !== 'boolean') throw form('"upTo" is true or false.');
      return { kind: 'per-class', n: amountOf(n), ...(upTo && { upTo }), seed };
    },
  },
  total: {
    fields: ['n', 'seed'],
    read: ({ n }, _folder, seed) => ({ kind: 'total', n: amountOf(n), seed }),
  },
  fraction: {
    fields: ['share', 'seed'],
    read: ({ share }, _folder, seed) => {
      if (typeof share === 'number' && share > 0 && share <= 1) return { kind: 'fraction', share, seed };
      throw form(`The "share" of a fraction is ${show(share)}; it must be above 0 and at most 1.`);
    },
  },
};

async function stepOf(json: unknown, folder: string, usualSeed: number): Promise<DesignStep> {
  const kinds = Object.keys(READERS) as StepKind[];
  const kind = kinds.find((known) => known === (json as Fields | null)?.kind);
  if (!kind) {
    const given = show((json as Fields | null)?.kind);
    throw form(`There is no step of the kind ${given}; there are ${kinds.join(', ')}.`);
  }
  const reader = READERS[kind];
  const fields = fieldsOf(json, `a step "${kind}"`, ['kind', ...reader.fields]);
  const seed = fields.seed === undefined ? usualSeed : whole(fields.seed, 'seed', Number.MIN_SAFE_INTEGER);
  return reader.read(fields, folder, seed);
}

async function classesOf({ classes, table, column }: Fields, folder: string): Promise<string[]> {
  if (table !== undefined) {
    const path = resolve(folder, words(table, 'table'));
    return [...new Set(columnOf(readTable(await readText(path), path), words(column, 'column'), path))];
  }
  if (!Array.isArray(classes) || classes.length === 0)
    throw form('Classes are given as "classes", a list of names, or as "table" and "column".');
  return classes.map((name) => words(name, 'classes'));
}

async function mergeOf(fields: Fields, folder: string): Promise<Omit<StepOf<'merge-classes'>, 'kind'>> {
  const about = fields.about === undefined ? {} : { about: words(fields.about, 'about') };
  if (fields.tree !== undefined) {
    const inPlace = typeof fields.tree !== 'string';
    const path = inPlace ? '' : resolve(folder, fields.tree as string);
    const tree = inPlace ? fields.tree : parseJson(await readText(path), `The tree ${path}`);
    const depth = fields.depth === undefined ? 1 : whole(fields.depth, 'depth');
    return { into: cutTree(tree, depth), ...about };
  }
  if (fields.table !== undefined) {
    const path = resolve(folder, words(fields.table, 'table'));
    const [from, to] = [words(fields.from, 'from'), words(fields.to, 'to')];
    const names = fields.names === undefined ? undefined : resolve(folder, words(fields.names, 'names'));
    return { into: await mergeOfTable(path, from, to, names), about: to, ...about };
  }
  if (typeof fields.into !== 'object' || fields.into === null)
    throw form(
      'A label merge is given as "into" (class: merged class), as "tree" and "depth", or as "table", "from" and "to".',
    );
  const into = Object.entries(fields.into).map(([name, merged]) => [name, words(merged, 'into')]);
  return { into: Object.fromEntries(into), ...about };
}

/** `names`: a file whose line i + 1 names the merged class i, where the table has numbers. */
async function mergeOfTable(
  path: string,
  from: string,
  to: string,
  names: string | undefined,
): Promise<Record<string, string>> {
  const table = readTable(await readText(path), path);
  const [classes, merged] = [columnOf(table, from, path), columnOf(table, to, path)];
  const lines = names === undefined ? undefined : (await readText(names)).split(/\r?\n/);
  const into = new Map<string, string>();
  for (const [row, name] of classes.entries()) {
    const label = lines ? lines[Number(merged[row])] : merged[row];
    if (!label) throw form(`${names} has no line for the merged class ${merged[row]} of ${basename(path)}.`);
    if ((into.get(name) ?? label) !== label)
      throw form(
        `${basename(path)} merges the class "${name}" into both "${into.get(name)}" and "${label}".`,
      );
    into.set(name, label);
  }
  return Object.fromEntries(into);
}

/** `per-class=8+2,seed=1` as the JSON that it stands for. */
function fromWords(text: string): unknown {
  let seed: number | undefined;
  const steps: Fields[] = [];
  for (const word of text.split(',')) {
    const [, kind, value] = /^\s*([a-z-]+)=(.*?)\s*$/.exec(word) ?? [];
    const [first, second] = (value ?? '').split('+').map(Number);
    if (kind === 'seed') seed = first;
    else if (kind === 'keep-classes' || kind === 'drop-classes')
      steps.push({ kind, classes: value.split('+') });
    else if (kind === 'fraction')
      steps.push({ kind, share: value.endsWith('%') ? Number.parseFloat(value) / 100 : first });
    else if (kind === 'per-class' || kind === 'total')
      steps.push({ kind, n: second === undefined ? first : { train: first, validation: second } });
    else if (kind === 'draw-classes') steps.push({ kind, n: first });
    else throw form(`"${word.trim()}" is no step in words; label merges need JSON.`);
  }
  return { ...(seed !== undefined && { seed }), steps };
}

function amountOf(value: unknown): Amount {
  if (typeof value === 'number') return whole(value, 'n');
  const { train, validation } = fieldsOf(value, '"n"', ['train', 'validation']);
  return { train: whole(train, 'train'), validation: whole(validation, 'validation') };
}

function whole(value: unknown, name: string, least = 1): number {
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number;
  const atLeast = least === 1 ? ', 1 at least' : '';
  throw form(`"${name}" is ${show(value)}; it must be a whole number${atLeast}.`);
}

function words(value: unknown, name: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw form(`"${name}" has ${show(value)} where text belongs.`);
}

/** The members of an object that has none but those allowed. */
function fieldsOf(json: unknown, what: string, allowed: readonly string[]): Fields {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw form(`${show(json)} stands where ${what} belongs, which is an object.`);
  const unknown = Object.keys(json).find((key) => !allowed.includes(key));
  if (unknown !== undefined)
    throw form(
      `"${unknown}" is nothing that ${what} has; nearest is "${nearestNames(unknown, allowed, 1)}".`,
    );
  return json as Fields;
}

const show = (value: unknown) => (JSON.stringify(value) ?? 'missing').slice(0, 60);

function form(given: string): UserError {
  return new UserError(
    'DESIGN_FORM',
    given,
    'A design looks like {"seed": 1, "steps": [{"kind": "per-class", "n": 10}]}, or in words per-class=10,seed=1.',
  );
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw form(`${what} is not JSON: ${messageOf(error)}.`);
  }
}

async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size <= LARGEST_FILE) return await readFile(path, 'utf8');
  } catch (error) {
    throw unreadable(path, messageOf(error));
  }
  throw unreadable(path, `it is larger than ${LARGEST_FILE >> 20} MB`);
}

function unreadable(path: string, reason: string): UserError {
  return new UserError(
    'DESIGN_UNREADABLE',
    `The file ${path} cannot be read: ${reason}.`,
    'Give the path of a JSON file, or the design in words, such as per-class=10,seed=1.',
  );
}
