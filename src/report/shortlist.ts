/** What a shortlist left out and what that costs in certainty, in plain sentences. */
import { SCORE_NAMES, type ScoreName } from '../stats/transferability/names.ts';
import type { CellOutcome } from '../store/records.ts';
import { listed } from './format.ts';
import type { Shortlist } from './schema.ts';

/**
 * How well a score ranked ten ImageNet networks by their fine-tuned accuracy on Caltech-101, CIFAR-10, CIFAR-100,
 * Stanford Cars and SUN397: Spearman's rho, lowest and highest of the five, and the rank that it gave the best network,
 * at worst. The published H-score is without shrinkage. (docs/decisions/0011-studies.md; TransRate and GBC are not in
 * that table.)
 */
const PUBLISHED: Readonly<
  Partial<Record<ScoreName, { rho: readonly [low: string, high: string]; worstRank: number }>>
> = {
  hscore: { rho: ['.74', '.90'], worstRank: 3 },
  logme: { rho: ['.64', '.81'], worstRank: 2 },
  nce: { rho: ['.76', '.92'], worstRank: 3 },
  leep: { rho: ['.39', '.75'], worstRank: 9 },
};

/** Networks that are named; of others the number is told. */
const NAMED = 6;

interface Chosen {
  readonly shortlist?: Shortlist;
  readonly outcomes: readonly CellOutcome[];
}

export function shortlistSentences({ shortlist, outcomes }: Chosen): string[] {
  if (!shortlist) return [];
  const scores = [...new Set(shortlist.datasets.map(({ score }) => score))];
  const fromScratch = outcomes.some(({ cell }) => cell.setting === 'scratch');
  return [
    ...shortlist.datasets.map(droppedSentence),
    'What was dropped was not trained, so a better network may be among it.',
    ...scores.map(certaintySentence),
    ...(fromScratch
      ? ['Scores say nothing of training from scratch, and what was dropped was not trained so either.']
      : []),
  ];
}

function droppedSentence({ dataset, score, candidates }: Shortlist['datasets'][number]): string {
  const named = (kept: boolean) =>
    candidates
      .filter((candidate) => candidate.kept === kept)
      .map(({ model, value }) => `${model} (${value === null ? 'no score' : value.toPrecision(3)})`);
  return `On ${dataset} dropped untried by ${SCORE_NAMES[score]}: ${listed(named(false), NAMED)}; kept: ${listed(named(true), NAMED)}.`;
}

function certaintySentence(score: ScoreName): string {
  const known = PUBLISHED[score];
  if (!known)
    return `How often ${SCORE_NAMES[score]} ranks the best network high was not checked on published results.`;
  const [low, high] = known.rho;
  return (
    `On five published data sets the rank correlation of ${SCORE_NAMES[score]} with the fine-tuned accuracy of ten networks ` +
    `lay between ${low} and ${high}, and the best network was among its first ${known.worstRank}.`
  );
}
