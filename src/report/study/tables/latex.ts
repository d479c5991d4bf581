/** Tables for LaTeX with the package booktabs, and longtable where they are longer than a page. */
import { visible } from '../../markup.ts';
import { type Table, valueText } from './table.ts';

/** More rows than this do not fit on a page. */
const MOST_ROWS = 40;

export function tableLatex(table: Table): string {
  const { name, title, columns, rows, strong } = table;
  const line = (cells: readonly string[]) => `${cells.join(' & ')} \\\\`;
  const heading = line(columns.map((column) => escaped(column.title)));
  const body = rows.map((row, r) =>
    line(
      row.map((value, c) => {
        const text = escaped(valueText(value, columns[c].format));
        return strong?.(r, c) ? `\\textbf{${text}}` : text;
      }),
    ),
  );
  const alignment = columns.map(({ format }) => (format === 'text' ? 'l' : 'r')).join('');
  const caption = `\\caption{${escaped(title)}}\\label{tab:${name}}`;
  const lines =
    rows.length > MOST_ROWS
      ? [
          '% \\usepackage{booktabs,longtable}',
          `\\begin{longtable}{${alignment}}`,
          `${caption}\\\\`,
          '\\toprule',
          heading,
          '\\midrule',
          '\\endhead',
          ...body,
          '\\bottomrule',
          '\\end{longtable}',
        ]
      : [
          '% \\usepackage{booktabs}',
          '\\begin{table}',
          '\\centering',
          caption,
          `\\begin{tabular}{${alignment}}`,
          '\\toprule',
          heading,
          '\\midrule',
          ...body,
          '\\bottomrule',
          '\\end{tabular}',
          '\\end{table}',
        ];
  return `${lines.join('\n')}\n`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\textbackslash{}',
  '{': '\\{',
  '}': '\\}',
  $: '\\$',
  '&': '\\&',
  '#': '\\#',
  '%': '\\%',
  _: '\\_',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
  '<': '\\textless{}',
  '>': '\\textgreater{}',
  '|': '\\textbar{}',
  '"': '\\textquotedbl{}',
  '−': '$-$',
  '–': '--',
};

/** A bracket after a line's end would be read as its argument, so brackets are in braces. */
function escaped(text: string): string {
  return visible(text)
    .replace(/\s+/g, ' ')
    .replace(/[\\{}$&#%_~^<>|"−–]/g, (character) => ESCAPES[character])
    .replace(/[[\]]/g, '{$&}');
}
