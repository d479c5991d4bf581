/** Claims on the switches of pre-training: batch-norm scale, label smoothing, dropout, auxiliary head. */
import { mean } from '../../accuracy.ts';
import { countOf, listed, points, pValueText } from '../../format.ts';
import { meanDifference } from '../paired.ts';
import type { Regularisation } from '../schema.ts';
import {
  type ClaimDefinition,
  decimal,
  type Evidence,
  judge,
  noEvidence,
  rangeText,
  signed,
  type Unjudged,
} from './definition.ts';

const TOPIC = 'Pre-training';
const ALPHA = 0.05;

type Effect = Regularisation['effects'][number];

/** What the paper recommends of each switch, in words and as the sign of `on minus off`. */
const RECOMMENDED = [
  { name: 'gamma', words: 'with the scale of batch normalisation (gamma on)', sign: 1 },
  { name: 'labelSmoothing', words: 'without label smoothing', sign: -1 },
  { name: 'dropout', words: 'without dropout', sign: -1 },
  { name: 'auxiliary', words: 'without an auxiliary head', sign: -1 },
] as const;

const NO_EXPERIMENT = 'The study has no experiment with switches of pre-training.';

export const REGULARISATION_CLAIMS: readonly ClaimDefinition[] = [
  ...RECOMMENDED.map(
    ({ name, words, sign }): ClaimDefinition => ({
      id: `switch-${name}`,
      topic: TOPIC,
      claim: `Pre-training ${words} makes better fixed features.`,
      paper: 'better fixed features',
      unit: 'data sets',
      figure: 'regularisation',
      rule:
        'Supported when the 95% interval of the gain in logits (t-distribution over data sets) lies above 0 and the ' +
        'corrected p-value is below .05; contradicted when it lies below 0 likewise. It is said of these pre-trained ' +
        'networks: what another seed of pre-training would change is not in the interval.',
      evidence: ({ regularisation }) => switchEvidence(regularisation, name, sign),
    }),
  ),
  {
    id: 'switches-source',
    topic: TOPIC,
    claim: 'A switch moves source accuracy little, and transfer with fixed features more.',
    paper: 'at most 1% on the source',
    unit: 'switches',
    figure: 'regularisation',
    rule:
      'Supported when no switch moves source accuracy by more than 1 point, twice its sampling error included, and at least ' +
      'one significantly moves transfer (corrected p below .05), by more logits than the source: the 95% interval of the ' +
      'excess (t-distribution over data sets) lies above 0; contradicted when one moves source accuracy by more than 1 point ' +
      'beyond twice its sampling error.',
    evidence: sourceEvidence,
  },
  {
    id: 'switches-finetune',
    topic: TOPIC,
    claim: 'After fine-tuning these switches matter much less.',
    paper: 'fine-tuning is much less affected',
    unit: 'data sets',
    figure: 'regularisation',
    rule:
      'The effect of a switch is the size of its difference in logits, whichever way it goes; the mean over switches. ' +
      'Supported when the 95% interval of the effect with fixed features minus the effect after fine-tuning ' +
      '(t-distribution over data sets) lies above 0; contradicted when it lies below 0.',
    evidence: finetuneEvidence,
  },
];

function effectOf(effects: readonly Effect[], name: Effect['switch']): Effect | undefined {
  return effects.find((effect) => effect.switch === name);
}

function switchEvidence(
  regularisation: Regularisation | null,
  name: Effect['switch'],
  sign: 1 | -1,
): Evidence {
  if (!regularisation) return noEvidence(NO_EXPERIMENT);
  const effect = effectOf(regularisation.effects, name)?.transfer.find(({ setting }) => setting === 'fixed');
  if (!effect)
    return noEvidence('No two variants that differ in this switch alone have a result with fixed features.');
  const value = sign * effect.logitDifference;
  const interval = flipped(effect.interval, sign);
  const evidence = {
    study: `${points(sign * effect.difference)} points, ${signed(value)} logits${rangeText(interval)}, ${countOf(effect.n, 'data set')}`,
    value,
    interval,
    n: effect.n,
  };
  const { verdict, reason } = judge(interval, { side: 'above' });
  const { adjustedP } = effect;
  if (verdict !== 'not enough data' && adjustedP !== null && adjustedP >= ALPHA) {
    return {
      ...evidence,
      verdict: 'not enough data',
      reason: `${reason} After correction ${pValueText(adjustedP)}.`,
    };
  }
  return { ...evidence, verdict, reason };
}

function flipped(interval: Evidence['interval'], sign: 1 | -1): Evidence['interval'] {
  if (!interval || sign === 1) return interval;
  return { low: -interval.high, high: -interval.low };
}

/** One point of source accuracy. */
const LITTLE = 0.01;

function sourceEvidence({ regularisation }: Unjudged): Evidence {
  if (!regularisation) return noEvidence(NO_EXPERIMENT);
  const known = regularisation.effects.flatMap((effect) => {
    const transfer = effect.transfer.find(({ setting }) => setting === 'fixed');
    return effect.source && transfer ? { effect, source: effect.source, transfer } : [];
  });
  if (known.length === 0)
    return noEvidence('No switch has both source accuracies and results with fixed features.');
  const largest = Math.max(...known.map(({ source }) => Math.abs(source.difference)));
  const moved = known.filter(({ source, transfer }) => movesMore(transfer, source));
  const sizes = known.map(({ effect, source }) => ({
    switch: effect.switch,
    size: Math.abs(source.difference),
    error: 2 * samplingError(regularisation, effect),
  }));
  const beyond = sizes.filter(({ size, error }) => size - error > LITTLE);
  const evidence = {
    study:
      `source accuracy by at most ${(100 * largest).toFixed(1)} points; transfer by more than the source for ` +
      `${moved.length} of ${countOf(known.length, 'switch', 'switches')}`,
    value: largest,
    interval: null,
    n: known.length,
  };
  if (beyond.length > 0) {
    const names = listed(beyond.map((one) => SWITCH_NAMES[one.switch]));
    return { ...evidence, verdict: 'contradicted', reason: `More than 1 point on the source: ${names}.` };
  }
  if (sizes.some(({ size, error }) => size + error > LITTLE)) {
    const reason =
      'Source accuracies are not known well enough to tell whether they move by more than 1 point.';
    return { ...evidence, verdict: 'not enough data', reason };
  }
  return moved.length > 0
    ? {
        ...evidence,
        verdict: 'supported',
        reason: `Transfer is moved more by ${listed(moved.map(({ effect }) => SWITCH_NAMES[effect.switch]))}.`,
      }
    : { ...evidence, verdict: 'not enough data', reason: 'No switch moves transfer significantly.' };
}

const SWITCH_NAMES: Readonly<Record<Effect['switch'], string>> = {
  gamma: 'gamma',
  labelSmoothing: 'label smoothing',
  dropout: 'dropout',
  auxiliary: 'the auxiliary head',
};

/** Whether transfer moves, and by more than the source: in the direction of its mean, so that noise has no size. */
function movesMore(transfer: Effect['transfer'][number], source: NonNullable<Effect['source']>): boolean {
  if (transfer.adjustedP === null || transfer.adjustedP >= ALPHA) return false;
  const direction = Math.sign(transfer.logitDifference);
  const excess = transfer.datasets.map(
    ({ logitDifference }) => direction * logitDifference - Math.abs(source.logitDifference),
  );
  return (meanDifference(excess).interval?.low ?? 0) > 0;
}

/** Standard error of the difference of two source accuracies; infinite where the number of images is not known. */
function samplingError({ variants }: Regularisation, { pairs }: Effect): number {
  const errors = pairs.map(({ on, off }) => {
    const sources = [on, off].map((name) => variants.find(({ model }) => model === name)?.source);
    const variance = sources.map((s) => (s?.images ? (s.value * (1 - s.value)) / s.images : Infinity));
    return Math.sqrt(variance[0] + variance[1]);
  });
  return mean(errors);
}

function finetuneEvidence({ regularisation }: Unjudged): Evidence {
  if (!regularisation) return noEvidence(NO_EXPERIMENT);
  const effects = RECOMMENDED.flatMap(({ name }) => {
    const effect = effectOf(regularisation.effects, name);
    const [fixed, finetune] = (['fixed', 'finetune'] as const).map((setting) =>
      effect?.transfer.find((transfer) => transfer.setting === setting),
    );
    return (fixed?.datasets ?? []).flatMap(({ dataset, logitDifference }) => {
      const other = finetune?.datasets.find((d) => d.dataset === dataset);
      return other
        ? { dataset, fixed: Math.abs(logitDifference), finetune: Math.abs(other.logitDifference) }
        : [];
    });
  });
  const datasets = [...new Set(effects.map(({ dataset }) => dataset))];
  if (datasets.length === 0)
    return noEvidence('No switch has results both with fixed features and fine-tuned.');
  const perDataset = datasets.map((dataset) => {
    const own = effects.filter((effect) => effect.dataset === dataset);
    return { fixed: mean(own.map((e) => e.fixed)), finetune: mean(own.map((e) => e.finetune)) };
  });
  const { n, mean: value, interval } = meanDifference(perDataset.map((d) => d.fixed - d.finetune));
  const [fixed, finetune] = [mean(perDataset.map((d) => d.fixed)), mean(perDataset.map((d) => d.finetune))];
  return {
    study: `${decimal(fixed)} logits with fixed features, ${decimal(finetune)} fine-tuned; difference ${signed(value)}${rangeText(interval)}`,
    value,
    interval,
    n,
    ...judge(interval, { side: 'above' }),
  };
}
