/**
 * A figure as the page shows it: title, how to read it, drawings, and below them its data as a table and as a CSV
 * file, and itself as an SVG file. Files are data URIs, so that they can be saved without a request or a script.
 */
import { countOf } from '../../format.ts';
import { html, type Markup } from '../../markup.ts';
import { responsive } from '../../page/parts.ts';
import { type Panel, svgFile } from '../svg-file.ts';
import { dataTable, type FigureData, figureCsv } from './data.ts';

export interface StudyFigure {
  /** Names the files: letters, digits and hyphens. */
  readonly id: string;
  readonly title: string;
  /** One or two sentences on what the marks mean. */
  readonly reading: string;
  readonly key?: Markup;
  readonly panels: readonly Panel[];
  /** How the panels are shown; side by side where it is left out. */
  readonly body?: Markup;
  readonly data: FigureData;
}

/** Widths in pixels of drawings of which a desktop shows three or six side by side, and a phone one or two. */
export const THIRD = 320;
export const SIXTH = 162;

export function figureCard({ id, title, reading, key, panels, body, data }: StudyFigure): Markup {
  const files = [
    fileLink(`${id}.csv`, 'text/csv', figureCsv(data), 'CSV'),
    fileLink(`${id}.svg`, 'image/svg+xml', svgFile(title, panels), 'SVG'),
  ];
  return html`<div class="card"><figure id="figure-${id}"><figcaption><b>${title}</b><span>${reading}</span></figcaption>
${key ?? null}${body ?? panelGrid(panels, 'three')}
<div class="files">Save as ${files}</div>
<details class="data"><summary>The numbers <span>${countOf(data.rows.length, 'row')}</span></summary>${dataTable(data)}</details>
</figure></div>`;
}

/** Drawings side by side, as many as fit. */
export function panelGrid(panels: readonly Panel[], grid: 'three' | 'many'): Markup {
  return html`<div class="${grid}">${panels.map(
    ({ title, svg }) =>
      html`<div class="panel">${title === '' ? null : html`<p class="panel-title">${title}</p>`}${svg}</div>`,
  )}</div>`;
}

/** The same drawing for a desktop and a phone: what is shown, and the panel that becomes a file. */
export function onePanel(drawing: (width: number) => Markup): Pick<StudyFigure, 'panels' | 'body'> {
  return { panels: [{ title: '', svg: drawing(490) }], body: responsive(drawing) };
}

/** A link that saves a text as a file. */
export function fileLink(name: string, mediaType: string, text: string, label: string): Markup {
  const content = Buffer.from(text, 'utf8').toString('base64');
  return html`<a class="file" download="${name}" href="data:${mediaType};charset=utf-8;base64,${content}">${label}</a>`;
}

/** A part of a file's name: lower case letters, digits and hyphens of a text, whatever it is. */
export function slug(text: string): string {
  const plain = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return plain.slice(0, 40) || 'x';
}
