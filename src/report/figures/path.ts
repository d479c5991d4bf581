/** Figure: validation accuracy of fixed features against the strength of the penalty, the chosen one marked. */
import * as Plot from '@observablehq/plot';
import type { FinishedCell } from '../../store/records.ts';
import type { Markup } from '../markup.ts';
import { draw, modelColor, percentTick } from './draw.ts';

interface PathPoint {
  readonly lambda: number;
  readonly validation: number;
}

export interface RegularisationPath {
  readonly model: string;
  readonly color: string;
  /** By ascending lambda; trials without a measurement are left out. */
  readonly points: readonly PathPoint[];
  readonly chosen: PathPoint | null;
}

/** One path for each cell that searched over `lambda`. */
export function regularisationPaths(
  cells: readonly FinishedCell[],
  models: readonly string[],
): RegularisationPath[] {
  return cells
    .map(({ cell, result }) => {
      const points = result.trials
        .flatMap(({ hyperparameters: { lambda }, validation }) =>
          lambda > 0 && validation !== null ? [{ lambda, validation }] : [],
        )
        .sort((a, b) => a.lambda - b.lambda);
      const chosen = points.find(({ lambda }) => lambda === result.hyperparameters.lambda) ?? null;
      return { model: cell.model, color: modelColor(models.indexOf(cell.model)), points, chosen };
    })
    .filter(({ points }) => points.length > 1);
}

export function drawPaths(paths: readonly RegularisationPath[], width: number): Markup {
  return draw('Validation accuracy by strength of the penalty', {
    width,
    height: 240,
    marginLeft: 48,
    marginRight: 16,
    marginBottom: 40,
    marginTop: 28,
    x: {
      type: 'log',
      label: 'penalty λ (log scale)',
      labelAnchor: 'center',
      labelArrow: 'none',
      labelOffset: 34,
      ticks: 5,
      tickFormat: (value: number) => powerOfTen(value),
    },
    y: {
      label: 'validation accuracy (%)',
      labelArrow: 'none',
      grid: true,
      ticks: 5,
      nice: true,
      tickFormat: percentTick,
    },
    marks: paths.flatMap(({ points, color, chosen }) => [
      Plot.line(points, { x: 'lambda', y: 'validation', stroke: color, strokeWidth: 1.75 }),
      Plot.dot(points, { x: 'lambda', y: 'validation', fill: color, r: 1.75 }),
      Plot.dot(chosen ? [chosen] : [], {
        x: 'lambda',
        y: 'validation',
        stroke: color,
        fill: 'var(--surface)',
        strokeWidth: 2.5,
        r: 5,
      }),
    ]),
  });
}

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** `0.001` is `10⁻³`. */
function powerOfTen(value: number): string {
  const exponent = Math.round(Math.log10(value));
  const digits = [...String(Math.abs(exponent))].map((digit) => SUPERSCRIPTS[Number(digit)]).join('');
  return `10${exponent < 0 ? '⁻' : ''}${digits}`;
}
