/** The part of the page on all data sets together. */
import { acrossRows, drawAcross } from '../figures/across.ts';
import { candidateName, duration, listed, percent, pValueText, SETTING_NAMES } from '../format.ts';
import { html, type Markup } from '../markup.ts';
import type { AcrossDatasets } from '../schema.ts';
import { figure, responsive } from './parts.ts';

export function acrossPart(across: AcrossDatasets): Markup {
  const rows = acrossRows(across);
  const left = across.excluded.map((c) => `${candidateName(c)} (nothing on ${listed(c.missing)})`);
  return html`<section class="part" id="across">
<div class="lead"><h2>${across.datasets.length === 2 ? 'Both' : `All ${across.datasets.length}`} data sets together</h2>
<p>Data sets differ in difficulty far more than networks differ in quality. So accuracies are put on the logit scale, ln(right / wrong), where halving the errors counts the same everywhere, and the mean of all candidates on a data set is subtracted from each.</p>
${left.length > 0 ? html`<p class="muted small">Left out: ${left.join('; ')}.</p>` : null}</div>
<div class="two">
<div class="card"><table class="ranking">
<caption>Ranking over data sets <span>Accuracy: the score put back on a data set of average difficulty.</span></caption>
<thead><tr><th></th><th>Network and setting</th><th class="right">Score<br>± s.e.</th><th class="right">Accuracy<br>p to best</th><th class="right">Time</th></tr></thead>
<tbody>${across.candidates.map(acrossRow)}</tbody></table></div>
<div class="card">${figure(
    'Adjusted scores',
    'Dot: mean over data sets. Bar: one standard error (s.e., after Morey) to either side. Green: the best, and those not significantly worse in a paired t-test over data sets (each test by itself). Right: accuracy on a data set of average difficulty.',
    responsive((width) => drawAcross(rows, width)),
  )}</div>
</div></section>`;
}

function acrossRow(candidate: AcrossDatasets['candidates'][number]): Markup {
  const { rank, model, setting, score, standardError, accuracy, seconds, tied, comparison } = candidate;
  const mark = comparison
    ? tied
      ? html`<span class="pill">tied</span>`
      : null
    : html`<span class="pill best">best</span>`;
  const sign = score < 0 ? '−' : '+';
  return html`<tr${tied ? html` class="tied"` : null}>
<td class="number muted">${rank}</td>
<td><b>${model}</b> ${mark}<small>${SETTING_NAMES[setting]}</small></td>
<td class="right"><span class="number">${sign}${Math.abs(score).toFixed(2)}</span><small class="number">± ${standardError === null ? '–' : standardError.toFixed(2)}</small></td>
<td class="right"><span class="number">${percent(accuracy)}</span>${comparison ? html`<small class="number">${pValueText(comparison.pValue)}</small>` : null}</td>
<td class="right number">${duration(seconds)}</td>
</tr>`;
}
