/** How the figures and parts of a study write numbers and settings. */
import type { MeasurementKind, Setting } from '../../../store/records.ts';
import type { FailedMeasurement } from '../schema.ts';

/** Settings as nouns, for sentences. */
export const SETTING_NOUNS: Readonly<Record<Setting, string>> = {
  fixed: 'fixed features',
  finetune: 'fine-tuning',
  scratch: 'training from scratch',
};

/** What a study measures beside its cells, for sentences. */
const MEASUREMENT_NOUNS: Readonly<Record<MeasurementKind, string>> = {
  pretraining: 'pre-training',
  cost: 'cost',
  scores: 'transferability scores',
  embedding: 'drawing of features',
  panels: 'pictures of what it sees',
};

/** What could not be measured: `resnet18, pre-training on shapes`. */
export function failedMeasurement({ kind, dataset, model, setting }: FailedMeasurement): string {
  const what = MEASUREMENT_NOUNS[kind];
  return kind === 'pretraining'
    ? `${model}, ${what} on ${dataset}`
    : `${model} (${setting}), ${what} on ${dataset}`;
}

/** `-0.312` is `−0.31`, `0.2` is `+0.20`. */
export function signed(value: number, digits = 2): string {
  return (value < 0 ? '−' : '+') + Math.abs(value).toFixed(digits);
}

/** `12,345` is `12k` on an axis. */
export function shortCount(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(2))}M`;
  if (value >= 1000) return `${Number((value / 1000).toPrecision(2))}k`;
  return String(Number(value.toPrecision(3)));
}
