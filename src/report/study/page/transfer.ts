/** The parts of the page on source accuracy against transfer accuracy: figures 1 and 2. */
import type { Setting } from '../../../store/records.ts';
import { countOf, listed, METRIC_NAMES, pValueText, SETTING_NAMES } from '../../format.ts';
import { html, type Markup } from '../../markup.ts';
import { type LegendEntry, legend } from '../../page/parts.ts';
import { SETTINGS } from '../../ranking.ts';
import { drawDatasetTransfer, drawTransfer, isUntested } from '../figures/transfer.ts';
import type { CorrelationSummary, Figure1Panel, Figure2Panel, StudyDocument } from '../schema.ts';
import { figureCard, panelGrid, SIXTH, type StudyFigure, THIRD } from './figure.ts';
import { named, rowsWith, type TableIndex, tableCard } from './tables.ts';

const KEY_ENTRIES: readonly LegendEntry[] = [
  { name: 'the best network, or not significantly worse', sample: dot('var(--good)') },
  { name: 'significantly worse', sample: dot('var(--muted)') },
  {
    name: 'regression, 95% bootstrap band',
    sample: html`<rect width="18" height="12" fill="var(--accent)" fill-opacity="0.15"/><line x1="0" x2="18" y1="9" y2="3" stroke="var(--accent)" stroke-width="1.5"/>`,
  },
];

const UNTESTED: LegendEntry = { name: 'no test', sample: dot('none', 'var(--muted)') };

function dot(fill: string, stroke = 'none'): Markup {
  return html`<circle cx="9" cy="6" r="4.5" fill="${fill}" stroke="${stroke}"/>`;
}

export function transferPart({ figure1 }: StudyDocument, tables: TableIndex): Markup | null {
  const figure = transferFigure(figure1, tables);
  if (!figure) return null;
  return html`<section class="part" id="transfer"><div class="lead"><h2>Do networks that are better on the source set transfer better?</h2>
<p>Each dot is a network. Accuracies are on the logit scale, ln(right / wrong), where halving the errors counts the same everywhere, and the difficulty of each data set is taken out.</p></div>
${figureCard(figure)}
${correlationTable(figure1)}</section>`;
}

/** Figure 1, or null where nothing can be drawn: without source accuracies. */
function transferFigure(figure1: readonly Figure1Panel[], tables: TableIndex): StudyFigure | null {
  const panels = figure1.filter(({ points }) => points.some(({ source }) => source));
  if (panels.length === 0) return null;
  const untested = panels.some(({ points }) => points.some(isUntested));
  const bars = 'Vertical bar: one standard error over data sets (after Morey).';
  return {
    id: 'figure-1',
    title: 'Source accuracy and transfer accuracy',
    reading: untested
      ? `${bars} One data set allows no test and no bar: only the best network has a colour.`
      : bars,
    key: legend(untested ? [...KEY_ENTRIES, UNTESTED] : KEY_ENTRIES),
    panels: panels.map((panel) => ({
      title: capital(SETTING_NAMES[panel.setting]),
      svg: drawTransfer(panel, THIRD),
    })),
    tables: named(tables, 'figure-1', 'correlations', 'regression-bands'),
  };
}

/** Networks and data sets that a panel lacks. */
function left({ models, datasets }: Figure1Panel['excluded']): string[] {
  return [...models.map(({ model }) => model), ...datasets];
}

function correlationTable(figure1: readonly Figure1Panel[]): Markup {
  const number = (c: CorrelationSummary) => (c ? c.coefficient.toFixed(2).replace('-', '−') : '–');
  const range = (c: CorrelationSummary) =>
    c?.interval ? `${c.interval.low.toFixed(2)} to ${c.interval.high.toFixed(2)}`.replaceAll('-', '−') : '–';
  const p = (c: CorrelationSummary) => (c ? pValueText(c.pValue) : '–');
  return tableCard(
    'Correlation of source and transfer accuracy',
    'Over networks, both on the logit scale.',
    html`<table>
<thead><tr><th>Setting</th><th class="right">Networks</th><th class="right">Pearson r</th><th class="right">95% interval</th><th class="right">p</th><th class="right">Spearman ρ</th><th>By size of the data sets</th></tr></thead>
<tbody>${figure1.map(
      ({ setting, pearson, spearman, bySize, excluded }) =>
        html`<tr><td><b>${capital(SETTING_NAMES[setting])}</b>${left(excluded).length > 0 ? html`<small>left out: ${listed(left(excluded))}</small>` : null}</td><td class="right number">${pearson?.n ?? '–'}</td><td class="right number">${number(pearson)}</td><td class="right number">${range(pearson)}</td><td class="right number">${p(pearson)}</td><td class="right number">${number(spearman)}</td><td>${bySize.map(
          ({ group, datasets, below, pearson: own }) =>
            html`<span class="line">${group === 'small' ? 'under' : 'from'} ${below.toLocaleString('en-US')} images: r = ${number(own)} <small class="inline">(${countOf(datasets.length, 'data set')})</small></span>`,
        )}</td></tr>`,
    )}</tbody></table>`,
  );
}

export function datasetTransferPart({ figure2 }: StudyDocument, tables: TableIndex): Markup | null {
  const figures = SETTINGS.flatMap((setting) => datasetTransferFigure(figure2, setting, tables) ?? []);
  if (figures.length === 0) return null;
  return html`<section class="part" id="each-data-set"><div class="lead"><h2>The same on each data set</h2>
<p>Source accuracy (across) against the test metric (up), a panel per data set. Touch, point at or tab to a dot to read it.</p></div>
${figures.map(figureCard)}</section>`;
}

/** Figure 2 of one setting, or null where it was not run. */
function datasetTransferFigure(
  figure2: readonly Figure2Panel[],
  setting: Setting,
  tables: TableIndex,
): StudyFigure | null {
  const own = figure2.filter((panel) => panel.setting === setting);
  const drawn = own
    .filter(({ points }) => points.some(({ source }) => source))
    .map((panel) => ({ title: panel.dataset, svg: drawDatasetTransfer(panel, SIXTH) }));
  if (drawn.length === 0) return null;
  const metrics = [...new Set(own.map(({ metric }) => METRIC_NAMES[metric]))];
  return {
    id: `figure-2-${setting}`,
    title: capital(SETTING_NAMES[setting]),
    reading: `Up: ${metrics.join(' or ')}. Bar: 95% interval of the test images. r: Pearson correlation of the logits.`,
    key: legend(KEY_ENTRIES),
    panels: drawn,
    body: panelGrid(drawn, 'many'),
    tables: named(tables, 'figure-2').map((table) =>
      rowsWith(table, `${table.name}-${setting}`, { Setting: setting }),
    ),
  };
}

/** The first letter large. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
