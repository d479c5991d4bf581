/** Pieces that several parts of the page are made of. */
import { html, type Markup } from '../markup.ts';

/** Width in pixels of a small figure: it fits a phone, and three stand side by side on a desktop. */
export const SMALL = 308;

/** A figure with its title and one sentence on how to read it. */
export function figure(title: string, reading: string, body: Markup | readonly Markup[]): Markup {
  return html`<figure><figcaption><b>${title}</b><span>${reading}</span></figcaption>${body}</figure>`;
}

/** The same figure drawn for a desktop and for a phone; the style sheet shows one of them. */
export function responsive(drawing: (width: number) => Markup): Markup {
  return html`<div class="wide">${drawing(490)}</div><div class="narrow">${drawing(SMALL)}</div>`;
}

/** A sentence whose numbers stay on one line with their units; `fine-tuned` is not broken either. */
export function prose(sentence: string): string {
  return sentence
    .replaceAll('fine-tuned', 'fine\u2011tuned')
    .replace(/\bp ([=<]) (?=[\d.])/g, 'p\u00a0$1\u00a0')
    .replace(/(\d) (?=(?:points|times|s|min|h|days|test images)\b)/g, '$1\u00a0');
}

export interface LegendEntry {
  readonly name: string;
  /** Drawn into a box of 18 x 12. */
  readonly sample: Markup;
}

export function legend(entries: readonly LegendEntry[]): Markup {
  return html`<ul class="legend">${entries.map(
    ({ name, sample }) =>
      html`<li><svg width="18" height="12" aria-hidden="true">${sample}</svg>${name}</li>`,
  )}</ul>`;
}

export function lineSample(color: string, dashed = false): Markup {
  const dash = dashed ? '5,4' : 'none';
  return html`<line x1="0" x2="18" y1="6" y2="6" stroke="${color}" stroke-width="2" stroke-dasharray="${dash}"/>`;
}

/** A list of names and values. */
export function definitions(entries: Readonly<Record<string, unknown>>): Markup {
  return html`<dl>${Object.entries(entries).map(
    ([name, value]) => html`<dt>${name}</dt><dd>${valueText(value)}</dd>`,
  )}</dl>`;
}

function valueText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object')) return value.join(', ');
  return JSON.stringify(value, rounded) ?? '';
}

/** Four digits are enough to read; the embedded JSON has them all. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(4)) : value;
}
