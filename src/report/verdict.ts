/** The answer in plain sentences, for someone who has not met transfer learning before. */
import {
  candidateName,
  countOf,
  duration,
  integer,
  listed,
  METRIC_NAMES,
  percent,
  points,
  SETTING_NAMES,
  testText,
} from './format.ts';
import type { AcrossDatasets, Candidate, DatasetAudit, DatasetSummary, Ranking, Verdict } from './schema.ts';

/** A cheaper candidate is worth a sentence from this ratio of times on. */
const MUCH_CHEAPER = 1.5;

/** A significantly worse candidate is worth one from this ratio on. */
const MUCH_QUICKER = 4;

/** The verdict on one data set. */
export function datasetVerdict(ranking: Omit<Ranking, 'verdict'>, dataset: DatasetSummary): Verdict {
  const [best] = ranking.candidates;
  if (!best) return { headline: `No network was finished on ${dataset.name}.`, sentences: [] };
  const headline = `${advice(best)}: ${accuracySentence(best, ranking.metric)}`;
  const sentences = [
    baselineSentence(best, ranking),
    ...tieSentences(best, ranking.candidates.slice(1)),
    scratchSentence(best, ranking),
    powerSentence(best, ranking),
    seedSentence(best),
  ];
  return { headline, sentences: sentences.filter((sentence) => sentence !== null) };
}

function advice({ model, setting }: { model: string; setting: Candidate['setting'] }): string {
  if (setting === 'scratch') return `Train ${model} from scratch`;
  return `Start from ${model}, ${setting === 'fixed' ? 'with fixed features' : 'fine-tuned'}`;
}

function accuracySentence(best: Candidate, metric: Ranking['metric']): string {
  const { value, low, high } = best.test;
  const of = metric === 'top1' ? 'of the test images right' : METRIC_NAMES[metric];
  return `${percent(value)} ${of} (95% interval ${percent(low)} to ${percent(high)}).`;
}

function baselineSentence(best: Candidate, { baseline, metric }: Omit<Ranking, 'verdict'>): string | null {
  if (baseline === null || best.test.low > baseline) return null;
  if (metric === 'meanAveragePrecision')
    return `Even the best is not clearly better than giving all images the same scores, which has ${percent(baseline)}.`;
  const score = metric === 'top1' ? `is right for ${percent(baseline)}` : `scores ${percent(baseline)}`;
  return `Even the best is not clearly better than always answering the most frequent class, which ${score}.`;
}

/** Which others are as good as the best as far as this data can tell, and the cheapest of them. */
function tieSentences(best: Candidate, others: readonly Candidate[]): string[] {
  if (others.length === 0) return [];
  const tied = others.filter((candidate) => candidate.tied);
  if (tied.length === 0) {
    const [next] = others;
    return [
      `Every other candidate is significantly worse; the nearest is ${candidateName(next)}, ${behind(next)}.`,
      ...quickSentence(best, others),
    ];
  }
  const cheapest = tied.reduce((a, b) => (b.seconds < a.seconds ? b : a));
  const ratio = best.seconds / cheapest.seconds;
  if (ratio < MUCH_CHEAPER) {
    const none = tied.length === 1 ? 'It is not' : 'None of them is';
    return [
      `Not significantly worse: ${listed(tied.map(candidateName))}. ${none} much cheaper.`,
      ...quickSentence(best, others),
    ];
  }
  const first =
    `${cheaperSubject(cheapest)} not significantly worse (${behind(cheapest)}) and ${times(ratio)} times cheaper: ` +
    `${duration(cheapest.seconds)} instead of ${duration(best.seconds)}.`;
  const rest = tied.filter((candidate) => candidate !== cheapest);
  if (rest.length === 0) return [first];
  return [first, `Also not significantly worse: ${listed(rest.map(candidateName))}.`];
}

/** What much less time buys, where nothing as good as the best is cheaper. */
function quickSentence(best: Candidate, others: readonly Candidate[]): string[] {
  const quick = others.find((candidate) => best.seconds >= MUCH_QUICKER * candidate.seconds);
  if (!quick) return [];
  const cost = `${duration(quick.seconds)} instead of ${duration(best.seconds)}`;
  return [`In a hurry: ${candidateName(quick)} reaches ${percent(quick.test.value)} in ${cost}.`];
}

/** `2.5`, or whole from ten on. */
function times(ratio: number): string {
  return ratio < 10 ? String(Number(ratio.toFixed(1))) : integer(ratio);
}

function cheaperSubject({ model, setting }: Candidate): string {
  return setting === 'fixed' ? `Fixed features of ${model} are` : `${model} ${SETTING_NAMES[setting]} is`;
}

function behind({ comparison }: Candidate): string {
  if (!comparison) return '';
  const gap = points(-comparison.difference).replace('+', '');
  return `${gap === '0.0' ? 'less than 0.1' : gap} points behind, ${testText(comparison)}`;
}

/** What pre-training is worth on this data. */
function scratchSentence(best: Candidate, { candidates }: Omit<Ranking, 'verdict'>): string | null {
  const scratch = candidates.find(({ setting }) => setting === 'scratch');
  const transferred = candidates.find(({ setting }) => setting !== 'scratch');
  if (!scratch || !transferred) return null;
  const reached = `the best network trained from scratch reaches ${percent(scratch.test.value)}`;
  const gap = best.test.value - (scratch === best ? transferred : scratch).test.value;
  const size = `${points(gap).replace('+', '')} points`;
  if (scratch === best) {
    if (transferred.tied)
      return `Whether pre-training pays is not shown: the best pre-trained network is ${size} behind training from scratch, not significantly worse.`;
    return `Pre-training does not pay here: the best pre-trained network is ${size} behind training from scratch.`;
  }
  if (scratch.tied) return `That pre-training helps is not shown: ${reached}, not significantly less.`;
  return `Pre-training is worth ${size}: ${reached}.`;
}

/** Whether there is enough data to tell the best from its runner-up. */
function powerSentence(best: Candidate, { power, candidates }: Omit<Ranking, 'verdict'>): string | null {
  if (!power) return null;
  const images = countOf(best.n, 'test image');
  const noticed = points(power.detectable).replace('+', '');
  if (!candidates[1].tied) {
    const tied = candidates.slice(1).some((candidate) => candidate.tied);
    return tied ? null : `The ${images} are enough to tell the best candidate from all others.`;
  }
  const start =
    `With ${images}, a true difference of ${noticed} points between the two best would be noticed ` +
    'four times in five';
  const observed = points(power.observed).replace('+', '');
  if (power.imagesNeeded === null || observed === '0.0') return `${start}; they are equal here.`;
  if (power.imagesNeeded <= best.n) return `${start}.`;
  return (
    `${start}; to show the ${observed} points that lie between them takes about ` +
    `${integer(roundUp(power.imagesNeeded))} test images.`
  );
}

/** To two digits, because the number is rough. */
function roundUp(n: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(n)) - 1);
  return Math.ceil(n / unit) * unit;
}

function seedSentence(best: Candidate): string | null {
  if (!best.spread) return null;
  const range = `${percent(best.spread.low)} to ${percent(best.spread.high)}`;
  return (
    `Accuracies are means over ${best.seeds.length} seeds, which for the best range from ${range}; ` +
    'the tests compare the networks of the first seed.'
  );
}

/** The verdict on everything: that of the only data set, or the one over all data sets. */
export function overallVerdict(
  rankings: readonly Ranking[],
  across: AcrossDatasets | null,
  failed: number,
  cells: number,
): Verdict {
  const ranked = rankings.filter((ranking) => ranking.candidates.length > 0);
  const failures =
    failed === 0
      ? []
      : [`${failed} of ${countOf(cells, 'run')} failed and ${failed === 1 ? 'is' : 'are'} left out.`];
  if (ranked.length === 0) return { headline: 'No network was finished.', sentences: failures };
  if (ranked.length === 1) {
    const { headline, sentences } = ranked[0].verdict;
    return { headline, sentences: [...sentences, ...failures] };
  }
  const each = ranked.map(({ dataset, verdict }) => `${dataset}: ${verdict.headline}`);
  if (!across) {
    const headline =
      'No two candidates have a result on every data set, so each data set has its own answer.';
    return { headline, sentences: [...each, ...failures] };
  }
  return { headline: acrossHeadline(across), sentences: [acrossTies(across), ...each, ...failures] };
}

function acrossHeadline({ candidates: [best], datasets }: AcrossDatasets): string {
  return (
    `${advice(best)}: over ${datasets.length} data sets it does best, ` +
    `with ${percent(best.accuracy)} on a data set of average difficulty.`
  );
}

function acrossTies({ candidates, datasets }: AcrossDatasets): string {
  const tied = candidates.slice(1).filter((candidate) => candidate.tied);
  if (tied.length === 0) return 'Every other candidate is significantly worse across data sets.';
  const names = listed(tied.map(candidateName));
  const few = datasets.length < 6 ? `; ${datasets.length} data sets can show only large differences` : '';
  return `Taking the data sets together, these cannot be told from it: ${names}${few}.`;
}

/** How many candidates of a ranking cannot be told from its best, for a heading: `3 of 9 tie with the best`. */
export function tieCount(ranking: Ranking): string {
  const others = ranking.candidates.slice(1);
  const tied = others.filter((candidate) => candidate.tied).length;
  return `${tied} of ${countOf(others.length, 'other candidate')} cannot be told from the best`;
}

/** Copies of images in parts that must not share any, superfluous ones, and copies with different labels. */
export function auditSentences(audit: DatasetAudit): string[] {
  return [
    ...audit.overlaps.map(
      ({ split, otherSplit, images }) =>
        `${countOf(images.length, `${split} image`)} ${images.length === 1 ? 'has' : 'have'} a copy in ${otherSplit}.`,
    ),
    ...audit.within.map(
      ({ split, images }) => `${countOf(images, 'superfluous copy', 'superfluous copies')} in ${split}.`,
    ),
    ...(audit.labelConflicts > 0
      ? [`${countOf(audit.labelConflicts, 'group')} of copies with different labels.`]
      : []),
  ];
}

/** Deviations of a published data set that are said in full; the page lists all. */
const MOST_DEVIATIONS = 3;

/** Deviations, and skipped and repeated images with one sentence per kind; empty when the data is clean. */
export function problemSentences(dataset: DatasetSummary): string[] {
  const unreadable = dataset.problems.filter(({ kind }) => kind === 'unreadable');
  const duplicates = dataset.problems.filter(({ kind }) => kind === 'duplicate');
  const skipped = unreadable.reduce((sum, problem) => sum + problem.images.length, 0);
  const deviations = dataset.problems.filter(({ kind }) => kind === 'deviation');
  const more = deviations.length - MOST_DEVIATIONS;
  return [
    ...deviations.slice(0, MOST_DEVIATIONS).map(({ message }) => message),
    ...(more > 0 ? [`${countOf(more, 'more deviation')} from what was published.`] : []),
    ...(skipped > 0 ? [`${countOf(skipped, 'unreadable image')} skipped.`] : []),
    ...(duplicates.length > 0
      ? [`${countOf(duplicates.length, 'group')} of identical images in two splits or under two labels.`]
      : []),
    ...(dataset.audit ? auditSentences(dataset.audit) : []),
  ];
}
