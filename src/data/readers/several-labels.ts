/** Several labels of an image in a table: separated in one cell, or a column of 0 and 1 for each class. */
import { type Refuse, shown } from '../../util/refuse.ts';
import type { ListedImage } from './listing.ts';

export type SeveralLabels = NonNullable<ListedImage['several']>;

/** Names of columns that may hold several labels, lower case, and what separates them unless the column's name says. */
export const SEVERAL = ['labels', 'tags', 'classes', 'categories'];
export const SEPARATOR = '|';

const MARKS: ReadonlyMap<unknown, 'present' | 'absent' | 'unknown'> = new Map<
  unknown,
  'present' | 'absent' | 'unknown'
>([
  ...([1, '1', '1.0', true, 'true', 'True'] as const).map((value) => [value, 'present'] as const),
  ...([0, '0', '0.0', false, 'false', 'False'] as const).map((value) => [value, 'absent'] as const),
  ...([-1, '-1', '-1.0', null, ''] as const).map((value) => [value, 'unknown'] as const),
]);

/** The classes of a line with a column for each. */
export function marked(
  cells: readonly (readonly [name: string, value: unknown])[],
  refuse: Refuse,
): SeveralLabels {
  const found = { present: [] as string[], absent: [] as string[], unknown: [] as string[] };
  for (const [name, value] of cells) {
    const mark = MARKS.get(value);
    if (!mark)
      return refuse(
        'MANIFEST_COLUMNS',
        `its column ${shown(name)} has ${shown(String(value))}`,
        'Expected a column of labels, or 1, 0, -1 or nothing in a column for each class',
      );
    found[mark].push(name);
  }
  return found;
}

interface SeparatedColumn {
  readonly index: number;
  readonly separator: string;
}

/** The column of several labels: `labels`, or `labels[;]` with the separator stated. */
export function separatedColumn(names: readonly string[]): SeparatedColumn | undefined {
  for (const [index, name] of names.entries()) {
    const [, column, separator = SEPARATOR] = /^(\w+)(?:\[(.+)\])?$/s.exec(name) ?? [];
    if (column !== undefined && SEVERAL.includes(column)) return { index, separator };
  }
  return undefined;
}

export function separatedLabels(
  cells: readonly string[],
  { index, separator }: SeparatedColumn,
): SeveralLabels {
  const words = cells[index].split(separator).map((word) => word.trim());
  return { present: [...new Set(words.filter((word) => word !== ''))], unknown: [] };
}
