/** Claims on the settings: fine-tuning against fixed features, and what pre-training is worth. */
import { mean } from '../../accuracy.ts';
import { countOf, integer, listed, percent, points, pValueText } from '../../format.ts';
import { meanDifference } from '../paired.ts';
import { logitOfShare } from '../results.ts';
import {
  type ClaimDefinition,
  type Evidence,
  judge,
  noEvidence,
  rangeText,
  signed,
  type Unjudged,
} from './definition.ts';

const TOPIC = 'Settings';
const ALPHA = 0.05;

export const SETTING_CLAIMS: readonly ClaimDefinition[] = [
  {
    id: 'finetune-fixed',
    topic: TOPIC,
    claim: 'Fine-tuning beats fixed features.',
    paper: '179 of 192 cells',
    unit: 'cells',
    figure: 'settings',
    rule:
      'Supported when fine-tuning wins most cells, and over data sets its mean logit accuracy is significantly higher ' +
      '(paired t-test, corrected, .05); contradicted when fixed features do. Cells of one data set are no independent ' +
      'witnesses.',
    evidence: winsEvidence,
  },
  {
    id: 'fine-grained',
    topic: TOPIC,
    claim: 'Sets of fine-grained classes gain less from pre-training than others.',
    paper: 'Stanford Cars and FGVC Aircraft gain little',
    unit: 'networks',
    figure: 'settings',
    rule:
      'The gain is fine-tuned minus from scratch in logits. Supported when the 95% interval of its mean on fine-grained ' +
      'sets minus its mean on the others (t-distribution over networks) lies below 0; contradicted when it lies above 0. ' +
      'It holds for these data sets only.',
    evidence: fineGrainedEvidence,
  },
];

function winsEvidence({ settings }: Unjudged): Evidence {
  const wins = settings.wins.find(({ a, b }) => a === 'finetune' && b === 'fixed');
  const overall = settings.overall.find(({ a, b }) => a === 'finetune' && b === 'fixed');
  if (!wins || !overall) return noEvidence('No network was run in both settings on a data set.');
  const { won, cells, share } = wins;
  // Each of the two intervals is too narrow in a way of its own: the one where all cells agree, the other as cells are alike.
  const interval = {
    low: Math.min(wins.interval.low, wins.wilson.low),
    high: Math.max(wins.interval.high, wins.wilson.high),
  };
  const evidence = {
    study:
      `${integer(won)} of ${countOf(cells, 'cell')}, ${percent(share)} (${percent(interval.low)} to ` +
      `${percent(interval.high)}); ${points(overall.difference)} points on average`,
    value: share,
    interval,
    n: cells,
  };
  const p = overall.adjustedP;
  if (p === null) {
    return { ...evidence, verdict: 'not enough data', reason: 'A test over data sets needs two of them.' };
  }
  const test = `over ${countOf(overall.n, 'data set')}, ${signed(overall.logitDifference)} logits, ${pValueText(p)}`;
  if (p >= ALPHA) {
    return { ...evidence, verdict: 'not enough data', reason: `Not significant ${test}.` };
  }
  const better = overall.logitDifference > 0;
  if (better !== share > 0.5) {
    return {
      ...evidence,
      verdict: 'not enough data',
      reason: `The cells won and the test disagree: ${test}.`,
    };
  }
  return { ...evidence, verdict: better ? 'supported' : 'contradicted', reason: `Significant ${test}.` };
}

/** Per network, the mean gain on fine-grained sets minus that on the others. */
function fineGrainedEvidence(document: Unjudged, fineGrained: readonly string[]): Evidence {
  if (fineGrained.length === 0) return noEvidence('No data set here is of fine-grained classes.');
  const differences = document.models.flatMap(({ name }) => {
    const gains = gainsOf(document, name);
    const inside = gains.filter(({ dataset }) => fineGrained.includes(dataset));
    const others = gains.filter(({ dataset }) => !fineGrained.includes(dataset));
    if (inside.length === 0 || others.length === 0) return [];
    return mean(inside.map(({ gain }) => gain)) - mean(others.map(({ gain }) => gain));
  });
  if (differences.length === 0) {
    return noEvidence('No network was fine-tuned and trained from scratch on both kinds of data sets.');
  }
  const { n, mean: value, interval } = meanDifference(differences);
  return {
    study: `${signed(value)} logits${rangeText(interval)} on ${listed(fineGrained)} against the others, ${countOf(n, 'network')}`,
    value,
    interval,
    n,
    ...judge(interval, { side: 'below' }),
  };
}

/** Fine-tuned minus from scratch in logits, on every data set that has both. */
function gainsOf({ rankings }: Unjudged, model: string): { dataset: string; gain: number }[] {
  return rankings.flatMap(({ dataset, candidates }) => {
    const own = candidates.filter((candidate) => candidate.model === model);
    const [finetune, scratch] = (['finetune', 'scratch'] as const).map((setting) =>
      own.find((candidate) => candidate.setting === setting),
    );
    if (!finetune || !scratch) return [];
    const gain = logitOfShare(finetune.test.value, finetune.n) - logitOfShare(scratch.test.value, scratch.n);
    return { dataset, gain };
  });
}
