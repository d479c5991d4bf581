/** Claims on convergence and on the number of images. */
import { mean } from '../../accuracy.ts';
import { countOf, integer } from '../../format.ts';
import { meanDifference } from '../paired.ts';
import type { DatasetSize } from '../schema.ts';
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

/** The largest number of images up to which the paper finds fixed features as good as fine-tuning. */
const FEW_IMAGES = 800;

/** How much worse in logits still counts as comparable: 5 points at an accuracy of one half. */
const COMPARABLE = 0.2;

const NO_SIZES = 'The study has no experiment with the number of images.';

export const EXPERIMENT_CLAIMS: readonly ClaimDefinition[] = [
  {
    id: 'convergence',
    topic: 'Convergence',
    claim: 'A fine-tuned network reaches 90% of its maximum odds in fewer steps than one from scratch.',
    paper: '17 times faster (1,151 against 19,531 steps)',
    unit: 'pairs of curves',
    figure: 'convergence',
    rule:
      'Supported when the 95% interval of the geometric mean of the ratios of steps (t-distribution of their logarithms) ' +
      'lies above 1 and no ratio is known only from above; contradicted when it lies below 1 and none is known only from ' +
      'below. Ratios of which nothing is known are left out.',
    evidence: convergenceEvidence,
  },
  {
    id: 'few-images',
    topic: 'Number of images',
    claim: 'With few images, fixed features are as good as fine-tuning or better.',
    paper: 'up to 47 to 800 images in all',
    unit: 'pairs of curves',
    figure: 'datasetSize',
    rule:
      'At sizes up to 800 images, supported when the 95% interval of the logit accuracy of fixed features minus that of ' +
      'fine-tuning (t-distribution over curves) lies above −0.20, which is 5 points at an accuracy of one half; ' +
      'contradicted when it lies below that.',
    evidence: fewImagesEvidence,
  },
  {
    id: 'many-images',
    topic: 'Number of images',
    claim: 'With more images fine-tuning leads.',
    paper: 'above 800 images',
    unit: 'pairs of curves',
    figure: 'datasetSize',
    rule:
      'At the largest size of each curve that is above 800 images, supported when the 95% interval of the logit accuracy ' +
      'of fine-tuning minus that of fixed features (t-distribution over curves) lies above 0; contradicted when it lies ' +
      'below 0.',
    evidence: manyImagesEvidence,
  },
  {
    id: 'gap-closes',
    topic: 'Number of images',
    claim: 'The lead of fine-tuning over training from scratch shrinks as images are added.',
    paper: 'the gap closes',
    unit: 'pairs of curves',
    figure: 'datasetSize',
    rule:
      'Supported when the 95% interval of the change of the gap in logits per tenfold number of images (t-distribution ' +
      'over curves) lies below 0; contradicted when it lies above 0.',
    evidence: gapEvidence,
  },
];

function convergenceEvidence({ convergence }: Unjudged): Evidence {
  if (!convergence) return noEvidence('The study has no experiment with the number of steps.');
  const { ratio, ratios } = convergence;
  if (!ratio) {
    return noEvidence(
      'No network was run fine-tuned and from scratch with budgets that show when it converges.',
    );
  }
  const boundsOf = (kind: 'at least' | 'at most') => ratios.filter(({ bound }) => bound === kind).length;
  const [lower, upper] = [boundsOf('at least'), boundsOf('at most')];
  const note = lower + upper > 0 ? `; ${lower + upper} of ${ratio.n} only bounds` : '';
  const { verdict, reason } = judge(ratio.interval, { side: 'above', border: 1 });
  const against = verdict === 'supported' ? upper : verdict === 'contradicted' ? lower : 0;
  return {
    study: `${decimal(ratio.value)} times${rangeText(ratio.interval)}, ${countOf(ratio.n, 'pair of curves', 'pairs of curves')}${note}`,
    value: ratio.value,
    interval: ratio.interval,
    n: ratio.n,
    verdict: against > 0 ? 'not enough data' : verdict,
    reason:
      against > 0
        ? `${reason} But ${countOf(against, 'ratio')} may be ${verdict === 'supported' ? 'smaller' : 'larger'}.`
        : reason,
  };
}

function fineTuningOverFixed(sizes: DatasetSize): DatasetSize['comparisons'] {
  return sizes.comparisons.filter(({ a, b }) => a === 'finetune' && b === 'fixed');
}

function fewImagesEvidence({ datasetSize }: Unjudged): Evidence {
  if (!datasetSize) return noEvidence(NO_SIZES);
  const curves = fineTuningOverFixed(datasetSize);
  const differences = curves.flatMap(({ points }) => {
    const few = points.filter(({ images }) => images <= FEW_IMAGES);
    return few.length === 0 ? [] : -mean(few.map(({ logitDifference }) => logitDifference));
  });
  if (differences.length === 0) return noEvidence('No size of up to 800 images has both settings.');
  const { n, mean: value, interval } = meanDifference(differences);
  return {
    study: `${signed(value)} logits${rangeText(interval)}; ${crossingText(curves)}`,
    value,
    interval,
    n,
    ...judge(interval, { side: 'above', border: -COMPARABLE }),
  };
}

/** Where fine-tuning overtakes. */
function crossingText(curves: DatasetSize['comparisons']): string {
  const at = curves.flatMap(({ crossing }) => crossing?.at ?? []);
  if (at.length > 0) {
    const [least, most] = [Math.min(...at), Math.max(...at)].map(integer);
    const where = least === most ? `at ${least}` : `at ${least} to ${most}`;
    return `fine-tuning overtakes ${where} images in ${at.length} of ${countOf(curves.length, 'curve')}`;
  }
  const always = curves.filter(({ crossing }) => crossing?.kind === 'always').length;
  return `fine-tuning leads at all sizes in ${always} of ${countOf(curves.length, 'curve')}`;
}

function manyImagesEvidence({ datasetSize }: Unjudged): Evidence {
  if (!datasetSize) return noEvidence(NO_SIZES);
  const largest = fineTuningOverFixed(datasetSize).flatMap(({ points }) => {
    const last = points[points.length - 1];
    return last.images > FEW_IMAGES ? last : [];
  });
  if (largest.length === 0) return noEvidence('No size above 800 images has both settings.');
  const { n, mean: value, interval } = meanDifference(largest.map(({ logitDifference }) => logitDifference));
  const sizes = largest.map(({ images }) => images);
  return {
    study: `${signed(value)} logits${rangeText(interval)} at ${integer(Math.min(...sizes))} images or more`,
    value,
    interval,
    n,
    ...judge(interval, { side: 'above' }),
  };
}

function gapEvidence({ datasetSize }: Unjudged): Evidence {
  if (!datasetSize) return noEvidence(NO_SIZES);
  const { gap } = datasetSize;
  if (!gap) return noEvidence('No curve has fine-tuning and training from scratch at two sizes.');
  return {
    study: `${signed(gap.perTenfold)} logits per tenfold number of images${rangeText(gap.interval)}`,
    value: gap.perTenfold,
    interval: gap.interval,
    n: gap.n,
    ...judge(gap.interval, { side: 'below' }),
  };
}
