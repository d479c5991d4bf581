/** How numbers are written for people: shares, differences, times, p-values, counts. */
import type { MetricName, Setting } from '../store/records.ts';

/** `0.9123` is `91.2%`. */
export function percent(share: number, digits = 1): string {
  return `${(100 * share).toFixed(digits)}%`;
}

/** A difference of shares in percentage points, with its sign: `-0.031` is `−3.1`. */
export function points(difference: number): string {
  const text = Math.abs(100 * difference).toFixed(1);
  if (text === '0.0') return '0.0';
  return (difference < 0 ? '−' : '+') + text;
}

/** `95.2` seconds is `1.6 min`. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${trimmed(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${trimmed(seconds / 3600)} h`;
  return `${trimmed(seconds / 86400)} days`;
}

function trimmed(value: number): string {
  return value < 9.95 ? value.toFixed(1) : String(Math.round(value));
}

/** `Runs waited for images 0.3% of their time, and decoding or reading them took 1.2%.` */
export function waitingSentence({
  seconds,
  preparing,
  waiting,
}: {
  readonly seconds: number;
  readonly preparing: number;
  readonly waiting: number;
}): string {
  const [waited, prepared] = [percent(waiting / seconds), percent(preparing / seconds)];
  return `Runs waited for images ${waited} of their time, and decoding or reading them took ${prepared}.`;
}

/** `p = 0.031`, or `p < 0.001`. */
export function pValueText(p: number): string {
  if (p < 0.001) return 'p < 0.001';
  return `p = ${p.toFixed(p < 0.1 ? 3 : 2)}`;
}

/** p-value of a test against the best, and where its networks are ranked the other way round, that they are. */
export function testText({
  adjustedP,
  testedDifference,
}: {
  readonly adjustedP: number;
  readonly testedDifference: number;
}): string {
  const p = pValueText(adjustedP);
  return testedDifference > 0 ? `ahead in the paired test, ${p}` : p;
}

/** `1 image`, `2,040 images`. */
export function countOf(n: number, noun: string, plural = `${noun}s`): string {
  return `${integer(n)} ${n === 1 ? noun : plural}`;
}

/** `2,040`. */
export function integer(n: number): string {
  return Math.round(n).toLocaleString('en-US');
}

/** 23,508,032 weights are `23.5 M`. */
export function millions(n: number): string {
  return n < 1e5 ? integer(n) : `${(n / 1e6).toFixed(n < 1e7 ? 2 : 1)} M`;
}

/** A hyper-parameter: `0.01`, `3.2e-5`. */
export function setpoint(value: number): string {
  const rounded = Number(value.toPrecision(2));
  if (rounded === 0 || (Math.abs(rounded) >= 1e-3 && Math.abs(rounded) < 1e4)) return String(rounded);
  return rounded.toExponential().replace('e+', 'e');
}

export const SETTING_NAMES: Readonly<Record<Setting, string>> = {
  fixed: 'fixed features',
  finetune: 'fine-tuned',
  scratch: 'from scratch',
};

export const METRIC_NAMES: Readonly<Record<MetricName, string>> = {
  top1: 'test images right',
  meanPerClass: 'mean per-class accuracy',
  meanAveragePrecision: 'mean average precision (11-point)',
};

export function candidateName(candidate: { readonly model: string; readonly setting: Setting }): string {
  return `${candidate.model} ${SETTING_NAMES[candidate.setting]}`;
}

/** `a`, `a and b`, `a, b and c`; from `most` on the rest is counted. */
export function listed(names: readonly string[], most = 4): string {
  const shown =
    names.length > most ? [...names.slice(0, most - 1), `${names.length - most + 1} more`] : names;
  if (shown.length < 2) return shown.join('');
  return `${shown.slice(0, -1).join(', ')} and ${shown[shown.length - 1]}`;
}
