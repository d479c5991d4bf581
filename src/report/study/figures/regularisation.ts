/** Figure: what each switch of pre-training does to source accuracy and to transfer, with 95% intervals. */
import * as Plot from '@observablehq/plot';
import { COLORS } from '../../figures/draw.ts';
import { drawRows } from '../../figures/rows.ts';
import { SETTING_MARKS } from '../../figures/settings.ts';
import { points, pValueText, SETTING_NAMES } from '../../format.ts';
import { type Markup, visible } from '../../markup.ts';
import type { Regularisation } from '../schema.ts';
import { EXTRA_HEIGHT, offsetOf } from './settings.ts';
import { signed } from './words.ts';

export const SWITCH_NAMES: Readonly<Record<Regularisation['effects'][number]['switch'], string>> = {
  gamma: 'batch-norm scale (gamma)',
  labelSmoothing: 'label smoothing',
  dropout: 'dropout',
  auxiliary: 'auxiliary head',
};

interface EffectMark {
  readonly row: number;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly symbol: string;
  readonly color: string;
  readonly title: string;
}

/** Shape and colour of the effect on the source set itself. */
export const SOURCE_MARK = { symbol: 'diamond', color: 'var(--series-4)' } as const;

/** Right of zero: the switch helps when it is on. */
export function drawEffects({ effects }: Regularisation, width: number): Markup {
  const marks = effects.flatMap((effect, row) => effectMarks(effect, row, width));
  return drawRows({
    description: 'Effect of each switch of pre-training, on minus off',
    width,
    rows: effects.map((effect) => ({
      name: SWITCH_NAMES[effect.switch],
      setting: '',
      number: '',
      color: COLORS.muted,
    })),
    axis: 'on minus off (logits)',
    extraHeight: EXTRA_HEIGHT,
    x: { nice: true },
    marks: [
      Plot.ruleY(effects.slice(1), { y: (_: unknown, i: number) => i + 0.5, stroke: COLORS.line }),
      Plot.ruleX([0], { stroke: COLORS.muted, strokeOpacity: 0.6 }),
      Plot.ruleY(marks, { y: 'row', x1: 'low', x2: 'high', stroke: 'color', strokeWidth: 2 }),
      Plot.dot(marks, {
        y: 'row',
        x: 'value',
        r: 5.5,
        symbol: 'symbol',
        fill: 'color',
        stroke: 'var(--surface)',
        strokeWidth: 1,
        title: 'title',
      }),
    ],
  });
}

function effectMarks(effect: Regularisation['effects'][number], row: number, width: number): EffectMark[] {
  const name = SWITCH_NAMES[effect.switch];
  const transfer = effect.transfer.map(
    ({ setting, n, difference, logitDifference, interval, pValue }): EffectMark => ({
      row: row + offsetOf(setting, width),
      value: logitDifference,
      low: interval?.low ?? logitDifference,
      high: interval?.high ?? logitDifference,
      ...SETTING_MARKS[setting],
      title: visible(
        [
          `${name}, ${SETTING_NAMES[setting]}`,
          `on minus off: ${points(difference)} points, ${signed(logitDifference)} logits`,
          interval ? `95%: ${signed(interval.low)} to ${signed(interval.high)}` : 'no interval',
          `${n} data sets${pValue === null ? '' : `, ${pValueText(pValue)}`}`,
        ].join('\n'),
      ),
    }),
  );
  if (!effect.source) return transfer;
  const { difference, logitDifference } = effect.source;
  const title = `${name}, source accuracy\non minus off: ${points(difference)} points, ${signed(logitDifference)} logits`;
  return [
    ...transfer,
    {
      row: row + offsetOf('scratch', width),
      value: logitDifference,
      low: logitDifference,
      high: logitDifference,
      ...SOURCE_MARK,
      title,
    },
  ];
}
