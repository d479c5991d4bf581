/**
 * Figures 1 and 2: accuracy on the source set against accuracy after transfer, both on the logit scale, with the
 * regression line and its bootstrap band. Green: the best network and those that are not significantly worse. Hollow:
 * networks without a test.
 */
import * as Plot from '@observablehq/plot';
import { COLORS, draw, shortened } from '../../figures/draw.ts';
import { percent, pValueText, SETTING_NAMES, testText } from '../../format.ts';
import { type Markup, visible } from '../../markup.ts';
import type { CorrelationSummary, Figure1Panel, Figure2Panel, Trend } from '../schema.ts';
import { type Box, placeLabels } from './labels.ts';
import { logitTick, logitTicks, padded } from './logit-axis.ts';
import { signed } from './words.ts';

interface Dot {
  readonly model: string;
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
  /** Best or not significantly worse; null where there is no test. */
  readonly tied: boolean | null;
  readonly title: string;
}

interface Scatter {
  readonly description: string;
  readonly dots: readonly Dot[];
  readonly band: NonNullable<Trend>['band'];
  /** Printed in the corner. */
  readonly note: string;
  readonly axis: string;
}

/** A panel of figure 1 with names at its dots; networks without source accuracy are left out. */
export function drawTransfer(panel: Figure1Panel, width: number): Markup {
  const dots = panel.points.flatMap((point) => {
    const { model, source, score, standardError, accuracy } = point;
    if (!source) return [];
    const y = panel.grandMean + score;
    const error = standardError ?? 0;
    const title = [
      model,
      `source ${percent(source.value)}`,
      `transfer ${percent(accuracy)} (${signed(score)}${standardError === null ? '' : ` ± ${error.toFixed(2)}`} logits)`,
      overallStandingText(point),
    ].filter((line) => line !== null);
    const tied = isUntested(point) ? null : point.tied;
    return [
      { model, x: source.logit, y, low: y - error, high: y + error, tied, title: visible(title.join('\n')) },
    ];
  });
  const band = panel.trend?.band.map(({ x, y, low, high }) => ({
    x,
    y: y + panel.grandMean,
    low: low + panel.grandMean,
    high: high + panel.grandMean,
  }));
  return drawScatter(
    {
      description: `Source accuracy and mean adjusted transfer accuracy, ${SETTING_NAMES[panel.setting]}`,
      dots,
      band: band ?? [],
      note: correlationNote(panel.pearson),
      axis: 'mean adjusted transfer accuracy',
    },
    { width, height: Math.round(width * 1.06), names: true },
  );
}

/** Whether nothing tells a network of figure 1 from the best: a test takes two data sets. */
export function isUntested({ rank, adjustedP }: Figure1Panel['points'][number]): boolean {
  return rank > 1 && adjustedP === null;
}

function overallStandingText({ rank, adjustedP, tied }: Figure1Panel['points'][number]): string | null {
  if (adjustedP === null) return rank === 1 ? 'the best' : null;
  return `${tied ? 'not worse than the best' : 'worse than the best'}: ${pValueText(adjustedP)}`;
}

type Standing = Pick<Figure2Panel['points'][number], 'adjustedP' | 'testedDifference' | 'tied'>;

/** A panel of figure 2, small. */
export function drawDatasetTransfer(panel: Figure2Panel, width: number): Markup {
  const dots = panel.points.flatMap(({ model, source, test, logit, ...standing }) => {
    if (!source) return [];
    const title = [
      model,
      `source ${percent(source.value)}`,
      `${panel.dataset} ${percent(test.value)} (${(100 * test.low).toFixed(1)} – ${(100 * test.high).toFixed(1)})`,
      standingText(standing),
    ];
    const { tied } = standing;
    const [low, high] = [test.low, test.high].map((share) => bounded(share, logit));
    return [{ model, x: source.logit, y: logit, low, high, tied, title: visible(title.join('\n')) }];
  });
  return drawScatter(
    {
      description: `Source accuracy and test metric on ${panel.dataset}, ${SETTING_NAMES[panel.setting]}`,
      dots,
      band: panel.trend?.band ?? [],
      note: correlationNote(panel.pearson),
      axis: '',
    },
    { width, height: Math.round(width * 0.92), names: false },
  );
}

function standingText({ adjustedP, testedDifference, tied }: Standing): string {
  if (adjustedP === null || testedDifference === null) return 'the best';
  return `${tied ? 'tied with the best' : 'worse than the best'}: ${testText({ adjustedP, testedDifference })}`;
}

/** `r = .96`. */
export function correlationNote(correlation: CorrelationSummary): string {
  return correlation ? `r = ${correlation.coefficient.toFixed(2).replace('-', '−')}` : '';
}

/** The logit of an end of an interval, which at 0 and 1 would lie beyond any axis. */
function bounded(share: number, logit: number): number {
  if (share <= 0) return logit - 3;
  return share >= 1 ? logit + 3 : Math.log(share / (1 - share));
}

interface Size {
  readonly width: number;
  readonly height: number;
  readonly names: boolean;
}

const NAME_SIZE = 10;

function drawScatter(
  { description, dots, band, note, axis }: Scatter,
  { width, height, names }: Size,
): Markup {
  const margin = names
    ? { left: 58, right: 8, top: 4, bottom: 42 }
    : { left: 42, right: 6, top: 6, bottom: 22 };
  const x = padded(
    dots.map((dot) => dot.x),
    names ? 0.12 : 0.08,
  );
  const y = padded(
    dots.flatMap(({ low, high }) => [low, high]),
    names ? 0.1 : 0.06,
  );
  const shown = band.filter((point) => point.x >= x[0] && point.x <= x[1]);
  const color = ({ tied }: Dot) => (tied ? COLORS.good : COLORS.muted);
  return draw(description, {
    width,
    height,
    marginLeft: margin.left,
    marginRight: margin.right,
    marginTop: margin.top,
    marginBottom: margin.bottom,
    x: logitScale(x, names ? 'accuracy on the source set' : '', names ? 6 : 3, 36),
    y: { ...logitScale(y, axis, names ? 6 : 4, 48), grid: true },
    marks: [
      Plot.areaY(shown, {
        x: 'x',
        y1: 'low',
        y2: 'high',
        fill: COLORS.accent,
        fillOpacity: 0.12,
        clip: true,
      }),
      Plot.line(shown, { x: 'x', y: 'y', stroke: COLORS.accent, strokeWidth: 1.5, clip: true }),
      Plot.ruleX(dots, { x: 'x', y1: 'low', y2: 'high', stroke: color, strokeWidth: names ? 1.5 : 1 }),
      names ? nameMarks(dots, { x, y, width, height, margin }) : null,
      Plot.dot(dots, {
        x: 'x',
        y: 'y',
        r: names ? 4.5 : 3.5,
        fill: (dot: Dot) => (dot.tied === null ? 'var(--surface)' : color(dot)),
        stroke: (dot: Dot) => (dot.tied === null ? COLORS.muted : 'var(--surface)'),
        strokeWidth: 1,
        title: 'title',
      }),
      Plot.text([note], {
        frameAnchor: 'bottom-right',
        dx: -4,
        dy: -4,
        fill: COLORS.accent,
        fontWeight: 600,
        fontSize: names ? 13 : 11,
        stroke: 'var(--surface)',
        strokeWidth: 3,
      }),
    ],
  });
}

function logitScale(
  domain: [number, number],
  label: string,
  most: number,
  labelOffset: number,
): Plot.ScaleOptions {
  return {
    domain,
    label: label === '' ? null : label,
    labelAnchor: 'center',
    labelArrow: 'none',
    labelOffset,
    ticks: logitTicks(domain, most),
    tickFormat: logitTick,
    tickSize: 3,
  };
}

interface Frame {
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
  readonly width: number;
  readonly height: number;
  readonly margin: Box;
}

/** Names in pixels of the drawing, put back on its scales, which are linear. */
function nameMarks(dots: readonly Dot[], { x, y, width, height, margin }: Frame): Plot.Markish[] {
  const frame = {
    left: margin.left + 2,
    top: margin.top,
    right: width - margin.right,
    bottom: height - margin.bottom,
  };
  const note = { ...frame, left: frame.right - 70, top: frame.bottom - 20 };
  const across = (width - margin.left - margin.right) / (x[1] - x[0]);
  const down = (height - margin.top - margin.bottom) / (y[1] - y[0]);
  const pixelX = (value: number) => margin.left + (value - x[0]) * across;
  const pixelY = (value: number) => margin.top + (y[1] - value) * down;
  const valueX = (pixel: number) => x[0] + (pixel - margin.left) / across;
  const valueY = (pixel: number) => y[1] - (pixel - margin.top) / down;
  const bars = dots.map((dot) => ({
    left: pixelX(dot.x) - 2,
    right: pixelX(dot.x) + 2,
    top: pixelY(dot.high),
    bottom: pixelY(dot.low),
  }));
  const placed = placeLabels(
    dots.map((dot) => ({ x: pixelX(dot.x), y: pixelY(dot.y), text: shortened(dot.model, 20) })),
    frame,
    bars,
    NAME_SIZE,
    [note],
  ).map((label) => ({
    ...label,
    x1: valueX(label.x),
    y1: valueY(label.y),
    x2: valueX(
      Math.max(label.left, Math.min(label.x, label.left + [...label.text].length * NAME_SIZE * 0.56)),
    ),
    y2: valueY(label.middle + Math.sign(label.y - label.middle) * 4),
    textX: valueX(label.left),
    textY: valueY(label.middle),
  }));
  return [
    Plot.link(
      placed.filter(({ leader }) => leader),
      { x1: 'x1', y1: 'y1', x2: 'x2', y2: 'y2', stroke: COLORS.muted, strokeOpacity: 0.5 },
    ),
    Plot.text(placed, {
      x: 'textX',
      y: 'textY',
      text: 'text',
      textAnchor: 'start',
      fill: COLORS.ink,
      fontSize: NAME_SIZE,
      stroke: 'var(--surface)',
      strokeWidth: 2.5,
    }),
  ];
}
