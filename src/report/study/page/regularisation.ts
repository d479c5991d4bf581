/** The part of the page on how networks were regularised while they were pre-trained. */
import { percent, SETTING_NAMES } from '../../format.ts';
import { html, type Markup } from '../../markup.ts';
import { legend } from '../../page/parts.ts';
import { settingSample } from '../../page/ranking.ts';
import { SETTINGS } from '../../ranking.ts';
import { drawEffects, SOURCE_MARK, SWITCH_NAMES } from '../figures/regularisation.ts';
import { signed } from '../figures/words.ts';
import type { Regularisation, StudyDocument } from '../schema.ts';
import { figureCard, onePanel, type StudyFigure } from './figure.ts';
import { named, type TableIndex, tableCard } from './tables.ts';

export function regularisationPart({ regularisation }: StudyDocument, tables: TableIndex): Markup | null {
  if (!regularisation) return null;
  return html`<section class="part" id="regularisation"><div class="lead"><h2>Regularisation while pre-training</h2>
<p>The same network was pre-trained with one switch changed at a time, starting from <b>${regularisation.base}</b>. What helps on the source set need not help its features.</p></div>
${regularisation.effects.length > 0 ? figureCard(regularisationFigure(regularisation, tables)) : null}
${variantTable(regularisation)}</section>`;
}

function regularisationFigure(regularisation: Regularisation, tables: TableIndex): StudyFigure {
  const transferred = SETTINGS.filter((setting) =>
    regularisation.effects.some(({ transfer }) => transfer.some((own) => own.setting === setting)),
  );
  return {
    id: 'regularisation',
    title: 'Effect of each switch',
    reading:
      'On minus off, in logits: right of zero the switch helps. Bar: 95% interval over data sets; source accuracy is one number without an interval.',
    key: legend([
      ...transferred.map((setting) => ({ name: SETTING_NAMES[setting], sample: settingSample(setting) })),
      ...(regularisation.effects.some(({ source }) => source)
        ? [
            {
              name: 'source accuracy',
              sample: html`<path d="M9,0 L15,6 L9,12 L3,6 Z" fill="${SOURCE_MARK.color}"/>`,
            },
          ]
        : []),
    ]),
    ...onePanel((width) => drawEffects(regularisation, width)),
    tables: named(tables, 'pretraining-switches', 'pretraining-switches-datasets', 'pretraining-variants'),
  };
}

function variantTable({ variants }: Regularisation): Markup {
  const settings = SETTINGS.filter((setting) =>
    variants.some(({ scores }) => scores.some((score) => score.setting === setting)),
  );
  const state = (on: boolean) => (on ? html`<td class="on">on</td>` : html`<td class="muted">off</td>`);
  return tableCard(
    'Variants',
    'Score: mean over data sets of the logit accuracy minus the mean of all variants, ± one standard error.',
    html`<table>
<thead><tr><th>Network</th>${Object.values(SWITCH_NAMES).map((name) => html`<th>${name}</th>`)}<th class="right">Source</th>${settings.map((setting) => html`<th class="right">${SETTING_NAMES[setting]}</th>`)}</tr></thead>
<tbody>${variants.map(
      ({ model, gamma, labelSmoothing, dropout, auxiliary, source, scores }) =>
        html`<tr><td><b>${model}</b></td>${state(gamma)}${state(labelSmoothing)}${state(dropout)}${state(auxiliary)}<td class="right number">${source ? percent(source.value) : '–'}</td>${settings.map(
          (setting) => {
            const own = scores.find((score) => score.setting === setting);
            return html`<td class="right number">${own ? signed(own.score) : '–'}${own && own.standardError !== null ? html`<small>± ${own.standardError.toFixed(2)}</small>` : null}</td>`;
          },
        )}</tr>`,
    )}</tbody></table>`,
  );
}
