/** Figure: adjusted logit scores of candidates over several data sets, with Morey's error bars. */
import * as Plot from '@observablehq/plot';
import { percent, SETTING_NAMES } from '../format.ts';
import type { Markup } from '../markup.ts';
import type { AcrossDatasets } from '../schema.ts';
import { COLORS } from './draw.ts';
import { drawRows } from './rows.ts';

export interface AcrossRow {
  readonly model: string;
  readonly setting: string;
  readonly score: number;
  /** One standard error to either side; the score itself where it has none. */
  readonly low: number;
  readonly high: number;
  readonly accuracy: number;
  readonly tied: boolean;
}

export function acrossRows({ candidates }: AcrossDatasets): AcrossRow[] {
  return candidates.map(({ model, setting, score, standardError, accuracy, tied }) => ({
    model,
    setting: SETTING_NAMES[setting],
    score,
    low: score - (standardError ?? 0),
    high: score + (standardError ?? 0),
    accuracy,
    tied,
  }));
}

export function drawAcross(rows: readonly AcrossRow[], width: number): Markup {
  const y = (_: AcrossRow, i: number) => i;
  const color = (row: AcrossRow) => (row.tied ? COLORS.good : COLORS.muted);
  return drawRows({
    description: 'Adjusted logit scores over data sets, with one standard error',
    width,
    rows: rows.map((row) => ({
      name: row.model,
      setting: row.setting,
      number: percent(row.accuracy),
      color: color(row),
    })),
    axis: 'adjusted score (logits above the mean)',
    x: { nice: true },
    marks: [
      Plot.ruleX([0], { stroke: COLORS.muted, strokeOpacity: 0.6 }),
      Plot.ruleY(rows, { y, x1: 'low', x2: 'high', stroke: color, strokeWidth: 2.5, strokeLinecap: 'round' }),
      Plot.dot(rows, { y, x: 'score', r: 5, fill: color, stroke: 'var(--surface)', strokeWidth: 1.5 }),
    ],
  });
}
