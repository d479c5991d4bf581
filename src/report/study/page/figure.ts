/**
 * A figure as the page shows it: title, how to read it, drawings, and below them its data as a table and as a CSV
 * file, and itself as an SVG file. Files are data URIs, so that they can be saved without a request or a script.
 */
import { countOf } from '../../format.ts';
import { html, type Markup } from '../../markup.ts';
import { responsive } from '../../page/parts.ts';
import { type Panel, svgFile } from '../svg-file.ts';
import type { Table } from '../tables/table.ts';
import { fileLink, tableBlocks, tableFiles } from './tables.ts';

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
  /** Every number that is drawn. */
  readonly tables: readonly Table[];
}

/** Widths in pixels of drawings of which a desktop shows three or six side by side, and a phone one or two. */
export const THIRD = 320;
export const SIXTH = 162;

export function figureCard({ id, title, reading, key, panels, body, tables }: StudyFigure): Markup {
  const files = [
    fileLink(`${id}.svg`, 'image/svg+xml', svgFile(title, panels), 'SVG'),
    ...tables.slice(0, 1).flatMap(tableFiles),
  ];
  return html`<div class="card"><figure id="${id}-figure"><figcaption><b>${title}</b><span>${reading}</span></figcaption>
${key ?? null}${body ?? panelGrid(panels, 'three')}
<div class="files">Save as ${files}</div>
<details class="data"><summary>The numbers <span>${countOf(tables.length, 'table')}</span></summary>${tableBlocks(tables)}</details>
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

/** A part of a file's name: lower case letters, digits and hyphens of a text, whatever it is. */
export function slug(text: string): string {
  const plain = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return plain.slice(0, 40) || 'x';
}
