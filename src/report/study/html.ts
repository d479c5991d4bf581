/**
 * The page of a study: one HTML file that needs no network and no other file. Its content security policy forbids
 * every request and every script but the one that shows values, which it names by hash.
 */
import { countOf, duration } from '../format.ts';
import { html, type Markup } from '../markup.ts';
import { prose } from '../page/parts.ts';
import { pageText } from '../page/shell.ts';
import { STYLE } from '../page/style.ts';
import { claimsPart } from './page/claims.ts';
import { convergencePart, sizePart } from './page/growth.ts';
import { embeddingPart, panelsPart, type ThumbnailsByDataset } from './page/pictures.ts';
import { regularisationPart } from './page/regularisation.ts';
import { studyReproducePart } from './page/reproduce.ts';
import { scoresPart, seedsPart } from './page/scores.ts';
import { SCRIPT, SCRIPT_POLICY } from './page/script.ts';
import { settingsPart } from './page/settings.ts';
import { STUDY_STYLE } from './page/style.ts';
import { tableIndex, tablesPart } from './page/tables.ts';
import { datasetTransferPart, transferPart } from './page/transfer.ts';
import type { StudyDocument } from './schema.ts';

interface StudyPageExtras {
  /** Small pictures as data URIs, by name of the data set and id of the image; missing ones show the id. */
  readonly thumbnails: ThumbnailsByDataset;
}

/** The whole page as text. */
export function studyHtml(document: StudyDocument, { thumbnails }: StudyPageExtras): string {
  const parts = pageParts(document, thumbnails);
  return pageText({
    document,
    style: STYLE + STUDY_STYLE,
    header: header(document, parts),
    main: html`${parts.map(({ body }) => body)}`,
    script: { text: SCRIPT, policy: SCRIPT_POLICY },
  });
}

interface Part {
  readonly id: string;
  /** In the list of parts at the top. */
  readonly name: string;
  readonly body: Markup;
}

/** The parts that the study has something for, in their order on the page. */
function pageParts(document: StudyDocument, thumbnails: ThumbnailsByDataset): Part[] {
  const tables = tableIndex(document);
  const rest = present([
    ['each-data-set', 'Each data set', datasetTransferPart(document, tables)],
    ['settings', 'Settings', settingsPart(document, tables)],
    ['regularisation', 'Regularisation', regularisationPart(document, tables)],
    ['convergence', 'Steps', convergencePart(document, tables)],
    ['size', 'Images', sizePart(document, tables)],
    ['scores', 'Scores', scoresPart(document, tables)],
    ['features', 'Features', embeddingPart(document, tables)],
    ['pictures', 'Pictures', panelsPart(document, thumbnails)],
    ['seeds', 'Seeds', seedsPart(document, tables)],
    ['tables', 'Tables', tablesPart(tables)],
    ['reproduce', 'Reproduce', studyReproducePart(document)],
  ]);
  const first = present([['transfer', 'Source and transfer', transferPart(document, tables)]]);
  const shown = new Set([...first, ...rest].map(({ id }) => id));
  return [...first, ...present([['claims', 'Claims', claimsPart(document, shown, tables)]]), ...rest];
}

function present(parts: readonly (readonly [string, string, Markup | null])[]): Part[] {
  return parts.flatMap(([id, name, body]) => (body ? [{ id, name, body }] : []));
}

function header(document: StudyDocument, parts: readonly Part[]): Markup {
  const { title, description, verdict, datasets, models, cells, protocol, cost, startedAt } = document;
  return html`<header class="top">
<p class="question"><b>${title}</b></p>
<h1>${prose(verdict.headline)}</h1>
<ul class="reasons">${verdict.sentences.map((sentence) => html`<li>${prose(sentence)}</li>`)}</ul>
${description === '' ? null : html`<p class="description">${description}</p>`}
<ul class="badges">
<li><b>${countOf(datasets.length, 'data set')}</b></li>
<li><b>${countOf(models.length, 'network')}</b></li>
<li><b>${countOf(cells.length, 'run')}</b> in ${duration(cost.seconds)}</li>
<li>protocol <b>${protocol.name}</b> ${protocol.hash.slice(0, 8)}</li>
<li>${startedAt.slice(0, 10)}</li>
</ul>
<nav aria-label="Parts of this page">${parts.map(({ id, name }) => html`<a href="#${id}">${name}</a>`)}</nav>
</header>`;
}
