/** The data of a figure: every number that it draws, as a table on the page and as a CSV file. */
import { countOf } from '../../format.ts';
import { html, type Markup } from '../../markup.ts';
import { csvText } from '../tables/csv.ts';
import type { Value } from '../tables/table.ts';

export interface FigureData {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Value[])[];
}

/** Of the rows, so many are shown on the page; the file has all. */
const MOST_ROWS = 200;

/** A table of records: `columns` names them, each record gives the values in that order. */
export function figureData<T>(
  records: readonly T[],
  columns: Readonly<Record<string, (record: T) => Value>>,
): FigureData {
  const values = Object.values(columns);
  return {
    columns: Object.keys(columns),
    rows: records.map((record) => values.map((value) => value(record))),
  };
}

/** Numbers in full; null is an empty field. */
export function figureCsv({ columns, rows }: FigureData): string {
  return csvText([columns, ...rows]);
}

export function dataTable({ columns, rows }: FigureData): Markup {
  const rest = rows.length - MOST_ROWS;
  return html`<div class="scroll tall"><table><thead><tr>${columns.map((name) => html`<th>${name}</th>`)}</tr></thead>
<tbody>${rows.slice(0, MOST_ROWS).map((row) => html`<tr>${row.map(cell)}</tr>`)}</tbody></table></div>
${rest > 0 ? html`<p class="muted small">${countOf(rest, 'more row')} in the CSV file.</p>` : null}`;
}

function cell(value: Value): Markup {
  if (typeof value !== 'number') return html`<td>${value === null ? '–' : String(value)}</td>`;
  return html`<td class="number">${String(Number(value.toPrecision(5)))}</td>`;
}
