/**
 * Figures: the test metric against the number of training steps, and against the number of images, on a log axis;
 * one panel per network and data set, one line per setting.
 */
import * as Plot from '@observablehq/plot';
import type { Setting } from '../../../store/records.ts';
import { shareDomain } from '../../figures/candidates.ts';
import { COLORS, draw, percentTick } from '../../figures/draw.ts';
import { SETTING_MARKS } from '../../figures/settings.ts';
import { integer, percent, SETTING_NAMES } from '../../format.ts';
import { type Markup, visible } from '../../markup.ts';
import type { Convergence, DatasetSize } from '../schema.ts';
import { shortCount } from './words.ts';

type ConvergenceCurve = Convergence['curves'][number];
type SizeCurve = DatasetSize['curves'][number];

/** What both figures draw. */
interface Line {
  readonly setting: Setting;
  readonly points: readonly {
    readonly x: number;
    readonly mean: number;
    readonly low: number;
    readonly high: number;
    readonly title: string;
  }[];
}

/** A value at which a vertical line stands, with the height of its ring. */
interface Mark {
  readonly x: number;
  readonly y: number | null;
  readonly color: string;
  readonly title: string;
}

/** Rings: where the share of the maximum odds is reached. */
export function drawConvergence(
  curves: readonly ConvergenceCurve[],
  shareOfOdds: number,
  width: number,
): Markup {
  const lines = curves.map(({ setting, points }) => ({
    setting,
    points: points.map(({ steps, epochs, value, low, high, runs }) => ({
      x: steps,
      mean: value,
      low,
      high,
      title: visible(
        `${SETTING_NAMES[setting]}\n${integer(steps)} steps (${rounded(epochs)} epochs)\n${percent(value)}${runs > 1 ? `, mean of ${runs} runs` : ''}\n95% interval ${percent(low)} – ${percent(high)}`,
      ),
    })),
  }));
  const marks = curves.flatMap(
    ({ setting, steps, epochs, maximumOdds, atMost, stillRising, settled }): Mark[] => {
      const odds = shareOfOdds * maximumOdds;
      const title = `${SETTING_NAMES[setting]}\n${percent(shareOfOdds, 0)} of the maximum odds\n${atMost ? 'within' : 'after'} ${integer(steps)} steps (${rounded(epochs)} epochs)${stillRising && !settled ? '\nstill rising at the longest run' : ''}`;
      return [{ x: steps, y: odds / (1 + odds), color: SETTING_MARKS[setting].color, title }];
    },
  );
  return drawGrowth(
    'Test metric by number of training steps',
    'training steps (log scale)',
    lines,
    marks,
    width,
  );
}

/** Dashed: numbers of images from which on one setting stays ahead of another. */
export function drawSizes(
  curves: readonly SizeCurve[],
  comparisons: DatasetSize['comparisons'],
  width: number,
): Markup {
  const lines = curves.map(({ setting, points }) => ({
    setting,
    points: points.map(({ images, perClass, mean, low, high, values }) => ({
      x: images,
      mean,
      low,
      high,
      title: visible(
        `${SETTING_NAMES[setting]}\n${integer(images)} images (${rounded(perClass)} per class)\n${percent(mean)}${values.length > 1 ? `, ${values.length} subsets: ${percent(low)} – ${percent(high)}` : ''}`,
      ),
    })),
  }));
  const marks = comparisons.flatMap(({ a, b, crossing }): Mark[] => {
    if (crossing?.kind !== 'crosses' || crossing.at === null) return [];
    const title = `${SETTING_NAMES[a]} stays ahead of\n${SETTING_NAMES[b]}\nfrom ${integer(crossing.at)} images on`;
    return [{ x: crossing.at, y: null, color: COLORS.muted, title }];
  });
  return drawGrowth('Test metric by number of images', 'training images (log scale)', lines, marks, width);
}

function drawGrowth(
  description: string,
  axis: string,
  lines: readonly Line[],
  marks: readonly Mark[],
  width: number,
): Markup {
  const flat = lines.flatMap(({ setting, points }) => points.map((point) => ({ ...point, setting })));
  const domain = shareDomain(flat.flatMap(({ low, high }) => [low, high]));
  const color = ({ setting }: { readonly setting: Setting }) => SETTING_MARKS[setting].color;
  const rings = marks.flatMap(({ y, ...mark }) => (y === null ? [] : [{ ...mark, y }]));
  const crossings = marks.filter(({ y }) => y === null);
  return draw(description, {
    width,
    height: 250,
    marginLeft: 44,
    marginRight: 14,
    marginTop: 10,
    marginBottom: 42,
    insetLeft: 5,
    insetRight: 5,
    x: {
      type: 'log',
      label: axis,
      labelAnchor: 'center',
      labelArrow: 'none',
      labelOffset: 36,
      ticks: logTicks(flat.map(({ x }) => x)),
      tickFormat: shortCount,
      tickSize: 3,
    },
    y: { domain, grid: true, label: null, ticks: 5, tickFormat: percentTick, tickSize: 0 },
    symbol: { type: 'identity' },
    marks: [
      Plot.ruleX(rings, { x: 'x', y1: domain[0], y2: 'y', stroke: 'color', strokeDasharray: '2,3' }),
      Plot.ruleX(crossings, { x: 'x', stroke: 'color', strokeDasharray: '4,3' }),
      Plot.ruleX(flat, { x: 'x', y1: 'low', y2: 'high', stroke: color, strokeWidth: 1.5 }),
      ...lines.map(({ setting, points }) =>
        Plot.line(points, {
          x: 'x',
          y: 'mean',
          stroke: SETTING_MARKS[setting].color,
          strokeWidth: 1.75,
          strokeDasharray: setting === 'scratch' ? '5,4' : undefined,
        }),
      ),
      Plot.dot(flat, {
        x: 'x',
        y: 'mean',
        r: 4,
        symbol: (point: { readonly setting: Setting }) => SETTING_MARKS[point.setting].symbol,
        fill: color,
        stroke: 'var(--surface)',
        strokeWidth: 1,
        title: 'title',
      }),
      Plot.dot(rings, {
        x: 'x',
        y: 'y',
        r: 6,
        fill: 'var(--surface)',
        stroke: 'color',
        strokeWidth: 2.5,
        title: 'title',
      }),
      Plot.text(crossings, {
        x: 'x',
        frameAnchor: 'top',
        text: ({ x }: Mark) => integer(x),
        title: 'title',
        fill: COLORS.ink,
        stroke: 'var(--surface)',
        strokeWidth: 4,
        dy: 4,
      }),
    ],
  });
}

/** 1, 2 and 5 times powers of ten inside the range, or powers of ten alone where that is many. */
function logTicks(values: readonly number[]): number[] {
  if (values.length === 0) return [];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const ticks = (digits: readonly number[]) =>
    Array.from({ length: 13 }, (_, exponent) => digits.map((digit) => digit * 10 ** (exponent - 2)))
      .flat()
      .filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
  const fine = ticks([1, 2, 5]);
  return fine.length <= 6 ? fine : ticks([1]);
}

function rounded(value: number): string {
  return value >= 10 ? integer(value) : String(Number(value.toPrecision(2)));
}
