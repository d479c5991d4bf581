/** The document of `compare` as text for a terminal: the verdict first, then a ranking per data set. */
import { duration, integer, percent, points, pValueText, SETTING_NAMES, waitingSentence } from './format.ts';
import type { Candidate, CompareDocument, DatasetSummary, Ranking, Verdict } from './schema.ts';
import { problemSentences } from './verdict.ts';

export interface TerminalOptions {
  /** Columns of the terminal; 64 to 110 are used. */
  readonly width: number;
  /** ANSI colours; default false. */
  readonly color?: boolean;
  /** Where things were written, in the order to print, for example `{ Report: 'out/report.html' }`. */
  readonly places?: Readonly<Record<string, string>>;
}

/** Ends with a line break. */
export function compareText(document: CompareDocument, options: TerminalOptions): string {
  return answerText(document, options, (width, paint) => [
    ...document.datasets.map((dataset, i) => datasetBlock(dataset, document.rankings[i], width, paint)),
    document.cost.images ? wrap(waitingSentence(document.cost.images), width) : [],
    failedBlock(document, width),
  ]);
}

/** A document's verdict, then blocks of lines made for the terminal, then the places; empty blocks are left out. */
export function answerText(
  { verdict: { headline, sentences } }: { readonly verdict: Verdict },
  options: TerminalOptions,
  blocksFor: (width: number, paint: Paint) => readonly (readonly string[])[],
): string {
  const width = Math.max(64, Math.min(options.width, 110));
  const paint = painter(options.color ?? false);
  const blocks = [
    [
      ...wrap(headline, width).map((line) => paint('bold', line)),
      ...sentences.flatMap((sentence) => wrap(sentence, width, '  ')),
    ],
    ...blocksFor(width, paint),
    placesBlock(options.places ?? {}),
  ];
  const text = blocks.filter((block) => block.length > 0).map((block) => block.join('\n'));
  return `${text.join('\n\n')}\n`;
}

type Style = 'bold' | 'green' | 'dim';
export type Paint = (style: Style, text: string) => string;

function painter(color: boolean): Paint {
  const codes: Record<Style, number> = { bold: 1, green: 32, dim: 2 };
  return (style, text) => (color ? `\u001b[${codes[style]}m${text}\u001b[0m` : text);
}

function datasetBlock(dataset: DatasetSummary, ranking: Ranking, width: number, paint: Paint): string[] {
  const { train, validation, test } = dataset.images;
  const sizes = `${dataset.classes.length} classes; ${integer(train)} training, ${integer(validation)} validation, ${integer(test)} test images`;
  const heading = wrap(`${dataset.name}: ${sizes}`, width).map((line) => paint('bold', line));
  const problems = problemSentences(dataset).flatMap((sentence) => wrap(`! ${sentence}`, width));
  if (ranking.candidates.length === 0) return [...heading, ...problems, 'No network was finished.'];
  return [...heading, ...problems, ...table(ranking, width, paint), ...footnotes(ranking, width)];
}

/** Numbers stand flush right, words flush left. */
const COLUMNS = [
  { title: '#', right: true },
  { title: 'Network', right: false },
  { title: 'Setting', right: false },
  { title: 'Test', right: true },
  { title: '95% interval', right: true },
  { title: 'To best', right: true },
  { title: '', right: false },
  { title: 'Time', right: true },
] as const;
const NETWORK = 1;
const INTERVAL = 4;
const SHORTEST_NAME = 9;

/** To fit `width`, names of networks are shortened; where that is not enough, the intervals are left out. */
function table(ranking: Ranking, width: number, paint: Paint): string[] {
  const rows = ranking.candidates.map(row);
  const widths = COLUMNS.map(({ title }, c) =>
    Math.max(title.length, ...rows.map((cells) => lengthOf(cells[c]))),
  );
  const excess = () => shown.reduce((sum, c) => sum + widths[c] + 2, -2) - width;
  let shown = COLUMNS.map((_, c) => c);
  if (excess() > Math.max(0, widths[NETWORK] - SHORTEST_NAME)) shown = shown.filter((c) => c !== INTERVAL);
  if (excess() > 0) widths[NETWORK] = Math.max(SHORTEST_NAME, widths[NETWORK] - excess());
  const line = (cells: readonly string[]) =>
    shown
      .map((c) => pad(shorten(cells[c], widths[c]), widths[c], COLUMNS[c].right))
      .join('  ')
      .trimEnd();
  return [
    paint('dim', line(COLUMNS.map(({ title }) => title))),
    paint('dim', shown.map((c) => '─'.repeat(widths[c])).join('  ')),
    ...rows.map((cells, i) => (ranking.candidates[i].tied ? paint('green', line(cells)) : line(cells))),
  ];
}

function row(candidate: Candidate): string[] {
  const { test, comparison } = candidate;
  return [
    String(candidate.rank),
    plain(candidate.model),
    SETTING_NAMES[candidate.setting],
    percent(test.value),
    `${(100 * test.low).toFixed(1)} – ${(100 * test.high).toFixed(1)}`,
    comparison ? points(comparison.difference) : '–',
    comparison ? (candidate.tied ? 'tied' : pValueText(comparison.adjustedP)) : 'best',
    duration(candidate.seconds),
  ];
}

function footnotes(ranking: Ranking, width: number): string[] {
  const notes = [
    `Tied with the best: not significantly worse on the same images (${
      ranking.metric === 'meanPerClass' ? 'paired permutation test' : 'exact paired test'
    }, Holm-corrected, .05).`,
  ];
  if (ranking.candidates.some(({ spread }) => spread !== null)) {
    notes.push('Test and time are means over seeds; the tests compare the networks of the first seed.');
    for (const { rank, spread } of ranking.candidates) {
      if (spread) notes.push(`#${rank}: seeds from ${percent(spread.low)} to ${percent(spread.high)}.`);
    }
  }
  return notes.flatMap((note) => wrap(note, width));
}

function failedBlock({ failed }: CompareDocument, width: number): string[] {
  return failed.flatMap(({ dataset, model, setting, seed, error }) =>
    wrap(`Failed: ${model} ${SETTING_NAMES[setting]} on ${dataset}, seed ${seed}: ${error}`, width),
  );
}

/** Paths stay on one line, so that they can be copied. */
function placesBlock(places: Readonly<Record<string, string>>): string[] {
  const labels = Object.keys(places);
  const widest = Math.max(0, ...labels.map((label) => label.length));
  return labels.map((label) => `${pad(`${label}:`, widest + 1, false)} ${plain(places[label])}`);
}

/** Names come from folders and files, so control characters (terminal commands) are replaced. */
export function plain(text: string): string {
  return text.replace(/\p{C}/gu, '\uFFFD');
}

function lengthOf(text: string): number {
  return [...text].length;
}

function shorten(text: string, width: number): string {
  return lengthOf(text) <= width ? text : `${[...text].slice(0, width - 1).join('')}…`;
}

export function pad(text: string, width: number, right: boolean): string {
  const space = ' '.repeat(Math.max(0, width - lengthOf(text)));
  return right ? space + text : text + space;
}

export function wrap(text: string, width: number, indent = ''): string[] {
  const lines: string[] = [];
  for (const word of plain(text).split(' ')) {
    const last = lines[lines.length - 1];
    if (last !== undefined && lengthOf(last) + 1 + lengthOf(word) <= width)
      lines[lines.length - 1] += ` ${word}`;
    else lines.push(indent + word);
  }
  return lines;
}
