/**
 * Tables of a study: every figure has its data, what is written can be read back by other programs, and names of networks,
 * data sets and classes, which are not ours, are text in each of the three forms.
 */
import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { studyDocument } from '../../src/report/study/document.ts';
import { csvText, tableCsv } from '../../src/report/study/tables/csv.ts';
import { tableLatex } from '../../src/report/study/tables/latex.ts';
import { tableMarkdown } from '../../src/report/study/tables/markdown.ts';
import { studyTables } from '../../src/report/study/tables/study-tables.ts';
import { type Table, valueText } from '../../src/report/study/tables/table.ts';
import { studyInput } from './study-sample.ts';

const DOCUMENT = studyDocument(studyInput({ skills: [-0.5, 0, 0.4, 1], eases: [0, 0.5, 1], seeds: [0, 1] }));
const TABLES = studyTables(DOCUMENT);

function tableNamed(name: string): Table {
  const table = TABLES.find((one) => one.name === name);
  if (!table) throw new Error(`no table ${name}`);
  return table;
}

describe('tables of a study', () => {
  it('are there for what the study has', () => {
    expect(TABLES.map(({ name }) => name)).toEqual([
      'claims',
      'models',
      'datasets',
      'accuracy-fixed',
      'accuracy-finetune',
      'accuracy-scratch',
      'figure-1',
      'correlations',
      'regression-bands',
      'figure-2',
      'settings',
      'setting-pairs',
      'setting-best',
      'setting-wins',
      'seeds',
      'seed-tests',
      'cost',
      'cells',
    ]);
  });

  it('have names that can be names of files, and rows as long as their heading', () => {
    for (const { name, columns, rows } of TABLES) {
      expect(name).toMatch(/^[a-z0-9-]+$/);
      expect(new Set(columns.map(({ title }) => title)).size).toBe(columns.length);
      expect(rows.every((row) => row.length === columns.length)).toBe(true);
    }
  });

  it('have networks by data sets with the best marked', () => {
    const { columns, rows, strong } = tableNamed('accuracy-finetune');
    expect(columns.map(({ title }) => title)).toEqual(['Network', 'set-0', 'set-1', 'set-2']);
    expect(rows).toHaveLength(4);
    expect(rows.map((_, r) => [0, 1, 2, 3].map((c) => strong?.(r, c)))).toEqual([
      [false, false, false, false],
      [false, false, false, false],
      [false, false, false, false],
      [false, true, true, true],
    ]);
    expect(tableMarkdown(tableNamed('accuracy-finetune'))).toContain('| net-3 | **');
  });

  it('read back from CSV are the numbers of the document, in full', () => {
    const rows: Record<string, string>[] = parse(tableCsv(tableNamed('figure-1')), { columns: true });
    const points = DOCUMENT.figure1.flatMap((panel) => panel.points);
    expect(rows.map((row) => Number(row['Adjusted score']))).toEqual(points.map(({ score }) => score));
    expect(rows.map((row) => row.Network)).toEqual(points.map(({ model }) => model));
    // The best has no test against itself.
    expect(rows[0].p).toBe('');
  });
});

const HOSTILE: Table = {
  name: 'hostile',
  title: 'A & B | 100% <b>',
  columns: [
    { title: '=SUM(A1)', format: 'text' },
    { title: 'Value_1', format: 'number' },
  ],
  rows: [
    ['=cmd|"calc"!A1', -1.5],
    ['+1', 0.25],
    ['-net', null],
    ['@home', 2000],
    ['line\nbreak, "quoted"', 1e-9],
    ['\u0000\ttab', 3],
    ['a|b\\c_d*e`f[g]<h>#i&j~k', 4],
    ['$x^2$ {%}', 5],
  ],
};

describe('CSV', () => {
  it('is read back by another program, with formulas made text', () => {
    const read: string[][] = parse(tableCsv(HOSTILE), { record_delimiter: '\r\n' });
    expect(read[0]).toEqual(["'=SUM(A1)", 'Value_1']);
    expect(read.slice(1).map(([name]) => name)).toEqual([
      '\'=cmd|"calc"!A1',
      "'+1",
      "'-net",
      "'@home",
      'line\nbreak, "quoted"',
      '\ufffd\ttab',
      'a|b\\c_d*e`f[g]<h>#i&j~k',
      '$x^2$ {%}',
    ]);
    expect(read.slice(1).map(([, value]) => value)).toEqual([
      '-1.5',
      '0.25',
      '',
      '2000',
      '1e-9',
      '3',
      '4',
      '5',
    ]);
  });

  it('ends lines as RFC 4180 says, and quotes only what needs it', () => {
    expect(
      csvText([
        ['a', 'b,c'],
        [1, true],
        [null, 'd"e'],
      ]),
    ).toBe('a,"b,c"\r\n1,true\r\n,"d""e"\r\n');
  });
});

describe('Markdown', () => {
  const lines = tableMarkdown(HOSTILE).split('\n');

  it('has a row on one line, with numbers flush right', () => {
    expect(lines).toHaveLength(13);
    expect(lines[0]).toBe('## A \\& B \\| 100% \\<b\\>');
    expect(lines[3]).toBe('| --- | ---: |');
    expect(lines[6]).toBe('| \\-net | – |'.replace('\\-', '-'));
    expect(lines[8]).toBe('| line break, "quoted" | 0.000 |');
  });

  it('takes bars and marks in names literally', () => {
    expect(lines[10]).toBe('| a\\|b\\\\c\\_d\\*e\\`f\\[g\\]\\<h\\>\\#i\\&j\\~k | 4.00 |');
    for (const line of lines.slice(2, -1)) expect(line.replace(/\\./g, '').split('|')).toHaveLength(4);
  });
});

describe('LaTeX', () => {
  it('has no character left that would be a command', () => {
    const body = tableLatex(HOSTILE).split('\\midrule')[1].split('\\bottomrule')[0];
    expect(body).toContain('\\$x\\textasciicircum{}2\\$ \\{\\%\\} & 5.00 \\\\');
    expect(body).toContain('a\\textbar{}b\\textbackslash{}c\\_d*e`f{[}g{]}');
    expect(body).toContain('-net & -- \\\\');
    expect(body).toContain('$-$1.50');
    // One separator and one end of line per row.
    const plain = body.replace(/\\textbackslash\{\}|\\[&%$#_{}]/g, '');
    expect(plain.match(/&/g)).toHaveLength(HOSTILE.rows.length);
    expect(plain.match(/\\\\/g)).toHaveLength(HOSTILE.rows.length);
  });

  it('goes over pages where a table is longer than one', () => {
    expect(tableLatex(tableNamed('accuracy-fixed'))).toContain('\\begin{tabular}{lrrr}');
    const cells = tableLatex(tableNamed('cells'));
    expect(cells).toContain('\\begin{longtable}');
    expect(cells).toContain('\\endhead');
    expect(cells).not.toContain('\\begin{table}');
  });
});

it('numbers for people are short', () => {
  expect(valueText(0.91234, 'share')).toBe('91.2%');
  expect(valueText(-0.01234, 'number')).toBe('−0.012');
  expect(valueText(-0.0001, 'number')).toBe('0.000');
  expect(valueText(12345.6, 'number')).toBe('12,346');
  expect(valueText(0.00004, 'pValue')).toBe('< 0.001');
  expect(valueText(2040, 'count')).toBe('2,040');
  expect(valueText(true, 'text')).toBe('yes');
});
