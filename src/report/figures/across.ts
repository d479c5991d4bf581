/** Figure: adjusted logit scores of candidates over several data sets, with Morey's error bars. */
import * as Plot from '@observablehq/plot';
import { percent, SETTING_NAMES } from '../format.ts';
import type { Markup } from '../markup.ts';
import type { AcrossDatasets } from '../schema.ts';
import { COLORS, draw, shortened } from './draw.ts';

export interface AcrossRow {
  readonly name: string;
  readonly score: number;
  /** One standard error to either side; the score itself where it has none. */
  readonly low: number;
  readonly high: number;
  readonly accuracy: number;
  readonly tied: boolean;
}

export function acrossRows({ candidates }: AcrossDatasets): AcrossRow[] {
  return candidates.map(({ model, setting, score, standardError, accuracy, tied }) => ({
    name: `${shortened(model, 28)} ${SETTING_NAMES[setting]}`,
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
  return draw('Adjusted logit scores over data sets, with one standard error', {
    width,
    height: 56 + rows.length * 40,
    marginLeft: 8,
    marginRight: 20,
    marginTop: 8,
    marginBottom: 44,
    x: { label: null, grid: true, ticks: width < 400 ? 5 : 8, nice: true },
    y: { axis: null, domain: [-0.75, rows.length - 0.5], reverse: true },
    marks: [
      Plot.ruleX([0], { stroke: COLORS.muted }),
      Plot.ruleY(rows, { y, x1: 'low', x2: 'high', stroke: color, strokeWidth: 2.5, strokeLinecap: 'round' }),
      Plot.dot(rows, { y, x: 'score', r: 5, fill: color, stroke: 'var(--surface)', strokeWidth: 1.5 }),
      Plot.text(rows, {
        y,
        frameAnchor: 'left',
        textAnchor: 'start',
        dy: -16,
        fill: COLORS.ink,
        stroke: 'var(--surface)',
        strokeWidth: 4,
        text: 'name',
      }),
      Plot.text(rows, {
        y,
        frameAnchor: 'right',
        textAnchor: 'end',
        dy: -16,
        dx: 14,
        fill: color,
        stroke: 'var(--surface)',
        strokeWidth: 4,
        fontWeight: 600,
        text: (row: AcrossRow) => percent(row.accuracy),
      }),
      Plot.axisX({
        label: 'adjusted score (logits; 0 is the mean of all candidates)',
        labelAnchor: 'center',
        labelArrow: 'none',
        ticks: [],
        labelOffset: 36,
      }),
    ],
  });
}
