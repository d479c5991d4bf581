/** The part of the page on one data set: ranking, settings side by side. */
import type { Setting } from '../../store/records.ts';
import { candidateFigure, drawCandidates } from '../figures/candidates.ts';
import { drawSettings, SETTING_MARKS, settingRows } from '../figures/settings.ts';
import {
  countOf,
  duration,
  integer,
  METRIC_NAMES,
  percent,
  points,
  SETTING_NAMES,
  testText,
} from '../format.ts';
import { html, type Markup } from '../markup.ts';
import { SETTINGS } from '../ranking.ts';
import type { Candidate, DatasetSummary, Ranking } from '../schema.ts';
import { problemSentences, tieCount } from '../verdict.ts';
import { figure, legend, prose, responsive } from './parts.ts';

/**
 * @param details stands below the ranking, as blocks that open
 * @param only the page is about this data set alone, whose verdict is at its top
 */
export function datasetPart(
  dataset: DatasetSummary,
  ranking: Ranking,
  id: string,
  details: readonly Markup[],
  only: boolean,
): Markup {
  const { train, validation, test } = dataset.images;
  return html`<section class="part" id="${id}">
<div class="lead">
<h2>${dataset.name}</h2>
<p class="muted small">${integer(dataset.classes.length)} classes; ${integer(train)} training, ${integer(validation)} validation and ${integer(test)} test images. ${problemSentences(dataset).join(' ')}</p>
${only ? null : html`<p><b>${prose(ranking.verdict.headline)}</b> ${prose(ranking.verdict.sentences.join(' '))}</p>`}
</div>
${ranking.candidates.length > 0 ? results(ranking) : null}
${details}
</section>`;
}

function results(ranking: Ranking): Markup {
  const rows = settingRows(ranking);
  const shape = candidateFigure(ranking);
  const baseline =
    shape.baseline === null ? '' : ' The dashed red line is always answering the most frequent class.';
  const sure = figure(
    'How sure the ranking is',
    `Dot: ${METRIC_NAMES[ranking.metric]}. Bar: 95% interval. Green: the best, and those not significantly worse.${baseline}`,
    responsive((width) => drawCandidates(shape, width)),
  );
  const sideBySide = figure(
    'Fixed, fine-tuned or from scratch',
    'The same network in each setting. Right: gain of the better pre-trained setting over scratch, in points.',
    [settingLegend(), responsive((width) => drawSettings(rows, ranking.metric, width))],
  );
  return html`<div class="two">
<div class="column"><div class="card">${rankingTable(ranking)}</div><div class="card">${settingsTable(ranking)}</div></div>
<div class="column"><div class="card">${sure}</div><div class="card">${sideBySide}</div></div>
</div>`;
}

/** Shape and colour of each setting that a figure draws. */
export function settingLegend(drawn: readonly Setting[] = SETTINGS): Markup {
  return legend(
    SETTINGS.filter((setting) => drawn.includes(setting)).map((setting) => ({
      name: SETTING_NAMES[setting],
      sample: settingSample(setting),
    })),
  );
}

export function settingSample(setting: (typeof SETTINGS)[number]): Markup {
  const { symbol, color } = SETTING_MARKS[setting];
  if (symbol === 'square') return html`<rect x="4" y="1" width="10" height="10" fill="${color}"/>`;
  if (symbol === 'circle') return html`<circle cx="9" cy="6" r="5.5" fill="${color}"/>`;
  return html`<path d="M9,0 L15,11 L3,11 Z" fill="${color}"/>`;
}

function rankingTable(ranking: Ranking): Markup {
  return html`<table class="ranking">
<caption>Ranking <span>${tieCount(ranking)}.</span></caption>
<thead><tr><th></th><th>Network and setting</th><th class="right">Accuracy<br>95% interval</th><th class="right">To best</th><th class="right">Time</th></tr></thead>
<tbody>${ranking.candidates.map(rankingRow)}</tbody>
</table>`;
}

function rankingRow(candidate: Candidate): Markup {
  const { rank, model, setting, test, tied, seconds, spread, seeds } = candidate;
  const interval = `${(100 * test.low).toFixed(1)} – ${(100 * test.high).toFixed(1)}`;
  const seedRange = spread
    ? html`<small>${countOf(seeds.length, 'seed')}: <span class="number">${(100 * spread.low).toFixed(1)} – ${(100 * spread.high).toFixed(1)}</span></small>`
    : null;
  return html`<tr${tied ? html` class="tied"` : null}>
<td class="number muted">${rank}</td>
<td><b>${model}</b><small>${SETTING_NAMES[setting]}</small></td>
<td class="right"><span class="number">${percent(test.value)}</span><small class="number">${interval}</small>${seedRange}</td>
<td class="right">${distance(candidate)}</td>
<td class="right number">${duration(seconds)}</td>
</tr>`;
}

function distance({ comparison, tied }: Candidate): Markup {
  if (!comparison) return html`<span class="pill best">best</span>`;
  const p = html`<small>${prose(testText(comparison))}</small>`;
  const gap = html`<span class="number">${points(comparison.difference)}</span>`;
  return tied ? html`${gap} <span class="pill">tied</span>${p}` : html`${gap}${p}`;
}

function settingsTable(ranking: Ranking): Markup {
  const rows = settingRows(ranking);
  const cell = (value: number | undefined) =>
    html`<td class="right number">${value === undefined ? '–' : percent(value)}</td>`;
  return html`<table>
<caption>Settings <span>Gain: the better pre-trained setting minus from scratch, in percentage points.</span></caption>
<thead><tr><th>Network</th><th class="right">Fixed</th><th class="right">Fine-tuned</th><th class="right">Scratch</th><th class="right">Gain</th></tr></thead>
<tbody>${rows.map(
    ({ model, values, gain }) =>
      html`<tr><td><b>${model}</b></td>${cell(values.fixed)}${cell(values.finetune)}${cell(values.scratch)}<td class="right number">${gain === null ? '–' : points(gain)}</td></tr>`,
  )}</tbody>
</table>`;
}
