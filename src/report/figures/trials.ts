/** Figure: the grid of learning rates and weight decays that was tried for one candidate, as a heat map. */
import * as Plot from '@observablehq/plot';
import type { CellResult, Trial } from '../../store/records.ts';
import { setpoint } from '../format.ts';
import type { Markup } from '../markup.ts';
import { COLORS, draw } from './draw.ts';

interface TrialCell {
  readonly rate: number;
  /** Weight decay, or its product with the learning rate: see `TrialGrid.decayAxis`. */
  readonly decay: number;
  readonly status: Trial['status'];
  readonly validation: number | null;
  readonly chosen: boolean;
  /** 0 for the lowest finished validation metric, 1 for the highest. */
  readonly level: number;
}

export interface TrialGrid {
  readonly decayAxis: string;
  readonly cells: readonly TrialCell[];
}

/**
 * The grid by learning rate and weight decay; null where the search was over anything else. Protocols that
 * divide the decay by the learning rate have a regular grid in the product of the two, which is then the axis.
 */
export function trialGrid(result: CellResult): TrialGrid | null {
  const trials = result.trials.filter(({ hyperparameters: h }) => 'learningRate' in h && 'weightDecay' in h);
  if (trials.length < 2 || trials.length < result.trials.length) return null;
  const plain = (h: Trial['hyperparameters']) => rounded(h.weightDecay);
  const product = (h: Trial['hyperparameters']) => rounded(h.weightDecay * h.learningRate);
  const distinct = (axis: typeof plain) => new Set(trials.map((trial) => axis(trial.hyperparameters))).size;
  const byProduct = distinct(product) < distinct(plain);
  const decay = byProduct ? product : plain;
  const finished = trials.flatMap(({ status, validation }) =>
    status === 'finished' ? (validation ?? []) : [],
  );
  const [low, high] = [Math.min(...finished), Math.max(...finished)];
  return {
    decayAxis: byProduct ? 'weight decay × learning rate' : 'weight decay',
    cells: trials.map(({ hyperparameters: h, status, validation }) => ({
      rate: h.learningRate,
      decay: decay(h),
      status,
      validation,
      chosen:
        h.learningRate === result.hyperparameters.learningRate &&
        h.weightDecay === result.hyperparameters.weightDecay,
      level:
        status === 'finished' && validation !== null && high > low ? (validation - low) / (high - low) : 0,
    })),
  };
}

/** So that products that differ in rounding alone are one row. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}

export function drawTrials({ cells, decayAxis }: TrialGrid, width: number): Markup {
  const rates = ascending(cells.map(({ rate }) => rate));
  const decays = ascending(cells.map(({ decay }) => decay));
  const finished = cells.filter(({ status }) => status === 'finished');
  return draw(`Validation accuracy by learning rate and ${decayAxis}`, {
    width,
    height: 64 + decays.length * 30,
    marginLeft: 60,
    marginRight: 8,
    marginTop: 22,
    marginBottom: 42,
    x: {
      type: 'band',
      domain: rates,
      label: 'learning rate',
      labelAnchor: 'center',
      labelArrow: 'none',
      labelOffset: 36,
      tickSize: 0,
      tickFormat: setpoint,
      padding: 0.06,
    },
    y: {
      type: 'band',
      domain: decays,
      reverse: true,
      label: decayAxis,
      labelAnchor: 'top',
      labelArrow: 'none',
      tickSize: 0,
      tickFormat: setpoint,
      padding: 0.06,
    },
    opacity: { type: 'identity' },
    marks: [
      Plot.cell(cells, { x: 'rate', y: 'decay', fill: 'var(--wash)', rx: 3 }),
      Plot.cell(finished, {
        x: 'rate',
        y: 'decay',
        fill: COLORS.accent,
        fillOpacity: ({ level }: TrialCell) => 0.06 + 0.5 * level,
        rx: 3,
      }),
      Plot.cell(
        cells.filter(({ chosen }) => chosen),
        {
          x: 'rate',
          y: 'decay',
          fill: 'none',
          stroke: COLORS.good,
          strokeWidth: 2.5,
          rx: 3,
        },
      ),
      Plot.text(cells, {
        x: 'rate',
        y: 'decay',
        text: trialText,
        fill: ({ status }: TrialCell) => (status === 'finished' ? COLORS.ink : COLORS.muted),
        fontSize: rates.length > 5 ? 9 : 11,
      }),
    ],
  });
}

/** `▾` for given up early, `×` for diverged. */
function trialText({ status, validation }: TrialCell): string {
  if (status === 'diverged' || validation === null) return '×';
  const share = (100 * validation).toFixed(status === 'finished' ? 1 : 0);
  return status === 'stopped' ? `▾${share}` : share;
}

function ascending(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}
