/** Figure: how much results differ between seeds, beside how much they differ because the test part is a sample. */
import * as Plot from '@observablehq/plot';
import { COLORS, draw } from '../../figures/draw.ts';
import { SETTING_MARKS } from '../../figures/settings.ts';
import { percent, SETTING_NAMES } from '../../format.ts';
import { type Markup, visible } from '../../markup.ts';
import type { Seeds } from '../schema.ts';

type SeedCandidate = Seeds['candidates'][number];

/** Above the diagonal seeds matter more than the choice of test images. */
export function drawSeeds(candidates: readonly SeedCandidate[], most: number, width: number): Markup {
  const top = most * 1.06;
  const axis = {
    domain: [0, top],
    ticks: 5,
    tickFormat: (value: number) => String(Number((100 * value).toFixed(2))),
    labelAnchor: 'center',
    labelArrow: 'none',
  } as const;
  return draw('Standard deviation over seeds against sampling error', {
    width,
    height: width,
    marginLeft: 44,
    marginRight: 8,
    marginTop: 8,
    marginBottom: 42,
    x: { ...axis, label: 'sampling error (points)' },
    y: { ...axis, label: 'standard deviation over seeds (points)', grid: true },
    symbol: { type: 'identity' },
    marks: [
      Plot.link([top], {
        x1: 0,
        y1: 0,
        x2: (d: number) => d,
        y2: (d: number) => d,
        stroke: COLORS.muted,
        strokeDasharray: '4,3',
      }),
      Plot.dot(candidates, {
        x: 'samplingError',
        y: 'standardDeviation',
        r: 4.5,
        symbol: ({ setting }: SeedCandidate) => SETTING_MARKS[setting].symbol,
        fill: ({ setting }: SeedCandidate) => SETTING_MARKS[setting].color,
        fillOpacity: 0.8,
        stroke: 'var(--surface)',
        strokeWidth: 0.75,
        title: seedTitle,
      }),
    ],
  });
}

function seedTitle({
  model,
  dataset,
  setting,
  values,
  standardDeviation,
  samplingError,
}: SeedCandidate): string {
  const each = values.map(({ seed, value }) => `seed ${seed}: ${percent(value)}`);
  const shown = each.length > 4 ? [...each.slice(0, 3), `${each.length - 3} more`] : each;
  return visible(
    [
      `${model} ${SETTING_NAMES[setting]} on ${dataset}`,
      ...shown,
      `sd ${(100 * standardDeviation).toFixed(2)}, sampling error ${(100 * samplingError).toFixed(2)} points`,
    ].join('\n'),
  );
}
