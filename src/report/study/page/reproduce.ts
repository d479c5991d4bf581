/** The part of the page with everything that is needed to judge or repeat the study. */
import { countOf, duration, integer, SETTING_NAMES } from '../../format.ts';
import { html, type Markup } from '../../markup.ts';
import { conditions, howToRead, resultTables } from '../../page/reproduce.ts';
import { failedMeasurement } from '../figures/words.ts';
import type { StudyCost, StudyDocument } from '../schema.ts';
import { capital } from './transfer.ts';

const CORRECTIONS: Readonly<Record<StudyDocument['correction'], string>> = {
  none: 'not corrected',
  holm: 'corrected by Holm',
  'benjamini-hochberg': 'corrected by Benjamini and Hochberg',
};

export function studyReproducePart(document: StudyDocument): Markup {
  return html`<section class="part" id="reproduce">
<div class="lead"><h2>Reproduce</h2><p>This command makes the report again. Results that the store already has are taken from there, by the content address of everything that determines them. P-values of several comparisons are ${CORRECTIONS[document.correction]}.</p></div>
<div class="card stack"><pre><code>${document.command}</code></pre></div>
${conditions(document)}
${costCard(document.cost)}
${resultTables(document)}
${document.failedMeasurements.length > 0 ? measurementFailures(document) : null}
${howToRead(document.correction)}
</section>`;
}

function measurementFailures({ failedMeasurements: failed }: StudyDocument): Markup {
  return html`<details open><summary>What else failed <span>${failed.length}; whatever needs it is missing above</span></summary><div class="opened"><ul class="problems">${failed.map(
    (one) => html`<li>${capital(failedMeasurement(one))}: ${one.error}</li>`,
  )}</ul></div></details>`;
}

function costCard({ seconds, settings, experiments }: StudyCost): Markup {
  return html`<div class="two"><div class="card"><table><caption>What it cost <span>${duration(seconds)} in all. Images: passed through the networks.</span></caption>
<thead><tr><th>Setting</th><th class="right">Runs</th><th class="right">Trials</th><th class="right">Time</th><th class="right">Images</th></tr></thead>
<tbody>${settings.map(
    ({ setting, cells, trials, seconds: own, search, images }) =>
      html`<tr><td><b>${capital(SETTING_NAMES[setting])}</b><small>${duration(search)} of it search</small></td><td class="right number">${integer(cells)}</td><td class="right number">${integer(trials)}</td><td class="right number">${duration(own)}</td><td class="right number">${images === null ? '–' : integer(images)}</td></tr>`,
  )}</tbody></table></div>
<div class="card"><table><caption>By experiment <span>A run that several experiments share counts in each.</span></caption>
<thead><tr><th>Experiment</th><th class="right">Runs</th><th class="right">Time</th></tr></thead>
<tbody>${experiments.map(
    ({ experiment, cells, seconds: own }) =>
      html`<tr><td>${experiment}</td><td class="right number">${countOf(cells, 'run')}</td><td class="right number">${duration(own)}</td></tr>`,
  )}</tbody></table></div></div>`;
}
