/** Tables of GitHub's Markdown: numbers flush right, what is best or tied with it bold. */
import { visible } from '../../markup.ts';
import { type Table, valueText } from './table.ts';

/** Title and table; ends with a line break. */
export function tableMarkdown(table: Table): string {
  const { title, columns, rows, strong } = table;
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const lines = [
    line(columns.map((column) => escaped(column.title))),
    line(columns.map(({ format }) => (format === 'text' ? '---' : '---:'))),
    ...rows.map((row, r) =>
      line(
        row.map((value, c) => {
          const text = escaped(valueText(value, columns[c].format));
          return strong?.(r, c) ? `**${text}**` : text;
        }),
      ),
    ),
  ];
  return `## ${escaped(title)}\n\n${lines.join('\n')}\n`;
}

/** Names on one line, with what Markdown and HTML would read as theirs taken literally. */
function escaped(text: string): string {
  return visible(text)
    .replace(/\s+/g, ' ')
    .replace(/[\\`*_[\]<>|&~#!]/g, '\\$&');
}
