/** Block of a data set's part: copies of images that the audit found, and what they did to the best accuracy. */
import type { FinishedCell } from '../../store/records.ts';
import { isPicture } from '../figures/draw.ts';
import { countOf, integer } from '../format.ts';
import { html, type Markup } from '../markup.ts';
import type { DatasetAudit } from '../schema.ts';
import { auditSentences } from '../verdict.ts';

/** Sentences, and the groups of copies as pictures; images without a thumbnail show their names. */
export function copiesBody(
  audit: DatasetAudit,
  best: FinishedCell | undefined,
  thumbnails: ReadonlyMap<string, string> | undefined,
): Markup[] {
  const sentences = [...auditSentences(audit), ...(best ? effectSentences(audit, best) : [])];
  const rest = audit.groupCount - audit.groups.length;
  return [
    html`<p>Every image was compared with every other, byte for byte and by what it shows: encoded again, resized, mirrored, brighter or darker. ${sentences.join(' ')}</p>`,
    html`<ul class="copies">${audit.groups.map((group) => groupItem(group, thumbnails))}</ul>`,
    ...(rest > 0 ? [html`<p class="muted small">${countOf(rest, 'more group')} not shown.</p>`] : []),
  ];
}

/** What stands beside the block's title. */
export function copiesSummary({ groupCount, images }: DatasetAudit): string {
  if (groupCount === 0) return `none among ${integer(images)} images`;
  return `${countOf(groupCount, 'group')} among ${integer(images)} images`;
}

function groupItem(
  { kind, images, size, mirrored, correlation }: DatasetAudit['groups'][number],
  thumbnails: ReadonlyMap<string, string> | undefined,
): Markup {
  const how = kind === 'exact' ? 'same bytes' : `correlation ${correlation.toFixed(3)}`;
  const shown = images.map(({ id, split, label }) => {
    const uri = thumbnails?.get(id);
    const picture = isPicture(uri)
      ? html`<img src="${uri}" alt="${id}" title="${id}">`
      : html`<span class="no-picture">${id}</span>`;
    return html`<li>${picture}<span class="picture-true"><b>${split}</b></span><span class="picture-predicted">${label ?? ''}</span></li>`;
  });
  const rest = size - images.length;
  return html`<li><ul class="pictures">${shown}</ul><p class="muted small">${how}${mirrored ? ', mirrored' : ''}${rest > 0 ? `; ${integer(rest)} more` : ''}</p></li>`;
}

/** How often the best network is right on test images that have a copy in a part that it was fitted to, and else. */
function effectSentences(audit: DatasetAudit, { result }: FinishedCell): string[] {
  if (result.predictions.some(({ labels }) => labels)) return [];
  const leaked = new Set(
    audit.overlaps.flatMap(({ split, images }) => (split === 'test' ? [...images] : [])),
  );
  const [copies, others] = [true, false].map((inside) => {
    const part = result.predictions.filter(({ image }) => leaked.has(image) === inside);
    return { n: part.length, right: part.filter(({ label, predicted }) => label === predicted).length };
  });
  if (copies.n === 0 || others.n === 0) return [];
  return [
    `The best network is right on ${copies.right} of the ${countOf(copies.n, 'test image')} with such a copy, and on ` +
      `${((100 * others.right) / others.n).toFixed(1)}% of the ${integer(others.n)} others: the fairer number.`,
  ];
}
