/** Figure: the three settings side by side for each model of a data set. */
import * as Plot from '@observablehq/plot';
import type { Setting } from '../../store/records.ts';
import { METRIC_NAMES } from '../format.ts';
import type { Markup } from '../markup.ts';
import type { Ranking } from '../schema.ts';
import { shareDomain } from './candidates.ts';
import { COLORS, draw, percentTick, shortened } from './draw.ts';

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

interface Point {
  readonly row: number;
  readonly setting: Setting;
  readonly value: number;
}

export function drawSettings(rows: readonly SettingRow[], metric: Ranking['metric'], width: number): Markup {
  const points = rows.flatMap(({ values }, row) =>
    (Object.keys(values) as Setting[]).map(
      (setting): Point => ({ row, setting, value: values[setting] ?? 0 }),
    ),
  );
  const axis = `${METRIC_NAMES[metric]} (%)`;
  return draw(`Fixed features, fine-tuned and from scratch for each network, by ${axis}`, {
    width,
    height: 56 + rows.length * 44,
    marginLeft: 8,
    marginRight: 20,
    marginTop: 8,
    marginBottom: 44,
    x: {
      domain: shareDomain(points.map(({ value }) => value)),
      tickFormat: percentTick,
      ticks: width < 400 ? 5 : 8,
      grid: true,
      label: null,
    },
    y: { axis: null, domain: [-0.75, rows.length - 0.5], reverse: true },
    symbol: { type: 'identity' },
    marks: [
      Plot.ruleY(
        points,
        Plot.groupY({ x1: 'min', x2: 'max' }, { y: 'row', x: 'value', stroke: COLORS.line, strokeWidth: 3 }),
      ),
      Plot.dot(points, {
        y: 'row',
        x: 'value',
        r: 6,
        symbol: (point: Point) => SETTING_MARKS[point.setting].symbol,
        fill: (point: Point) => SETTING_MARKS[point.setting].color,
        stroke: 'var(--surface)',
        strokeWidth: 1.5,
      }),
      Plot.text(rows, {
        y: (_: SettingRow, i: number) => i,
        frameAnchor: 'left',
        textAnchor: 'start',
        dy: -17,
        fill: COLORS.ink,
        stroke: 'var(--surface)',
        strokeWidth: 4,
        text: (row: SettingRow) => shortened(row.model, 40),
      }),
      Plot.axisX({ label: axis, labelAnchor: 'center', labelArrow: 'none', ticks: [], labelOffset: 36 }),
    ],
  });
}
