/** Published data sets, the content of one, and how a copy compares with what was published, for 80 columns. */
import {
  type DataProblem,
  type DatasetCheck,
  type ImageDataset,
  type OfficialDataset,
  type OfficialDetection,
  SPLITS,
  type SplitName,
} from '../data/index.ts';

const NAME = 18;
const COLUMN = 11;
const LABEL = 13;
/** Classes that are listed; `--json` has all. */
const MOST_CLASSES = 110;
const MOST_PROBLEMS = 20;

const METRICS: Readonly<Record<OfficialDataset['metric'], string>> = {
  top1: 'top-1',
  meanPerClass: 'mean per class',
  meanAveragePrecision: '11-point mAP',
};

export const count = (n: number | string) => (typeof n === 'number' ? n.toLocaleString('en') : n);
/** Names come from files: control characters would reach the terminal. */
export const plain = (text: string) => text.replace(/\p{Cc}/gu, '\ufffd');

/** One line per published data set. */
export function officialListText(
  entries: readonly OfficialDataset[],
  detection: readonly OfficialDetection[],
): string {
  const row = (name: string, ...cells: readonly (number | string)[]) =>
    `${name.padEnd(NAME)}${cells.map((cell) => count(cell).padStart(COLUMN)).join('')}`;
  const heads = row('', 'Classes', 'Train', 'Validation', 'Test');
  const lines = entries.map(({ name, classes, images, metric }) => {
    const validation = images.validation === 'held out' ? 'from train' : images.validation;
    return `${row(name, classes, images.train, validation, images.test)}  ${METRICS[metric]}`;
  });
  return [
    `${heads}  Metric`,
    ...lines,
    ...detection.map(({ name, classes, images }) => {
      const parts = SPLITS.map((part) => images[part] ?? '-');
      return `${row(name, classes, ...parts)}  boxes`;
    }),
    '',
    'What one needs on disk:   transferlab datasets pets',
    'A copy as published?      transferlab datasets verify pets --data FOLDER',
    'What is in a folder:      transferlab datasets FOLDER --sheet samples.png',
    'In a comparison:          transferlab compare pets=FOLDER',
    '',
  ].join('\n');
}

/** What was published of a data set. */
export function officialText({
  name,
  title,
  reference,
  classes,
  images,
  metric,
  form,
  md5 = {},
}: OfficialDataset): string {
  const row = (label: string, text: string) => `  ${label.padEnd(LABEL)}${text}`;
  const validation =
    images.validation === 'held out'
      ? 'none official; held out of train'
      : `${count(images.validation)} images`;
  const files = Object.keys(md5);
  return [
    title,
    row('Reference', reference),
    row('Classes', count(classes)),
    row('Train', `${count(images.train)} images`),
    row('Validation', validation),
    row('Test', `${count(images.test)} images`),
    row('Metric', METRICS[metric]),
    ...(files.length > 0 ? [row('MD5 known of', files.join(', '))] : []),
    '',
    'Files, in a folder or in the archives as downloaded:',
    `  ${form}`,
    '',
    `transferlab datasets verify ${name} --data FOLDER`,
    `transferlab compare ${name}=FOLDER`,
    '',
  ].join('\n');
}

/** Counts by part and class. @param sheet where sample images were written */
export function datasetText(
  { name, classes, metric, splits, problems }: ImageDataset,
  sheet: string | null,
): string {
  const counts = Object.fromEntries(
    SPLITS.map((split) => [split, countsOf(splits[split], classes.length)]),
  ) as Record<SplitName, number[]>;
  const listed = classes.slice(0, MOST_CLASSES);
  const rest = classes.length - listed.length;
  return [
    `${plain(name)}: ${count(classes.length)} classes, ${METRICS[metric]}`,
    '',
    countsRow(['Train', 'Validation', 'Test'], '').trimEnd(),
    countsRow(
      SPLITS.map((split) => splits[split].length),
      'all',
    ),
    ...listed.map((label, i) =>
      countsRow(
        SPLITS.map((split) => counts[split][i]),
        plain(label),
      ),
    ),
    ...(rest > 0 ? [`  and ${count(rest)} more classes: --json names all.`] : []),
    ...problemLines(problems),
    ...(sheet === null ? [] : ['', `Samples, a row for each class in this order: ${sheet}`]),
    '',
  ].join('\n');
}

/** A line of numbers, a column for each part, and what they count. */
export function countsRow(cells: readonly (number | string)[], label: string): string {
  return `  ${cells.map((cell) => count(cell).padStart(COLUMN)).join('')}  ${label}`;
}

/** The first problems, each a line, behind an empty one; nothing where there are none. */
export function problemLines(problems: readonly DataProblem[]): string[] {
  const shown = problems.slice(0, MOST_PROBLEMS);
  return [
    ...(shown.length > 0 ? ['', ...shown.map(({ message }) => `! ${plain(message)}`)] : []),
    ...(problems.length > shown.length
      ? [`! and ${count(problems.length - shown.length)} more: --json has all.`]
      : []),
  ];
}

/** Images of each class; of several labels, every one that is present counts. */
function countsOf(records: ImageDataset['splits'][SplitName], classes: number): number[] {
  const counts = Array.from({ length: classes }, () => 0);
  for (const { label, labels } of records)
    if (labels) for (const [i, mark] of labels.entries()) counts[i] += Number(mark === 1);
    else counts[label]++;
  return counts;
}

/** Each check, those that failed with examples, and the outcome. */
export function verificationText(title: string, folder: string, checks: readonly DatasetCheck[]): string {
  const failed = checks.filter(({ passed }) => !passed);
  const lines = checks.flatMap(({ name, expected, found, passed, examples }) => [
    passed
      ? `  ${name}: ${count(found)}`
      : `! ${name}: ${count(found)} where ${count(expected)} ${expected === 1 ? 'is' : 'are'} expected`,
    ...(passed ? [] : examples.map((example) => `    ${example}`)),
  ]);
  const outcome =
    failed.length === 0
      ? 'As published.'
      : `Not as published: ${failed.length} of ${checks.length} checks found something else.`;
  return `${[`${title} in ${folder}`, ...lines, outcome].map(plain).join('\n')}\n`;
}
