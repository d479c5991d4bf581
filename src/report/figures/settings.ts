/** Figure: the three settings side by side for each model of a data set. */
import * as Plot from '@observablehq/plot';
import type { Setting } from '../../store/records.ts';
import { METRIC_NAMES, points } from '../format.ts';
import type { Markup } from '../markup.ts';
import type { Ranking } from '../schema.ts';
import { shareDomain } from './candidates.ts';
import { COLORS, percentTick } from './draw.ts';
import { drawRows } from './rows.ts';

export interface SettingRow {
  readonly model: string;
  /** Metric in 0..1 of each setting that was run. */
  readonly values: Readonly<Partial<Record<Setting, number>>>;
  /** Best pre-trained setting minus scratch; null when either is missing. */
  readonly gain: number | null;
}

/** Models by their best setting, best first. */
export function settingRows(ranking: Ranking): SettingRow[] {
  const models = [...new Set(ranking.candidates.map(({ model }) => model))];
  return models.map((model) => {
    const own = ranking.candidates.filter((candidate) => candidate.model === model);
    const values = Object.fromEntries(own.map(({ setting, test }) => [setting, test.value]));
    const transferred = own.find(({ setting }) => setting !== 'scratch');
    const scratch = own.find(({ setting }) => setting === 'scratch');
    const gain = transferred && scratch ? transferred.test.value - scratch.test.value : null;
    return { model, values, gain };
  });
}

/** Shape and colour of a setting; the legend of the page draws the same. */
export const SETTING_MARKS: Readonly<
  Record<Setting, { readonly symbol: 'square' | 'circle' | 'triangle'; readonly color: string }>
> = {
  fixed: { symbol: 'square', color: 'var(--fixed)' },
  finetune: { symbol: 'circle', color: 'var(--finetune)' },
  scratch: { symbol: 'triangle', color: 'var(--scratch)' },
};

interface Dot {
  readonly row: number;
  readonly setting: Setting;
  readonly value: number;
}

export function drawSettings(rows: readonly SettingRow[], metric: Ranking['metric'], width: number): Markup {
  const dots = rows.flatMap(({ values }, row) =>
    (Object.keys(values) as Setting[]).map((setting): Dot => ({ row, setting, value: values[setting] ?? 0 })),
  );
  const axis = `${METRIC_NAMES[metric]} (%)`;
  return drawRows({
    description: `Fixed features, fine-tuned and from scratch for each network, by ${axis}`,
    width,
    rows: rows.map(({ model, gain }) => ({
      name: model,
      setting: '',
      number: gain === null ? '' : points(gain),
      color: COLORS.muted,
    })),
    axis,
    x: { domain: shareDomain(dots.map(({ value }) => value)), tickFormat: percentTick },
    marks: [
      Plot.ruleY(
        dots,
        Plot.groupY({ x1: 'min', x2: 'max' }, { y: 'row', x: 'value', stroke: COLORS.line, strokeWidth: 3 }),
      ),
      Plot.dot(dots, {
        y: 'row',
        x: 'value',
        r: 6,
        symbol: ({ setting }: Dot) => SETTING_MARKS[setting].symbol,
        fill: ({ setting }: Dot) => SETTING_MARKS[setting].color,
        stroke: 'var(--surface)',
        strokeWidth: 1.5,
      }),
    ],
  });
}
