/** Figure: penultimate features of test images in two dimensions, by class. */
import * as Plot from '@observablehq/plot';
import { draw, modelColor } from '../../figures/draw.ts';
import { type Markup, visible } from '../../markup.ts';
import type { Embedding } from '../schema.ts';

const SYMBOLS = ['circle', 'triangle', 'square', 'diamond', 'cross', 'star', 'wye', 'times'] as const;

/** Colour and shape of a class: 64 of them can be told apart. */
export function classMark(label: number): { color: string; symbol: (typeof SYMBOLS)[number] } {
  return { color: modelColor(label), symbol: SYMBOLS[Math.floor(label / 8) % SYMBOLS.length] };
}

/** The axes have no meaning but nearness, so they are not drawn; both have the same scale. */
export function drawEmbedding({ points, classes, model }: Embedding, width: number): Markup {
  const middle = (values: readonly number[]) => (Math.min(...values) + Math.max(...values)) / 2;
  const reach = (values: readonly number[]) => (Math.max(...values) - Math.min(...values)) / 2;
  const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)];
  const half = Math.max(reach(xs), reach(ys), 1e-9) * 1.04;
  const around = (centre: number): [number, number] => [centre - half, centre + half];
  return draw(`Features of ${model} in two dimensions`, {
    width,
    height: width,
    margin: 2,
    x: { axis: null, domain: around(middle(xs)) },
    y: { axis: null, domain: around(middle(ys)) },
    symbol: { type: 'identity' },
    marks: [
      Plot.frame({ stroke: 'var(--line)' }),
      Plot.dot(points, {
        x: 'x',
        y: 'y',
        r: points.length > 600 ? 1.8 : 2.6,
        symbol: ({ label }: Embedding['points'][number]) => classMark(label).symbol,
        fill: ({ label }: Embedding['points'][number]) => classMark(label).color,
        fillOpacity: 0.8,
        title: ({ label }: Embedding['points'][number]) => visible(classes[label] ?? `class ${label}`),
      }),
    ],
  });
}
