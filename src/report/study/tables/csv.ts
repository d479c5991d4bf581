/** CSV after RFC 4180: lines end in CR LF, numbers are in full, null is an empty field. */
import { visible } from '../../markup.ts';
import type { Table, Value } from './table.ts';

export function tableCsv({ columns, rows }: Table): string {
  return csvText([columns.map(({ title }) => title), ...rows]);
}

/** Lines of values, the first of them the heading. */
export function csvText(lines: readonly (readonly Value[])[]): string {
  return lines.map((line) => `${line.map(field).join(',')}\r\n`).join('');
}

/**
 * Spreadsheets compute texts that begin with one of these, and names of folders and classes are not ours: an apostrophe
 * before them makes them text. Numbers are left as they are.
 */
const FORMULA = /^[=+\-@\t\r]/;

function field(value: Value): string {
  if (value === null) return '';
  if (typeof value !== 'string') return String(value);
  const text = visible(FORMULA.test(value) ? `'${value}` : value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
