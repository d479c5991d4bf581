/** Figures: training loss and training accuracy of chosen runs by step. */
import * as Plot from '@observablehq/plot';
import type { CurvePoint, FinishedCell, Setting } from '../../store/records.ts';
import type { Markup } from '../markup.ts';
import { draw, modelColor, percentTick } from './draw.ts';

export interface CurveLine {
  readonly model: string;
  readonly setting: Setting;
  readonly color: string;
  readonly points: readonly CurvePoint[];
}

/** More points than this cannot be seen at the size of the figure. */
const MOST_POINTS = 160;

/** The runs that have a curve, with a colour per model. */
export function curveLines(cells: readonly FinishedCell[], models: readonly string[]): CurveLine[] {
  return cells
    .filter(({ result }) => result.curve.length > 0)
    .map(({ cell, result }) => ({
      model: cell.model,
      setting: cell.setting,
      color: modelColor(models.indexOf(cell.model)),
      points: thinned(result.curve),
    }));
}

/** Neighbouring points are averaged until at most `MOST_POINTS` remain; each stands at its last step. */
function thinned(curve: readonly CurvePoint[]): CurvePoint[] {
  const size = Math.ceil(curve.length / MOST_POINTS);
  return Array.from({ length: Math.ceil(curve.length / size) }, (_, i) => {
    const bin = curve.slice(i * size, (i + 1) * size);
    const average = (value: (point: CurvePoint) => number) =>
      bin.reduce((sum, point) => sum + value(point), 0) / bin.length;
    return {
      step: bin[bin.length - 1].step,
      loss: average((point) => point.loss),
      trainAccuracy: average((point) => point.trainAccuracy),
      learningRate: average((point) => point.learningRate),
    };
  });
}

export function drawLoss(lines: readonly CurveLine[], width: number): Markup {
  return drawLines(lines, width, {
    value: ({ loss }) => loss,
    axis: { label: 'mean training loss (nats)', zero: true, nice: true, grid: true, ticks: 5 },
  });
}

export function drawTrainAccuracy(lines: readonly CurveLine[], width: number): Markup {
  return drawLines(lines, width, {
    value: ({ trainAccuracy }) => trainAccuracy,
    axis: { label: 'training accuracy (%)', domain: [0, 1], grid: true, ticks: 5, tickFormat: percentTick },
  });
}

interface Quantity {
  readonly value: (point: CurvePoint) => number;
  readonly axis: Plot.ScaleOptions & { readonly label: string };
}

function drawLines(lines: readonly CurveLine[], width: number, { value, axis }: Quantity): Markup {
  return draw(`${axis.label} by training step`, {
    width,
    height: 240,
    marginLeft: 48,
    marginRight: 16,
    marginBottom: 40,
    marginTop: 28,
    x: { label: 'training step', labelAnchor: 'center', labelArrow: 'none', ticks: 4, labelOffset: 34 },
    y: { ...axis, labelArrow: 'none' },
    marks: lines.map(({ points, color, setting }) =>
      Plot.line(points, {
        x: 'step',
        y: value,
        stroke: color,
        strokeWidth: 1.75,
        strokeDasharray: setting === 'scratch' ? '5,4' : undefined,
      }),
    ),
  });
}
