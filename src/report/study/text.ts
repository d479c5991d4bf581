/** A study's answer in words: the verdict of its document, and the text for a terminal. */
import type { Setting } from '../../store/records.ts';
import { countOf, duration, percent, SETTING_NAMES } from '../format.ts';
import { SETTINGS } from '../ranking.ts';
import type { Verdict } from '../schema.ts';
import { answerText, type Paint, pad, plain, type TerminalOptions, wrap } from '../terminal.ts';
import { overallVerdict } from '../verdict.ts';
import { coefficientText, rangeText, type Unjudged } from './claims/definition.ts';
import { failedMeasurement } from './figures/words.ts';
import type { Claim, StudyDocument } from './schema.ts';

/** Headline and sentences: source accuracy first, then the best candidate, the settings, the claims, what failed. */
export function studyVerdict(document: Unjudged, claims: readonly Claim[]): Verdict {
  const { rankings, acrossDatasets, cells, failed } = document;
  const overall = overallVerdict(rankings, acrossDatasets, failed.length, cells.length + failed.length);
  if (cells.length === 0) return overall;
  const relation = relationSentence(document, claims);
  const best = acrossDatasets ? [overall.headline, overall.sentences[0]] : [overall.headline];
  const failures = failed.length > 0 ? overall.sentences.slice(-1) : [];
  const rest = [settingsSentence(document), claimsSentence(claims), ...failures].filter((s) => s !== null);
  if (!relation) return { headline: best[0], sentences: [...best.slice(1), ...rest] };
  return { headline: relation, sentences: [...best, ...rest] };
}

/** What the study says of its first question; null where no source accuracy is known. */
function relationSentence({ figure1 }: Unjudged, claims: readonly Claim[]): string | null {
  const known = figure1.filter(({ setting, pearson }) => setting !== 'scratch' && pearson);
  if (known.length === 0) return null;
  const values = known
    .map(({ setting, pearson }) => {
      const range = rangeText(pearson?.interval ?? null, coefficientText);
      return `r = ${coefficientText(pearson?.coefficient ?? 0)}${range} ${SETTING_PHRASES[setting]}`;
    })
    .join(', ');
  const verdicts = known.map(
    ({ setting }) => claims.find(({ id }) => id === `r-${setting}`)?.verdict ?? 'not enough data',
  );
  if (verdicts.every((verdict) => verdict === 'supported'))
    return `Networks that are better on the source transfer better: ${values}.`;
  if (verdicts.every((verdict) => verdict === 'contradicted'))
    return `Networks that are better on the source transfer hardly better here, if at all: ${values}.`;
  if (verdicts.every((verdict) => verdict === 'not enough data'))
    return `Whether networks that are better on the source transfer better is not shown: ${values}.`;
  if (verdicts.includes('supported') && verdicts.includes('contradicted'))
    return `Whether networks that are better on the source transfer better depends on the setting: ${values}.`;
  return `Whether networks that are better on the source transfer better is not shown for both settings: ${values}.`;
}

const SETTING_PHRASES: Readonly<Record<Setting, string>> = {
  fixed: 'with fixed features',
  finetune: 'fine-tuned',
  scratch: 'from scratch',
};

function settingsSentence({ settings }: Unjudged): string | null {
  const wins = settings.wins.find(({ a, b }) => a === 'finetune' && b === 'fixed');
  if (!wins) return null;
  return `Fine-tuning beats fixed features in ${wins.won} of ${countOf(wins.cells, 'pair')} of a network and a data set.`;
}

/** `Of the 19 claims of the paper, 8 are supported, 1 is contradicted, and for 10 there is not enough data.` */
function claimsSentence(claims: readonly Claim[]): string {
  const count = (verdict: Claim['verdict']) => claims.filter((claim) => claim.verdict === verdict).length;
  const are = (n: number) => `${n} ${n === 1 ? 'is' : 'are'}`;
  return (
    `Of the ${claims.length} claims of the paper, ${are(count('supported'))} supported, ` +
    `${are(count('contradicted'))} contradicted, and for ${count('not enough data')} there is not enough data.`
  );
}

/** For a terminal; ends with a line break. */
export function studyText(document: StudyDocument, options: TerminalOptions): string {
  return answerText(document, options, (width, paint) => [
    settingsBlock(document, paint),
    claimsBlock(document, width, paint),
    failedBlock(document, width),
    wrap(`${countOf(document.cells.length, 'run')} in ${duration(document.cost.seconds)}.`, width),
  ]);
}

/** The best network of each setting on each data set. */
function settingsBlock({ settings }: StudyDocument, paint: Paint): string[] {
  const shown = SETTINGS.filter((setting) =>
    settings.datasets.some((dataset) => dataset.settings.some((part) => part.setting === setting)),
  );
  if (shown.length === 0) return [];
  const rows = settings.datasets.map((dataset) => [
    plain(dataset.dataset),
    ...shown.map((setting) => {
      const part = dataset.settings.find((own) => own.setting === setting);
      return part ? percent(part.best.test.value) : '–';
    }),
  ]);
  const heading = ['Best network', ...shown.map((setting) => SETTING_NAMES[setting])];
  const widths = heading.map((title, c) => Math.max(title.length, ...rows.map((row) => [...row[c]].length)));
  const line = (row: readonly string[]) => row.map((text, c) => pad(text, widths[c], c > 0)).join('  ');
  return [paint('dim', line(heading)), ...rows.map(line)];
}

const VERDICTS: readonly Claim['verdict'][] = ['supported', 'contradicted', 'not enough data'];

/** Claims by verdict with what was found; those on which the study has nothing are counted. */
function claimsBlock({ claims }: StudyDocument, width: number, paint: Paint): string[] {
  const known = claims.filter(({ study }) => study !== null);
  const rest = claims.length - known.length;
  return [
    ...VERDICTS.flatMap((verdict) => {
      const own = known.filter((claim) => claim.verdict === verdict);
      if (own.length === 0) return [];
      const heading = `${verdict[0].toUpperCase()}${verdict.slice(1)}:`;
      return [paint('bold', heading), ...own.flatMap((claim) => claimLines(claim, width, paint))];
    }),
    ...(rest > 0 ? wrap(`The study has no data on ${countOf(rest, 'claim')} of the paper.`, width) : []),
  ];
}

function claimLines({ claim, paper, study, verdict }: Claim, width: number, paint: Paint): string[] {
  const lines = wrap(`${claim} Paper: ${paper}. Here: ${study}.`, width - 2).map((line) => `  ${line}`);
  return verdict === 'supported' ? lines.map((line) => paint('green', line)) : lines;
}

/** Failures that are told in full. */
const MOST_FAILURES = 5;

function failedBlock({ failed, failedMeasurements }: StudyDocument, width: number): string[] {
  const failures = [
    ...failedMeasurements.map((one) => `${failedMeasurement(one)}: ${one.error}`),
    ...failed.map(
      ({ dataset, model, setting, seed, error }) =>
        `${model} ${SETTING_NAMES[setting]} on ${dataset}, seed ${seed}: ${error}`,
    ),
  ];
  const shown = failures.slice(0, MOST_FAILURES).flatMap((failure) => wrap(`Failed: ${failure}`, width));
  const more = failures.length - MOST_FAILURES;
  return more > 0 ? [...shown, `And ${countOf(more, 'more failure')}.`] : shown;
}
