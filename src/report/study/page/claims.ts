/** The part of the page that holds the paper's claims against this study. */
import { html, type Markup } from '../../markup.ts';
import { prose } from '../../page/parts.ts';
import type { Claim, StudyDocument } from '../schema.ts';
import { named, type TableIndex, tableFiles } from './tables.ts';

const VERDICTS: Readonly<
  Record<Claim['verdict'], { readonly word: string; readonly mark: string; readonly style: string }>
> = {
  supported: { word: 'supported', mark: '✓', style: 'yes' },
  contradicted: { word: 'contradicted', mark: '✗', style: 'no' },
  'not enough data': { word: 'not enough data', mark: '?', style: 'open' },
};

const ORDER: readonly Claim['verdict'][] = ['supported', 'contradicted', 'not enough data'];

const FIGURES: Readonly<Record<Claim['figure'], string>> = {
  figure1: 'transfer',
  settings: 'settings',
  regularisation: 'regularisation',
  convergence: 'convergence',
  datasetSize: 'size',
};

/** @param shown ids of the parts that the page has, so that no link leads nowhere */
export function claimsPart(
  { claims }: StudyDocument,
  shown: ReadonlySet<string>,
  tables: TableIndex,
): Markup | null {
  if (claims.length === 0) return null;
  const topics = [...new Set(claims.map(({ topic }) => topic))];
  return html`<section class="part" id="claims"><div class="lead"><h2>The paper’s claims</h2>
<p>Each claim of the paper with its value there, the value here, and whether this study’s data supports it. The rule of each verdict stands under its claim.</p>
<ul class="tally">${ORDER.map((verdict) => html`<li>${pill(verdict)} <b>${claims.filter((claim) => claim.verdict === verdict).length}</b></li>`)}</ul></div>
<div class="card"><table class="claims">
<thead><tr><th>Claim</th><th>Paper</th><th>Here</th><th>95% interval</th><th>Verdict</th></tr></thead>
${topics.map(
  (topic) =>
    html`<tbody><tr class="topic"><th colspan="5">${topic}</th></tr>${claims.filter((claim) => claim.topic === topic).map((claim) => claimRow(claim, shown))}</tbody>`,
)}</table>
${named(tables, 'claims').map((table) => html`<div class="files">Save as ${tableFiles(table)}</div>`)}</div></section>`;
}

function claimRow(claim: Claim, shown: ReadonlySet<string>): Markup {
  const { claim: text, paper, study, interval, n, unit, verdict, rule, reason, figure } = claim;
  const target = FIGURES[figure];
  const range = interval ? `${compact(interval.low)} to ${compact(interval.high)}` : '–';
  return html`<tr><td data-name="Claim">${prose(text)}<details class="rule"><summary>Rule</summary><p>${rule}</p></details></td>
<td data-name="Paper">${paper}</td>
<td data-name="Here">${study ?? '–'}${n > 0 ? html`<small>${n} ${unit}</small>` : null}</td>
<td data-name="95% interval" class="number">${range}</td>
<td data-name="Verdict">${pill(verdict)}<small>${prose(reason)}${shown.has(target) ? html` <a href="#${target}">See the data</a>` : null}</small></td></tr>`;
}

function pill(verdict: Claim['verdict']): Markup {
  const { word, mark, style } = VERDICTS[verdict];
  return html`<span class="verdict ${style}"><span aria-hidden="true">${mark}</span> ${word}</span>`;
}

function compact(value: number): string {
  return value.toFixed(Math.abs(value) < 10 ? 2 : 0).replace('-', '−');
}
