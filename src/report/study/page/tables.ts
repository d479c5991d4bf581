/**
 * The tables of a study on its page: as something to read, and as CSV, Markdown and LaTeX files. Files are data URIs, so
 * that they can be saved without a request or a script.
 */
import { countOf } from '../../format.ts';
import { html, type Markup } from '../../markup.ts';
import type { StudyDocument } from '../schema.ts';
import { tableCsv } from '../tables/csv.ts';
import { tableLatex } from '../tables/latex.ts';
import { tableMarkdown } from '../tables/markdown.ts';
import { studyTables } from '../tables/study-tables.ts';
import { type Table, valueText } from '../tables/table.ts';

/** A table with its title, which stays in view where the table is wider than a phone. */
export function tableCard(title: string, note: string, table: Markup): Markup {
  return html`<div class="card"><p class="table-title"><b>${title}</b><span>${note}</span></p><div class="scroll">${table}</div></div>`;
}

/** The tables of a study by their names. */
export type TableIndex = ReadonlyMap<string, Table>;

export function tableIndex(document: StudyDocument): TableIndex {
  return new Map(studyTables(document).map((table) => [table.name, table]));
}

/** Those of these names that the study has something for. */
export function named(tables: TableIndex, ...names: readonly string[]): Table[] {
  return names.flatMap((name) => tables.get(name) ?? []);
}

/** The rows that have these values in the columns of these titles, as a table of another name. */
export function rowsWith(table: Table, name: string, values: Readonly<Record<string, string>>): Table {
  const wanted = Object.entries(values).map(
    ([title, value]) => [table.columns.findIndex((column) => column.title === title), value] as const,
  );
  const rows = table.rows.filter((row) => wanted.every(([column, value]) => row[column] === value));
  return { ...table, name, rows };
}

/** Networks by data sets, a table per setting: what papers print. */
export function tablesPart(tables: TableIndex): Markup | null {
  const accuracies = [...tables.values()].filter(({ name }) => name.startsWith('accuracy-'));
  if (accuracies.length === 0) return null;
  return html`<section class="part" id="tables"><div class="lead"><h2>Tables</h2>
<p>Green: the best network of a data set, and those that are not significantly worse.</p></div>
${accuracies.map((table) => html`<div class="card"><p class="table-title"><b>${table.title}</b></p><div class="fitted">${htmlTable(table)}</div><div class="files">Save as ${tableFiles(table)}</div></div>`)}</section>`;
}

/** Of longer tables so many rows are shown; the file has all. */
const MOST_ROWS = 60;
/** Longer tables are data for programs: nobody prints them. */
const MOST_PRINTED = 120;

/** Tables below each other, each with its title and its files; those of the first stand beside the figure. */
export function tableBlocks(tables: readonly Table[]): Markup[] {
  return tables.map(
    (
      table,
      i,
    ) => html`<div class="data-table"><p class="files"><b>${table.title}</b> ${i === 0 ? null : tableFiles(table)}</p>
${htmlTable(table)}</div>`,
  );
}

function htmlTable({ columns, rows, strong }: Table): Markup {
  const rest = rows.length - MOST_ROWS;
  const side = (c: number) => (columns[c].format === 'text' ? null : html` class="right number"`);
  return html`<div class="scroll tall"><table><thead><tr>${columns.map(({ title }, c) => html`<th${side(c)}>${title}</th>`)}</tr></thead>
<tbody>${rows.slice(0, MOST_ROWS).map(
    (row, r) =>
      html`<tr>${row.map((value, c) => {
        const text = valueText(value, columns[c].format);
        return html`<td${side(c)}>${strong?.(r, c) ? html`<b class="strong">${text}</b>` : text}</td>`;
      })}</tr>`,
  )}</tbody></table></div>
${rest > 0 ? html`<p class="muted small">${countOf(rest, 'more row')} in the file.</p>` : null}`;
}

/** Links that save a table. */
export function tableFiles(table: Table): Markup[] {
  const csv = fileLink(`${table.name}.csv`, 'text/csv', tableCsv(table), 'CSV');
  if (table.rows.length > MOST_PRINTED) return [csv];
  return [
    csv,
    fileLink(`${table.name}.md`, 'text/markdown', tableMarkdown(table), 'Markdown'),
    fileLink(`${table.name}.tex`, 'application/x-tex', tableLatex(table), 'LaTeX'),
  ];
}

/** A link that saves a text as a file. */
export function fileLink(name: string, mediaType: string, text: string, label: string): Markup {
  const content = Buffer.from(text, 'utf8').toString('base64');
  return html`<a class="file" download="${name}" href="data:${mediaType};charset=utf-8;base64,${content}">${label}</a>`;
}
