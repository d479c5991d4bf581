/** Figure: the candidates of a data set as dots with 95% intervals, the best and its ties in green. */
import * as Plot from '@observablehq/plot';
import { METRIC_NAMES, percent, SETTING_NAMES } from '../format.ts';
import type { Markup } from '../markup.ts';
import type { Ranking } from '../schema.ts';
import { COLORS, percentTick } from './draw.ts';
import { drawRows } from './rows.ts';

interface CandidateRow {
  readonly model: string;
  readonly setting: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly tied: boolean;
}

export interface CandidateFigure {
  readonly rows: readonly CandidateRow[];
  /** Accuracy axis, wide enough for every interval. */
  readonly domain: readonly [number, number];
  /** Always answering the most frequent class; null where it lies outside the axis. */
  readonly baseline: number | null;
  readonly axis: string;
}

export function candidateFigure(ranking: Ranking): CandidateFigure {
  const rows = ranking.candidates.map(({ model, setting, test, tied }) => ({
    model,
    setting: SETTING_NAMES[setting],
    ...test,
    tied,
  }));
  const domain = shareDomain(rows.flatMap(({ low, high }) => [low, high]));
  const shown = ranking.baseline !== null && ranking.baseline >= domain[0];
  return {
    rows,
    domain,
    baseline: shown ? ranking.baseline : null,
    axis: `${METRIC_NAMES[ranking.metric]} (%)`,
  };
}

/** From a multiple of 5% below the values to one above, within 0..1. */
export function shareDomain(values: readonly number[]): [number, number] {
  const low = Math.floor(Math.min(...values) * 20 - 0.2) / 20;
  const high = Math.ceil(Math.max(...values) * 20 + 0.2) / 20;
  return [Math.max(0, low), Math.min(1, high)];
}

export function drawCandidates({ rows, domain, baseline, axis }: CandidateFigure, width: number): Markup {
  const y = (_: CandidateRow, i: number) => i;
  const color = (row: CandidateRow) => (row.tied ? COLORS.good : COLORS.muted);
  return drawRows({
    description: `Candidates by ${axis}, with 95% intervals`,
    width,
    rows: rows.map((row) => ({
      name: row.model,
      setting: row.setting,
      number: percent(row.value),
      color: color(row),
    })),
    axis,
    x: { domain: [...domain], tickFormat: percentTick },
    marks: [
      Plot.ruleX(rows.slice(0, 1), { x: 'value', stroke: COLORS.good, strokeDasharray: '2,4' }),
      Plot.ruleX(baseline === null ? [] : [baseline], { stroke: COLORS.bad, strokeDasharray: '4,3' }),
      Plot.ruleY(rows, { y, x1: 'low', x2: 'high', stroke: color, strokeWidth: 2.5, strokeLinecap: 'round' }),
      Plot.dot(rows, { y, x: 'value', r: 5, fill: color, stroke: 'var(--surface)', strokeWidth: 1.5 }),
    ],
  });
}
