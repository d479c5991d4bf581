/** Figure: which classes the best network mixes up. */
import * as Plot from '@observablehq/plot';
import type { CellResult } from '../../store/records.ts';
import type { Markup } from '../markup.ts';
import { COLORS, draw, shortened } from './draw.ts';

export interface ConfusionCell {
  readonly label: number;
  readonly predicted: number;
  readonly count: number;
  /** Of the images of class `label`. */
  readonly share: number;
}

/** Pairs that occur, the most frequent mistakes first after the right answers. */
export function confusionCells({ predictions }: CellResult): ConfusionCell[] {
  const totals = new Map<number, number>();
  const pairs = new Map<string, { label: number; predicted: number; count: number }>();
  for (const { label, predicted } of predictions) {
    totals.set(label, (totals.get(label) ?? 0) + 1);
    const pair = pairs.get(`${label} ${predicted}`);
    if (pair) pair.count++;
    else pairs.set(`${label} ${predicted}`, { label, predicted, count: 1 });
  }
  return [...pairs.values()]
    .map((pair) => ({ ...pair, share: pair.count / (totals.get(pair.label) ?? 1) }))
    .sort((a, b) => b.count - a.count || a.label - b.label || a.predicted - b.predicted);
}

/** Above this number of classes the matrix cannot be read and the list of mistakes stands alone. */
export const MOST_CLASSES_DRAWN = 30;

export function drawConfusion(
  cells: readonly ConfusionCell[],
  classes: readonly string[],
  width: number,
): Markup {
  const indices = classes.map((_, i) => i);
  const name = (i: number) => shortened(classes[i], 13);
  const margin = 16 + 6.6 * Math.max(...indices.map((i) => [...name(i)].length));
  const side = (width - margin - 22) / classes.length;
  return draw('Confusion matrix: true class by row, predicted class by column', {
    width,
    height: margin + 22 + side * classes.length,
    marginLeft: margin + 14,
    marginRight: 8,
    marginTop: margin + 14,
    marginBottom: 8,
    x: {
      type: 'band',
      domain: indices,
      axis: 'top',
      label: 'predicted class',
      labelAnchor: 'center',
      labelArrow: 'none',
      labelOffset: margin + 8,
      tickFormat: name,
      tickRotate: -90,
      tickSize: 0,
      padding: 0.04,
    },
    y: {
      type: 'band',
      domain: indices,
      label: 'true class',
      labelAnchor: 'center',
      labelArrow: 'none',
      labelOffset: margin + 8,
      tickFormat: name,
      tickSize: 0,
      padding: 0.04,
    },
    opacity: { type: 'identity' },
    marks: [
      Plot.cell(
        indices.flatMap((label) => indices.map((predicted) => ({ label, predicted }))),
        { x: 'predicted', y: 'label', fill: 'var(--wash)', rx: 2 },
      ),
      Plot.cell(cells, {
        x: 'predicted',
        y: 'label',
        rx: 2,
        fill: ({ label, predicted }: ConfusionCell) => (label === predicted ? COLORS.good : COLORS.bad),
        fillOpacity: ({ label, predicted, share }: ConfusionCell) =>
          label === predicted ? 0.1 + 0.5 * share : 0.12 + 0.75 * Math.sqrt(share),
      }),
      Plot.text(side >= 16 ? cells : [], {
        x: 'predicted',
        y: 'label',
        text: 'count',
        fill: COLORS.ink,
        fontSize: 11,
      }),
    ],
  });
}
