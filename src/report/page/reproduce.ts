/** The part of the page with everything that is needed to judge or repeat the result. */
import type { Correction } from '../../stats/index.ts';
import {
  duration,
  integer,
  METRIC_NAMES,
  millions,
  percent,
  SETTING_NAMES,
  setpoint,
  waitingSentence,
} from '../format.ts';
import { html, type Markup } from '../markup.ts';
import type { CellSummary, CompareDocument } from '../schema.ts';
import { definitions } from './parts.ts';

export function reproducePart(document: CompareDocument): Markup {
  const { command, cost } = document;
  return html`<section class="part" id="reproduce">
<div class="lead"><h2>Reproduce</h2><p>This command repeats the comparison. Results that the store already has are taken from there, by the content address of everything that determines them.</p></div>
<div class="card stack"><pre><code>${command}</code></pre>
<p class="muted small">All runs took ${duration(cost.seconds)}: ${duration(cost.search)} for the search of hyper-parameters, ${duration(cost.final)} for the final networks, the rest for reading images and testing.${cost.images && ` ${waitingSentence(cost.images)}`}</p></div>
${conditions(document)}
${resultTables(document)}
${howToRead('holm')}
</section>`;
}

/** Protocol and environment, side by side. */
export function conditions({
  protocol,
  environment,
  startedAt,
}: Pick<CompareDocument, 'protocol' | 'environment' | 'startedAt'>): Markup {
  return html`<div class="two">
<div class="card stack"><h3>Protocol ${protocol.name}</h3><p class="hash">${protocol.hash}</p>${definitions(protocol.fields)}</div>
<div class="card stack"><h3>Environment</h3>${definitions({ started: startedAt, ...environment })}</div>
</div>`;
}

/** Networks, data, runs and failed runs, as blocks that open. */
export function resultTables(
  document: Pick<CompareDocument, 'models' | 'datasets' | 'cells' | 'failed'>,
): Markup {
  return html`<details><summary>Networks <span>sizes, origin and hashes of weights</span></summary><div class="opened"><div class="scroll">${modelTable(document)}</div></div></details>
<details><summary>Data <span>fingerprints and splits</span></summary><div class="opened"><div class="scroll">${datasetTable(document)}</div></div></details>
<details><summary>Runs <span>chosen hyper-parameters; keys and network files, in full in the JSON below</span></summary><div class="opened"><div class="scroll">${cellTable(document.cells)}</div></div></details>
${document.failed.length > 0 ? failures(document) : null}`;
}

function modelTable({ models }: Pick<CompareDocument, 'models'>): Markup {
  return html`<table><thead><tr><th>Network</th><th>Family</th><th class="right">Weights</th><th class="right">Features</th><th class="right">Input</th><th>Source, SHA-256</th></tr></thead>
<tbody>${models.map(
    (model) =>
      html`<tr><td><b>${model.name}</b></td><td>${model.family}</td><td class="right number">${millions(model.parameters)}</td><td class="right number">${integer(model.featureSize)}</td><td class="right number">${model.inputSize} px</td><td>${model.source}<br><span class="hash">${model.weightsHash ?? '–'}</span></td></tr>`,
  )}</tbody></table>`;
}

function datasetTable({ datasets }: Pick<CompareDocument, 'datasets'>): Markup {
  return html`<table><thead><tr><th>Data set</th><th class="right">Classes</th><th class="right">Training</th><th class="right">Validation</th><th class="right">Test</th><th>Metric</th><th>Fingerprint</th></tr></thead>
<tbody>${datasets.map(
    ({ name, classes, images, metric, fingerprint }) =>
      html`<tr><td><b>${name}</b></td><td class="right number">${classes.length}</td><td class="right number">${integer(images.train)}</td><td class="right number">${integer(images.validation)}</td><td class="right number">${integer(images.test)}</td><td>${METRIC_NAMES[metric]}</td><td class="hash">${fingerprint}</td></tr>`,
  )}</tbody></table>`;
}

function cellTable(cells: readonly CellSummary[]): Markup {
  return html`<table><thead><tr><th>Data set</th><th>Network, setting, seed</th><th>Chosen</th><th class="right">Validation</th><th class="right">Test</th><th class="right">Time</th><th>Key, network file</th></tr></thead>
<tbody>${cells.map((cell) => {
    const chosen = Object.entries(cell.hyperparameters).map(([name, value]) => `${name} ${setpoint(value)}`);
    return html`<tr><td>${cell.dataset}</td><td><b>${cell.model}</b><small>${SETTING_NAMES[cell.setting]}, seed ${cell.seed}</small></td><td>${chosen.map((text) => html`<span class="number">${text}</span><br>`)}</td><td class="right number">${percent(cell.validation.value)}</td><td class="right number">${percent(cell.test.value)}<small>${cell.test.correct} of ${cell.test.n}</small></td><td class="right number">${duration(cell.seconds.total)}</td><td><code title="${cell.key}">${cell.key.slice(0, 12)}</code><br><code class="muted" title="${cell.network.sha256}">${cell.network.sha256.slice(0, 12)}</code></td></tr>`;
  })}</tbody></table>`;
}

function failures({ failed }: Pick<CompareDocument, 'failed'>): Markup {
  return html`<details open><summary>Failed runs <span>${failed.length}, left out of everything above</span></summary><div class="opened"><ul class="problems">${failed.map(
    ({ dataset, model, setting, seed, error }) =>
      html`<li><b>${model}</b> ${SETTING_NAMES[setting]} on ${dataset}, seed ${seed}: ${error}</li>`,
  )}</ul></div></details>`;
}

const CORRECTED: Readonly<Record<Correction, string>> = {
  none: 'Without a correction for several comparisons',
  holm: "After Holm's correction for all comparisons with the same best",
  'benjamini-hochberg': "After Benjamini and Hochberg's correction for all comparisons with the same best",
};

/** @param correction of the tests of which the page says that networks are tied */
export function howToRead(correction: Correction): Markup {
  return html`<details><summary>How to read the numbers <span>settings, intervals, tests</span></summary><div class="opened"><dl>
<dt>Fixed features</dt><dd>The pre-trained network stays as it is; only a logistic regression on its last features is fitted. Fast, and hard to get wrong with little data.</dd>
<dt>Fine-tuned</dt><dd>All weights start from the pre-trained network and are trained further on your images.</dd>
<dt>From scratch</dt><dd>The same network from random weights: what pre-training is worth is the gap to this.</dd>
<dt>95% interval</dt><dd>How far the accuracy could lie from the measured one because the test images are a sample: Wilson's interval for the share of images, bootstrap samples of the images for other metrics. It does not cover how results differ between seeds.</dd>
<dt>Tied</dt><dd>Both networks answer the same test images, so only images that exactly one gets right count (exact binomial test). Where classes count alike, so do their images (permutation test, exact with classes of one size). Where an image can have several classes, its right decisions are counted and whole images exchanged (exact permutation test). ${CORRECTED[correction]}, p is at least .05, or the best is behind in the test: the data does not show that the other is worse, which is not proof that it is as good.</dd>
<dt>Several seeds</dt><dd>Accuracies are means over seeds; the test compares the networks of the first seed that both have, and the range of seeds is shown beside it.</dd>
<dt>Chosen on</dt><dd>Hyper-parameters are chosen on the validation part, and the final network is tested once. Candidates are ranked by test accuracy, so the first of many is a little flattered by its rank.</dd>
</dl></div></details>`;
}
