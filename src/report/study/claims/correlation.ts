/** Claims on source accuracy and transfer: the paper's figures 1 and 2. */
import type { Setting } from '../../../store/records.ts';
import { countOf } from '../../format.ts';
import { meanCorrelation } from '../paired.ts';
import type { CorrelationSummary, Figure1Panel } from '../schema.ts';
import {
  type ClaimDefinition,
  coefficientText,
  decimal,
  type Evidence,
  judge,
  noEvidence,
  rangeText,
  type Unjudged,
} from './definition.ts';

const TOPIC = 'Better source networks';

/** A correlation that is as strong as the paper's is not below this. */
const STRONG = 0.5;

const STRONG_RULE =
  "Supported when the 95% interval of r (Fisher's, networks taken for independent) lies above 0; contradicted when it " +
  'does not and lies below 0.50: what relation there may be is then weak.';

export const CORRELATION_CLAIMS: readonly ClaimDefinition[] = [
  {
    id: 'r-fixed',
    topic: TOPIC,
    claim: 'With fixed features, networks that are better on the source transfer better.',
    paper: 'r = .99',
    unit: 'networks',
    figure: 'figure1',
    rule: STRONG_RULE,
    evidence: (document) => correlationEvidence(panelOf(document, 'fixed'), 0.99, STRONG),
  },
  {
    id: 'r-finetune',
    topic: TOPIC,
    claim: 'Fine-tuned, networks that are better on the source transfer better.',
    paper: 'r = .96',
    unit: 'networks',
    figure: 'figure1',
    rule: STRONG_RULE,
    evidence: (document) => correlationEvidence(panelOf(document, 'finetune'), 0.96, STRONG),
  },
  {
    id: 'r-scratch',
    topic: TOPIC,
    claim: 'Even trained from scratch, the better architectures are better.',
    paper: 'r = .55',
    unit: 'networks',
    figure: 'figure1',
    rule: "Supported when the 95% interval of r (Fisher's) lies above 0; contradicted when it lies below 0.",
    evidence: (document) => correlationEvidence(panelOf(document, 'scratch'), 0.55, 0),
  },
  {
    id: 'r-scratch-weaker',
    topic: TOPIC,
    claim: 'From scratch the relation to source accuracy is weaker than with pre-trained weights.',
    paper: 'r = .55 against .96',
    unit: 'networks',
    figure: 'figure1',
    rule:
      'Supported when the 95% interval of r from scratch lies below that of r fine-tuned; contradicted when it lies ' +
      'above it. (Intervals that overlap decide nothing.)',
    evidence: (document) =>
      apart(
        { name: 'from scratch', r: panelOf(document, 'scratch')?.pearson ?? null },
        { name: 'fine-tuned', r: panelOf(document, 'finetune')?.pearson ?? null },
      ),
  },
  {
    id: 'r-scratch-large',
    topic: TOPIC,
    claim:
      'From scratch on data sets of 10,000 training images or more, the better architectures are better.',
    paper: 'r = .86 (5 data sets)',
    unit: 'networks',
    figure: 'figure1',
    rule: STRONG_RULE,
    evidence: (document) => {
      const group = groupOf(document, 'large');
      if (!group || group.datasets.length === 0)
        return noEvidence('No data set here has 10,000 training images.');
      return correlationEvidence(group, 0.86, STRONG);
    },
  },
  {
    id: 'r-scratch-size',
    topic: TOPIC,
    claim: 'From scratch on smaller data sets, the relation is weaker than on large ones.',
    paper: 'r = .29 (7 data sets) against .86',
    unit: 'networks',
    figure: 'figure1',
    rule:
      'Supported when the 95% interval of r on data sets below 10,000 training images lies below that of the larger ' +
      'ones; contradicted when it lies above it.',
    evidence: (document) =>
      apart(
        { name: 'on small data sets', r: groupOf(document, 'small')?.pearson ?? null },
        { name: 'on large ones', r: groupOf(document, 'large')?.pearson ?? null },
      ),
  },
  {
    id: 'r-per-dataset',
    topic: TOPIC,
    claim: 'With fixed features, the relation holds on each data set, not only on average.',
    paper: 'shown for each of 12 data sets (figure 2)',
    unit: 'data sets',
    figure: 'figure1',
    rule:
      'Supported when the 95% interval of the mean r of single data sets (t-distribution over data sets) lies above 0 and ' +
      'r is above 0 on every one of them; contradicted when that interval lies below 0.',
    evidence: perDatasetEvidence,
  },
];

function panelOf(document: Unjudged, setting: Setting): Figure1Panel | undefined {
  return document.figure1.find((panel) => panel.setting === setting);
}

function groupOf(document: Unjudged, group: 'small' | 'large') {
  return panelOf(document, 'scratch')?.bySize.find((part) => part.group === group);
}

function correlationEvidence(
  panel: { readonly pearson: CorrelationSummary; readonly datasets: readonly string[] } | undefined,
  paper: number,
  opposite: number,
): Evidence {
  if (!panel) return noEvidence('No network has a result in this setting.');
  const { pearson, datasets } = panel;
  if (!pearson)
    return noEvidence(
      'Fewer than three networks have both a source accuracy and a result on every data set.',
    );
  const { coefficient, interval, n } = pearson;
  const { verdict, reason } = judge(interval, { side: 'above', opposite });
  const outside = interval && (paper < interval.low || paper > interval.high);
  return {
    study: `r = ${coefficientText(coefficient)}${rangeText(interval, coefficientText)}, ${countOf(n, 'network')} on ${countOf(datasets.length, 'data set')}`,
    value: coefficient,
    interval,
    n,
    verdict,
    reason: outside ? `${reason} The paper's ${decimal(paper)} lies outside it.` : reason,
  };
}

interface Named {
  readonly name: string;
  readonly r: CorrelationSummary;
}

/** Whether the first correlation is below the second beyond both intervals. */
function apart(first: Named, second: Named): Evidence {
  if (!first.r?.interval || !second.r?.interval) {
    return noEvidence('One of the two correlations has no interval: that takes four networks.');
  }
  const [a, b] = [first.r.interval, second.r.interval];
  const text = ({ name, r }: Named) =>
    `r = ${coefficientText(r?.coefficient ?? 0)}${rangeText(r?.interval ?? null, coefficientText)} ${name}`;
  const verdict = a.high < b.low ? 'supported' : a.low > b.high ? 'contradicted' : 'not enough data';
  return {
    study: `${text(first)}, ${text(second)}`,
    value: first.r.coefficient - second.r.coefficient,
    interval: null,
    n: Math.min(first.r.n, second.r.n),
    verdict,
    reason: verdict === 'not enough data' ? 'The intervals overlap.' : 'The intervals do not overlap.',
  };
}

function perDatasetEvidence({ figure2 }: Unjudged): Evidence {
  const rs = figure2.flatMap(({ setting, pearson }) =>
    setting === 'fixed' && pearson ? pearson.coefficient : [],
  );
  if (rs.length === 0) {
    return noEvidence(
      'No data set has three networks with a source accuracy and a result with fixed features.',
    );
  }
  const { mean, interval, n } = meanCorrelation(rs);
  const positive = rs.filter((r) => r > 0).length;
  const { verdict, reason } = judge(interval, { side: 'above' });
  const exceptions = verdict === 'supported' && positive < n;
  return {
    study: `mean r = ${coefficientText(mean)}${rangeText(interval, coefficientText)}; r > 0 on ${positive} of ${countOf(n, 'data set')}`,
    value: mean,
    interval,
    n,
    verdict: exceptions ? 'not enough data' : verdict,
    reason: exceptions ? `${reason} But r is not above 0 on ${countOf(n - positive, 'data set')}.` : reason,
  };
}
