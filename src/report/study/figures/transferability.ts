/**
 * Figures on transferability scores: how well each one orders the networks, what it costs to trust it, the scores
 * against the outcome, and accuracies predicted from them.
 */
import * as Plot from '@observablehq/plot';
import { SCORE_NAMES } from '../../../stats/transferability/names.ts';
import { COLORS, draw, percentTick } from '../../figures/draw.ts';
import { drawRows } from '../../figures/rows.ts';
import { percent, pValueText } from '../../format.ts';
import { type Markup, visible } from '../../markup.ts';
import type { Figure2Panel, Transferability } from '../schema.ts';
import { logitTick, logitTicks, padded } from './logit-axis.ts';
import { correlationNote } from './transfer.ts';
import { signed } from './words.ts';

export type Score = Transferability['scores'][number];

export function scoreName(name: string): string {
  return (SCORE_NAMES as Readonly<Record<string, string>>)[name] ?? name;
}

/** Large: mean over data sets of Spearman's rho with its interval; small: each data set. */
export function drawRankCorrelations(scores: readonly Score[], width: number): Markup {
  const y = (_: unknown, i: number) => i;
  const means = scores.map(({ name, meanRho, meanRhoInterval, datasets }) => ({
    value: meanRho ?? Number.NaN,
    low: meanRhoInterval?.low ?? meanRho ?? Number.NaN,
    high: meanRhoInterval?.high ?? meanRho ?? Number.NaN,
    title: `${scoreName(name)}\nmean ρ ${meanRho === null ? '–' : signed(meanRho)} over ${datasets.length} data sets${meanRhoInterval ? `\n95%: ${signed(meanRhoInterval.low)} to ${signed(meanRhoInterval.high)}` : ''}`,
  }));
  const each = scores.flatMap(({ name, datasets }, row) =>
    datasets.flatMap(({ dataset, spearman, n }) =>
      spearman
        ? [
            {
              row,
              value: spearman.coefficient,
              title: visible(
                `${scoreName(name)} on ${dataset}\nρ ${signed(spearman.coefficient)} over ${n} networks${`\n${pValueText(spearman.pValue)}`}`,
              ),
            },
          ]
        : [],
    ),
  );
  return drawRows({
    description: 'Rank correlation of each score with the outcome',
    width,
    rows: scores.map(({ name, meanRho }) => ({
      name: scoreName(name),
      setting: '',
      number: meanRho === null ? '–' : signed(meanRho),
      color: COLORS.accent,
    })),
    axis: 'Spearman rank correlation with the outcome',
    x: { domain: [-1, 1] },
    marks: [
      Plot.ruleX([0], { stroke: COLORS.muted, strokeOpacity: 0.6 }),
      Plot.dot(each, { y: 'row', x: 'value', r: 3, fill: COLORS.muted, fillOpacity: 0.6, title: 'title' }),
      Plot.ruleY(means, {
        y,
        x1: ({ low }: { low: number }) => Math.max(-1, low),
        x2: ({ high }: { high: number }) => Math.min(1, high),
        stroke: COLORS.accent,
        strokeWidth: 2.5,
        strokeLinecap: 'round',
      }),
      Plot.dot(means, {
        y,
        x: 'value',
        r: 5.5,
        fill: COLORS.accent,
        stroke: 'var(--surface)',
        strokeWidth: 1.5,
        title: 'title',
      }),
    ],
  });
}

/** Bar: mean over data sets; dots: each; upright line: what a network drawn at random loses. */
export function drawRegret(scores: readonly Score[], width: number): Markup {
  const y = (_: unknown, i: number) => i;
  const bars = scores.map(({ name, meanRegret, worstRegret, meanChanceRegret }) => ({
    mean: meanRegret,
    chance: meanChanceRegret,
    title: `${scoreName(name)}\nmean regret ${(100 * meanRegret).toFixed(1)} points\nworst ${(100 * worstRegret).toFixed(1)} points\na network at random: ${(100 * meanChanceRegret).toFixed(1)} points`,
  }));
  const each = scores.flatMap(({ name, datasets }, row) =>
    datasets.map(({ dataset, regret, chosen, best }) => ({
      row,
      regret,
      title: visible(
        `${scoreName(name)} on ${dataset}\nchose ${chosen}, best was ${best}\nregret ${(100 * regret).toFixed(1)} points`,
      ),
    })),
  );
  const most = Math.max(0.01, ...each.map(({ regret }) => regret), ...bars.map(({ chance }) => chance));
  return drawRows({
    description: 'Regret of taking the network with the highest score',
    width,
    rows: scores.map(({ name, meanRegret }) => ({
      name: scoreName(name),
      setting: '',
      number: (100 * meanRegret).toFixed(1),
      color: COLORS.bad,
    })),
    axis: 'regret (percentage points)',
    x: { domain: [0, most * 1.05], tickFormat: (value: number) => String(Number((100 * value).toFixed(1))) },
    marks: [
      Plot.link(bars, {
        x1: 0,
        x2: 'mean',
        y1: y,
        y2: y,
        stroke: COLORS.bad,
        strokeOpacity: 0.35,
        strokeWidth: 12,
        title: 'title',
      }),
      Plot.ruleX(bars, {
        x: 'chance',
        y1: (_: unknown, i: number) => i - 0.25,
        y2: (_: unknown, i: number) => i + 0.25,
        stroke: COLORS.muted,
        strokeWidth: 2,
      }),
      Plot.dot(each, { y: 'row', x: 'regret', r: 3.5, fill: COLORS.bad, title: 'title' }),
    ],
  });
}

/** One score on one data set against the outcome, a dot per network. */
export interface ScorePanel {
  readonly dataset: string;
  readonly points: readonly {
    readonly model: string;
    readonly score: number;
    readonly logit: number;
    readonly value: number;
  }[];
  readonly spearman: Score['datasets'][number]['spearman'];
}

/** The panels of one score, in the order of its data sets. */
export function scorePanels(
  score: Score,
  values: Transferability['values'],
  outcomes: readonly Figure2Panel[],
): ScorePanel[] {
  return score.datasets.map(({ dataset, spearman }) => {
    const outcome = outcomes.find((panel) => panel.dataset === dataset && panel.setting === score.setting);
    const points = (outcome?.points ?? []).flatMap(({ model, test, logit }) => {
      const own = values.find((v) => v.score === score.name && v.dataset === dataset && v.model === model);
      return own ? [{ model, score: own.value, logit, value: test.value }] : [];
    });
    return { dataset, points, spearman };
  });
}

export function drawScores({ dataset, points: dots, spearman }: ScorePanel, width: number): Markup {
  const y = padded(
    dots.map(({ logit }) => logit),
    0.12,
  );
  return draw(`Score and outcome on ${dataset}`, {
    width,
    height: Math.round(width * 0.88),
    marginLeft: 34,
    marginRight: 6,
    marginTop: 6,
    marginBottom: 22,
    x: {
      domain: padded(
        dots.map(({ score }) => score),
        0.1,
      ),
      label: null,
      ticks: 3,
      tickSize: 3,
    },
    y: { domain: y, label: null, grid: true, ticks: logitTicks(y, 4), tickFormat: logitTick, tickSize: 0 },
    marks: [
      Plot.dot(dots, {
        x: 'score',
        y: 'logit',
        r: 3.5,
        fill: COLORS.accent,
        fillOpacity: 0.85,
        title: ({ model, score, value }: ScorePanel['points'][number]) =>
          visible(`${model}\nscore ${Number(score.toPrecision(4))}\n${dataset} ${percent(value)}`),
      }),
      Plot.text([correlationNote(spearman).replace('r', 'ρ')], {
        frameAnchor: 'bottom-right',
        dx: -4,
        dy: -4,
        fontSize: 11,
        fontWeight: 600,
        fill: COLORS.accent,
        stroke: 'var(--surface)',
        strokeWidth: 3,
      }),
    ],
  });
}

type Prediction = NonNullable<Score['prediction']>;

/** Accuracies predicted from a score on data sets that the line has not seen; on the diagonal they are right. */
export function drawPredictions({ points: dots }: Prediction, name: string, width: number): Markup {
  const ends = dots.flatMap(({ measured, low, high }) => [measured, low, high]);
  const domain: [number, number] = [
    Math.max(0, Math.min(...ends) - 0.02),
    Math.min(1, Math.max(...ends) + 0.02),
  ];
  const axis = {
    domain,
    ticks: 5,
    tickFormat: percentTick,
    labelArrow: 'none',
    labelAnchor: 'center',
  } as const;
  return draw(`Test metric predicted from ${name}, and measured`, {
    width,
    height: width,
    marginLeft: 60,
    marginRight: 10,
    marginTop: 8,
    marginBottom: 42,
    x: { ...axis, label: 'predicted' },
    y: { ...axis, label: 'measured', labelOffset: 50, grid: true },
    marks: [
      Plot.link([domain], {
        x1: '0',
        y1: '0',
        x2: '1',
        y2: '1',
        stroke: COLORS.muted,
        strokeDasharray: '4,3',
      }),
      Plot.ruleY(dots, { y: 'measured', x1: 'low', x2: 'high', stroke: COLORS.accent, strokeOpacity: 0.25 }),
      Plot.dot(dots, {
        x: 'predicted',
        y: 'measured',
        r: 3.5,
        fill: COLORS.accent,
        title: (p: Prediction['points'][number]) =>
          visible(
            `${p.model} on ${p.dataset}\npredicted ${percent(p.predicted)} (${(100 * p.low).toFixed(1)} – ${(100 * p.high).toFixed(1)})\nmeasured ${percent(p.measured)}`,
          ),
      }),
    ],
  });
}
