/**
 * The page of `compare`: one HTML file that needs no network, no script and no other file. Its content
 * security policy forbids every request and every script, so that nothing in the data can make one.
 */
import type { CellOutcome, FinishedCell } from '../store/records.ts';
import { countOf, duration } from './format.ts';
import { html, type Markup } from './markup.ts';
import { acrossPart } from './page/across.ts';
import { detailBlocks } from './page/details.ts';
import { prose } from './page/parts.ts';
import { datasetPart } from './page/ranking.ts';
import { reproducePart } from './page/reproduce.ts';
import { pageText } from './page/shell.ts';
import { STYLE } from './page/style.ts';
import type { CompareDocument, Ranking } from './schema.ts';

export interface PageExtras {
  /** The outcomes that the document was made of: curves, trials and predictions are drawn from them. */
  readonly outcomes: readonly CellOutcome[];
  /** Small pictures as data URIs, by name of the data set and id of the image; missing ones show the id. */
  readonly thumbnails: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

/** The whole page as text. */
export function compareHtml(document: CompareDocument, { outcomes, thumbnails }: PageExtras): string {
  const models = document.models.map(({ name }) => name);
  const finished = new Map(outcomes.flatMap((o) => (o.status === 'done' ? [[o.cell.key, o] as const] : [])));
  const parts = document.datasets.map((dataset, i) => {
    const ranking = document.rankings[i];
    const cells = firstSeeds(ranking, finished);
    const details = detailBlocks(dataset, cells, models, thumbnails.get(dataset.name));
    return datasetPart(dataset, ranking, `data-${i + 1}`, details, document.datasets.length === 1);
  });
  const main = html`${document.acrossDatasets ? acrossPart(document.acrossDatasets) : null}
${parts}
${reproducePart(document)}`;
  return pageText({ document, style: STYLE, header: header(document), main });
}

/** The first seed of every candidate, in the order of the ranking. */
function firstSeeds(ranking: Ranking, finished: ReadonlyMap<string, FinishedCell>): FinishedCell[] {
  return ranking.candidates.flatMap(({ keys }) => finished.get(keys[0]) ?? []);
}

function header(document: CompareDocument): Markup {
  const { datasets, models, cells, protocol, verdict, acrossDatasets } = document;
  const links = [
    ...(acrossDatasets ? [{ id: 'across', name: 'All data sets' }] : []),
    ...datasets.map(({ name }, i) => ({ id: `data-${i + 1}`, name })),
    { id: 'reproduce', name: 'Reproduce' },
  ];
  return html`<header class="top">
<p class="question"><b>${document.title}</b> · Which pre-trained network to start from: keep it fixed, fine-tune it, or train from scratch?</p>
<h1>${prose(verdict.headline)}</h1>
<ul class="reasons">${verdict.sentences.map((sentence) => html`<li>${prose(sentence)}</li>`)}</ul>
<ul class="badges">
<li><b>${countOf(datasets.length, 'data set')}</b></li>
<li><b>${countOf(models.length, 'network')}</b></li>
<li><b>${countOf(cells.length, 'run')}</b> in ${duration(document.cost.seconds)}</li>
<li>protocol <b>${protocol.name}</b> ${protocol.hash.slice(0, 8)}</li>
<li>${document.startedAt.slice(0, 10)}</li>
</ul>
<nav aria-label="Parts of this page">${links.map(({ id, name }) => html`<a href="#${id}">${name}</a>`)}</nav>
</header>`;
}
