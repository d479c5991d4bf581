/** The layout that three figures share: one row per candidate or network, its name, marks, and its number. */
import * as Plot from '@observablehq/plot';
import type { Markup } from '../markup.ts';
import { COLORS, draw, shortened } from './draw.ts';

export interface RowPlot {
  /** Read to those who cannot see the figure. */
  readonly description: string;
  readonly width: number;
  readonly rows: readonly {
    /** Shortened to fit; what follows it is not. */
    readonly name: string;
    readonly setting: string;
    /** Printed at the right. */
    readonly number: string;
    readonly color: string;
  }[];
  /** Label under the axis, with unit. */
  readonly axis: string;
  readonly x: Plot.ScaleOptions;
  /** Pixels that each row is higher than one line of marks needs. */
  readonly extraHeight?: number;
  /** Marks in front of the grid; `y` is the index of the row. */
  readonly marks: readonly Plot.Markish[];
}

const NAMES_BESIDE_FROM = 420;

/** Whether names stand left of the marks; on a phone they stand above them. */
export function namesBeside(width: number): boolean {
  return width >= NAMES_BESIDE_FROM;
}

export function drawRows({ description, width, rows, axis, x, extraHeight = 0, marks }: RowPlot): Markup {
  const beside = namesBeside(width);
  const rowHeight = (beside ? 34 : 42) + extraHeight;
  const longest = Math.max(...rows.map(({ name, setting }) => [...name].length + setting.length));
  const marginLeft = beside ? Math.min(190, 18 + 6.2 * longest) : 16;
  const most = beside ? 28 : 40;
  const texts = { y: (_: unknown, i: number) => i };
  return draw(description, {
    width,
    height: 52 + rows.length * rowHeight,
    marginLeft,
    marginRight: 50,
    marginTop: 6,
    marginBottom: 46,
    x: {
      ...x,
      grid: true,
      label: axis,
      labelAnchor: 'center',
      labelArrow: 'none',
      labelOffset: 38,
      ticks: 5,
      tickSize: 0,
    },
    y: { axis: null, domain: [beside ? -0.5 : -0.75, rows.length - 0.5], reverse: true },
    symbol: { type: 'identity' },
    marks: [
      ...marks,
      Plot.text(rows, {
        ...texts,
        frameAnchor: 'left',
        textAnchor: 'start',
        dx: 2 - marginLeft,
        dy: beside ? 0 : 4 - (rowHeight - extraHeight) / 2,
        fill: COLORS.ink,
        stroke: 'var(--surface)',
        strokeWidth: 4,
        text: ({ name, setting }: RowPlot['rows'][number]) =>
          `${shortened(name, most - setting.length)} ${setting}`.trimEnd(),
      }),
      Plot.text(rows, {
        ...texts,
        frameAnchor: 'right',
        textAnchor: 'end',
        dx: 48,
        fill: 'color',
        fontWeight: 600,
        text: 'number',
      }),
    ],
  });
}
