/** A table as data, of which the writers beside this file make Markdown, CSV and LaTeX. */
import { integer, percent } from '../../format.ts';

export type Value = string | number | boolean | null;

/** How numbers of a column are written for people; files for programs have them in full. */
export type Format = 'text' | 'share' | 'number' | 'count' | 'pValue';

interface Column {
  readonly title: string;
  readonly format: Format;
}

export interface Table {
  /** Letters, digits and hyphens: the name of its files. */
  readonly name: string;
  readonly title: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Value[])[];
  /** Rows and columns, by index, that are the best or not told from it. */
  readonly strong?: (row: number, column: number) => boolean;
}

/** A column with the function that gives its value of a record. */
export interface ColumnOf<T> extends Column {
  readonly value: (record: T) => Value;
}

/** A table of records, one row each. */
export function tableOf<T>(
  name: string,
  title: string,
  records: readonly T[],
  columns: readonly ColumnOf<T>[],
): Table {
  return {
    name,
    title,
    columns: columns.map(({ title, format }) => ({ title, format })),
    rows: records.map((record) => columns.map(({ value }) => value(record))),
  };
}

/** `column('share', 'Test', (cell) => cell.test)`. */
export function column<T>(format: Format, title: string, value: (record: T) => Value): ColumnOf<T> {
  return { title, format, value };
}

/** A value for people: shares in percent, numbers with two or three decimals, `–` for null. */
export function valueText(value: Value, format: Format): string {
  if (value === null) return '–';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string') return value;
  if (format === 'share') return percent(value);
  if (format === 'count') return integer(value);
  if (format === 'pValue') return value < 0.001 ? '< 0.001' : value.toFixed(3);
  return numberText(value);
}

/** Two decimals, below 1 three, whole from 1,000 on. */
function numberText(value: number): string {
  const size = Math.abs(value);
  if (size >= 1000) return integer(value).replace('-', '−');
  const text = size.toFixed(size < 1 ? 3 : 2);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}
