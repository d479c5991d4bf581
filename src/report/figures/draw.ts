/**
 * How every figure is drawn: Observable Plot over linkedom's document, so that no browser is needed. Colours
 * are CSS variables of the page, so that one drawing serves the light and the dark scheme.
 */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { html, Markup, visible } from '../markup.ts';

const { document } = parseHTML('<!doctype html><html><body></body></html>');

/** What is used here of the element that Plot returns. */
interface Svg {
  readonly outerHTML: string;
  setAttribute(name: string, value: string): void;
  querySelector(selector: string): { remove(): void } | null;
}

/** SVG text of a plot; `label` is read to those who cannot see it. */
export function draw(label: string, options: Plot.PlotOptions): Markup {
  const svg = Plot.plot({ ...options, document, style: { fontSize: '12px' } }) as unknown as Svg;
  // The page's own style sheet has these few rules; repeated in each figure they would cost kilobytes.
  svg.querySelector('style')?.remove();
  svg.setAttribute('class', 'plot');
  svg.setAttribute('role', 'img');
  svg.setAttribute('font-family', 'inherit');
  svg.setAttribute('font-size', '12');
  const content = svg.outerHTML.replace(/<[a-z][^>]*>/g, shortNumbers);
  // linkedom leaves < and & in attributes as they are: allowed, but names are hostile, so the label is escaped here.
  return new Markup(content.replace('<svg', () => html`<svg aria-label="${label}"`.text));
}

/** Hundredths of a pixel cannot be seen, and a page of many figures is a third smaller without them. */
function shortNumbers(tag: string): string {
  return tag.replace(/\d+\.\d{3,}(?!\d*e)/g, (number) => String(Number(Number(number).toFixed(2))));
}

/** At most `length` characters; what is left out is in the middle, since names that begin alike differ at the end. */
export function shortened(text: string, length: number): string {
  const characters = [...visible(text)];
  if (characters.length <= length) return characters.join('');
  const end = Math.floor((length - 1) / 2);
  const [head, tail] = [characters.slice(0, length - 1 - end), characters.slice(characters.length - end)];
  return `${head.join('')}…${tail.join('')}`;
}

const PICTURE = /^data:image\/(png|jpeg|webp|avif|gif|svg\+xml);base64,[A-Za-z0-9+/=]+$/;

/** Whether a thumbnail is a picture in base64: nothing else may stand in an address of the page. */
export function isPicture(uri: string | undefined): uri is string {
  return uri !== undefined && PICTURE.test(uri);
}

/** Ticks of shares. */
export function percentTick(share: number): string {
  return `${Number((100 * share).toFixed(1))}%`;
}

/** A colour per model that is the same in all figures of the page. */
export function modelColor(index: number): string {
  return `var(--series-${(index % 8) + 1})`;
}

export const COLORS = {
  ink: 'var(--ink)',
  muted: 'var(--muted)',
  line: 'var(--line)',
  good: 'var(--good)',
  bad: 'var(--bad)',
  accent: 'var(--accent)',
} as const;
