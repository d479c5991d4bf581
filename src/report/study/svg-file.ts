/**
 * A figure as a file of its own: the panels of the page side by side, with their titles, in the colours of the
 * light scheme, since a file has no style sheet. Well-formed XML whatever the names are.
 */
import { shortened } from '../figures/draw.ts';
import { html, Markup } from '../markup.ts';
import { LIGHT } from '../page/style.ts';

/** One drawing of a figure. */
export interface Panel {
  /** Stands above the drawing; empty where the figure is this one panel. */
  readonly title: string;
  readonly svg: Markup;
}

const GAP = 24;
const EDGE = 16;
const TITLE = 22;
/** Of the widest file; panels that do not fit beside each other go below. */
const WIDEST = 1200;
/** Pixels per character of a title, on average. */
const CHARACTER = 6.6;

export function svgFile(title: string, panels: readonly Panel[]): string {
  const sizes = panels.map(({ svg }) => sizeOf(svg));
  const cell = {
    width: Math.max(1, ...sizes.map(({ width }) => width)),
    height: Math.max(1, ...sizes.map(({ height }) => height)),
  };
  const titled = panels.some((panel) => panel.title !== '') ? TITLE : 0;
  const fits = Math.max(1, Math.floor((WIDEST - 2 * EDGE + GAP) / (cell.width + GAP)));
  const columns = Math.min(Math.max(1, panels.length), fits);
  const rows = Math.ceil(panels.length / columns);
  const width = 2 * EDGE + columns * (cell.width + GAP) - GAP;
  const top = EDGE + TITLE + 6;
  const height = top + rows * (cell.height + titled + GAP) - GAP + EDGE;
  const drawings = panels.map((panel, i) => {
    const x = EDGE + (i % columns) * (cell.width + GAP);
    const y = top + Math.floor(i / columns) * (cell.height + titled + GAP);
    const name = shortened(panel.title, Math.floor(cell.width / CHARACTER));
    const heading = html`<text x="${x}" y="${y + 14}" font-weight="600" fill="var(--ink)">${name}</text>`;
    return html`${titled > 0 ? heading : null}${nested(panel.svg, x, y + titled)}`;
  });
  const heading = shortened(title, Math.floor((width - 2 * EDGE) / (CHARACTER * 1.2)));
  const file = html`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="Helvetica, Arial, sans-serif" font-size="12">
<title>${title}</title>
<rect width="${width}" height="${height}" fill="var(--surface)"/>
<text x="${EDGE}" y="${EDGE + 14}" font-size="15" font-weight="600" fill="var(--ink)">${heading}</text>
${drawings}
</svg>
`;
  return file.text.replace(/var\(--([a-z0-9-]+)\)/g, (_, name: string) => LIGHT[name] ?? LIGHT.muted);
}

/** The opening tag of a drawing: attributes may contain `>`, but no quote. */
const OPENING = /^<svg(?:[^>"]|"[^"]*")*>/;

function sizeOf(svg: Markup): { width: number; height: number } {
  const [opening] = OPENING.exec(svg.text) ?? [''];
  const number = (name: string) => Number(new RegExp(` ${name}="([\\d.]+)"`).exec(opening)?.[1] ?? 0);
  return { width: number('width'), height: number('height') };
}

/** A drawing at a place of the file; its opening tag is written anew, as HTML escapes attributes less than XML. */
function nested(svg: Markup, x: number, y: number): Markup {
  const { width, height } = sizeOf(svg);
  // A noncharacter may stand in HTML but not in XML.
  const content = svg.text.replace(OPENING, '').replace(/[\uFFFE\uFFFF]/g, '\uFFFD');
  return new Markup(
    html`<svg x="${x}" y="${y}" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" fill="currentColor" color="var(--muted)" text-anchor="middle" font-size="12">`
      .text + content,
  );
}
