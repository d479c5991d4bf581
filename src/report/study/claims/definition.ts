/** What a claim of a paper is: words, the paper's value, a rule, and a function from a study's document to evidence. */
import type { Claim, StudyDocument } from '../schema.ts';

/** A document before its claims are judged. */
export type Unjudged = Omit<StudyDocument, 'claims' | 'verdict'>;

type Interval = Claim['interval'];

/** This study's part of a claim. */
export type Evidence = Pick<Claim, 'study' | 'value' | 'interval' | 'n' | 'verdict' | 'reason'>;

export interface ClaimDefinition
  extends Pick<Claim, 'id' | 'topic' | 'claim' | 'paper' | 'unit' | 'rule' | 'figure'> {
  /** @param fineGrained names of data sets whose classes are kinds of one thing */
  readonly evidence: (document: Unjudged, fineGrained: readonly string[]) => Evidence;
}

/** On which side of which borders an interval has to lie. */
export interface Rule {
  /** The side on which the claim says that the value lies. */
  readonly side: 'above' | 'below';
  /** Supported when the interval lies wholly on that side of this; default 0. */
  readonly border?: number;
  /** Contradicted when it lies wholly on the other side of this and does not support; default `border`. */
  readonly opposite?: number;
}

/** The verdict of an interval, with the reason. Without an interval there is not enough data. */
export function judge(
  interval: Interval,
  { side, border = 0, opposite = border }: Rule,
): Pick<Claim, 'verdict' | 'reason'> {
  if (!interval) return { verdict: 'not enough data', reason: 'So few have no interval.' };
  const [least, most] = [decimal(interval.low), decimal(interval.high)];
  const said = `The 95% interval, ${least} to ${most},`;
  const other = side === 'above' ? 'below' : 'above';
  if (lies(interval, side, border)) {
    return { verdict: 'supported', reason: `${said} lies ${side} ${decimal(border)}.` };
  }
  if (lies(interval, other, opposite)) {
    return { verdict: 'contradicted', reason: `${said} lies ${other} ${decimal(opposite)}.` };
  }
  return { verdict: 'not enough data', reason: `${said} does not lie on one side of ${decimal(border)}.` };
}

function lies({ low, high }: NonNullable<Interval>, side: 'above' | 'below', border: number): boolean {
  return side === 'above' ? low > border : high < border;
}

/** Where the study has nothing to say on a claim. */
export function noEvidence(reason: string): Evidence {
  return { study: null, value: null, interval: null, n: 0, verdict: 'not enough data', reason };
}

/** `0.93`, `−0.04`. */
export function decimal(value: number): string {
  const text = Math.abs(value).toFixed(2);
  return value < 0 && text !== '0.00' ? `−${text}` : text;
}

/** `+0.21`, `−0.04`. */
export function signed(value: number): string {
  return value > 0 ? `+${decimal(value)}` : decimal(value);
}

/** ` (0.65 to 0.99)`, or nothing. */
export function rangeText(interval: Interval, text: (value: number) => string = decimal): string {
  return interval ? ` (${text(interval.low)} to ${text(interval.high)})` : '';
}

/** `0.93`; close to 1 with a digit more and cut off, because only 1 is 1: `0.998`. */
export function coefficientText(r: number): string {
  const size = Math.abs(r);
  if (size < 0.995 || size === 1) return decimal(r);
  return `${r < 0 ? '−' : ''}${(Math.floor(size * 1000) / 1000).toFixed(3)}`;
}
