/** Figures: the three settings per data set, and how far two of them lie apart with the 95% interval. */
import * as Plot from '@observablehq/plot';
import type { Setting } from '../../../store/records.ts';
import { shareDomain } from '../../figures/candidates.ts';
import { COLORS, percentTick } from '../../figures/draw.ts';
import { drawRows, namesBeside } from '../../figures/rows.ts';
import { SETTING_MARKS } from '../../figures/settings.ts';
import { METRIC_NAMES, percent, points, pValueText, SETTING_NAMES } from '../../format.ts';
import { type Markup, visible } from '../../markup.ts';
import type { SettingPair, SettingsCompared } from '../schema.ts';
import { signed } from './words.ts';

type SettingsOfDataset = SettingsCompared['datasets'][number];

interface SettingDot {
  readonly row: number;
  readonly setting: Setting;
  readonly best: number;
  readonly low: number;
  readonly high: number;
  readonly mean: number;
  readonly title: string;
}

/** Filled: the best network of the setting with its interval; thin line: the mean over networks. */
export function drawSettingsOfDatasets(datasets: readonly SettingsOfDataset[], width: number): Markup {
  const dots = datasets.flatMap(({ dataset, metric, settings }, i) =>
    settings.map(({ setting, best, mean, models }): SettingDot => {
      const { value, low, high } = best.test;
      const title = [
        `${dataset}, ${SETTING_NAMES[setting]}`,
        `best: ${best.model} ${percent(value)} (${(100 * low).toFixed(1)} – ${(100 * high).toFixed(1)})`,
        `mean of ${models} networks: ${percent(mean)}`,
        METRIC_NAMES[metric],
      ];
      const row = i + offsetOf(setting, width);
      return { row, setting, best: value, low, high, mean, title: visible(title.join('\n')) };
    }),
  );
  const color = ({ setting }: SettingDot) => SETTING_MARKS[setting].color;
  return drawRows({
    description: 'Fixed features, fine-tuned and from scratch on each data set',
    width,
    rows: datasets.map(({ dataset, settings }) => ({
      name: dataset,
      setting: '',
      number: percent(Math.max(0, ...settings.map(({ best }) => best.test.value))),
      color: COLORS.muted,
    })),
    axis: 'test metric (%)',
    extraHeight: EXTRA_HEIGHT,
    x: {
      domain: shareDomain(dots.flatMap(({ low, high, mean }) => [low, high, mean])),
      tickFormat: percentTick,
      insetRight: 6,
    },
    marks: [
      Plot.ruleY(datasets.slice(1), { y: (_: unknown, i: number) => i + 0.5, stroke: COLORS.line }),
      Plot.ruleX(dots, {
        x: 'mean',
        y1: ({ row }: SettingDot) => row - 0.13,
        y2: ({ row }: SettingDot) => row + 0.13,
        stroke: color,
        strokeWidth: 2,
      }),
      Plot.ruleY(dots, { y: 'row', x1: 'low', x2: 'high', stroke: color, strokeWidth: 2 }),
      Plot.dot(dots, {
        y: 'row',
        x: 'best',
        r: 5,
        symbol: ({ setting }: SettingDot) => SETTING_MARKS[setting].symbol,
        fill: color,
        stroke: 'var(--surface)',
        strokeWidth: 1,
        title: 'title',
      }),
    ],
  });
}

/** More height for rows with a mark of each setting, in pixels. */
export const EXTRA_HEIGHT = 12;

/** Settings of a row stand above each other, in parts of its height; on a phone below the row's name. */
export function offsetOf(setting: Setting, width: number): number {
  const place = { fixed: -1, finetune: 0, scratch: 1 }[setting];
  return namesBeside(width) ? 0.27 * place : 0.12 + 0.21 * place;
}

export interface PairRow {
  readonly name: string;
  readonly pair: SettingPair;
}

/** Differences of one pair of settings, per data set and over all; green where the first is better, red where worse. */
export function drawPairs(rows: readonly PairRow[], description: string, width: number): Markup {
  const marks = rows.map(({ name, pair }) => ({
    value: pair.logitDifference,
    low: pair.interval?.low ?? pair.logitDifference,
    high: pair.interval?.high ?? pair.logitDifference,
    color: pairColor(pair),
    title: visible(pairTitle(name, pair)),
  }));
  const y = (_: unknown, i: number) => i;
  return drawRows({
    description,
    width,
    rows: rows.map(({ name, pair }, i) => ({
      name,
      setting: '',
      number: points(pair.difference),
      color: marks[i].color,
    })),
    axis: 'difference (logits)',
    x: { nice: true },
    marks: [
      Plot.ruleX([0], { stroke: COLORS.muted, strokeOpacity: 0.6 }),
      Plot.ruleY(marks, {
        y,
        x1: 'low',
        x2: 'high',
        stroke: 'color',
        strokeWidth: 2.5,
        strokeLinecap: 'round',
      }),
      Plot.dot(marks, {
        y,
        x: 'value',
        r: 5,
        fill: 'color',
        stroke: 'var(--surface)',
        strokeWidth: 1.5,
        title: 'title',
      }),
    ],
  });
}

function pairColor({ interval, logitDifference }: SettingPair): string {
  if (!interval || (interval.low <= 0 && interval.high >= 0)) return COLORS.muted;
  return logitDifference > 0 ? COLORS.good : COLORS.bad;
}

function pairTitle(
  name: string,
  { a, b, n, difference, logitDifference, interval, pValue }: SettingPair,
): string {
  return [
    name,
    `${SETTING_NAMES[a]} minus ${SETTING_NAMES[b]}: ${points(difference)} points`,
    `${signed(logitDifference)} logits${interval ? ` (${signed(interval.low)} to ${signed(interval.high)})` : ''}`,
    `${n} pairs${pValue === null ? '' : `, ${pValueText(pValue)}`}`,
  ].join('\n');
}
