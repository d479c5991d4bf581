/** Blocks that open below a data set's ranking: how the networks were trained, and what the best gets wrong. */
import type { FinishedCell } from '../../store/records.ts';
import {
  type ConfusionCell,
  confusionCells,
  drawConfusion,
  MOST_CLASSES_DRAWN,
} from '../figures/confusion.ts';
import { curveLines, drawLoss, drawTrainAccuracy } from '../figures/curves.ts';
import { modelColor } from '../figures/draw.ts';
import { confidentMistakes, drawMistakes } from '../figures/mistakes.ts';
import { drawPaths, regularisationPaths } from '../figures/path.ts';
import { drawTrials, trialGrid } from '../figures/trials.ts';
import { candidateName, countOf, listed, percent, setpoint } from '../format.ts';
import { html, type Markup } from '../markup.ts';
import { classPrecisions } from '../multi-label.ts';
import type { DatasetSummary } from '../schema.ts';
import { copiesBody, copiesSummary } from './copies.ts';
import { figure, legend, lineSample, responsive, SMALL } from './parts.ts';

/** Runs in one figure, and grids beside each other; the others are in the store. */
const MOST_LINES = 8;
const MOST_GRIDS = 9;

/**
 * @param cells the first seed of every candidate, best first
 * @param models names of all networks in the order of the document, which gives them their colours
 */
export function detailBlocks(
  dataset: DatasetSummary,
  cells: readonly FinishedCell[],
  models: readonly string[],
  thumbnails: ReadonlyMap<string, string> | undefined,
): Markup[] {
  const blocks = [
    cells.length > 0 ? answersBlock(cells[0], thumbnails) : null,
    trainingBlock(cells, models),
    searchBlock(cells),
    dataset.audit
      ? block(
          'Copies of images',
          copiesSummary(dataset.audit),
          copiesBody(dataset.audit, cells[0], thumbnails),
        )
      : null,
    problemsBlock(dataset),
  ];
  return blocks.filter((block) => block !== null);
}

function block(title: string, about: string, body: readonly (Markup | null)[]): Markup {
  return html`<details><summary>${title} <span>${about}</span></summary><div class="opened">${body}</div></details>`;
}

function answersBlock(best: FinishedCell, thumbnails: ReadonlyMap<string, string> | undefined): Markup {
  return best.result.metric === 'meanAveragePrecision' ? classesBlock(best) : mistakesBlock(best, thumbnails);
}

/** Of answers with several classes to an image, every class by itself. */
function classesBlock({ cell, result }: FinishedCell): Markup {
  const shown = (share: number | null) => (share === null ? '–' : percent(share));
  return block('How the best network tells each class', countOf(result.classes.length, 'class', 'classes'), [
    html`<table>
<caption>${candidateName(cell)} <span>Average precision: 11-point. Right: decisions by the sign of the score. Images in which the class is difficult do not count.</span></caption>
<thead><tr><th>Class</th><th class="right">Test images</th><th class="right">Average precision</th><th class="right">Right</th></tr></thead>
<tbody>${classPrecisions(result).map(
      ({ name, present, averagePrecision, right }) =>
        html`<tr><td>${name}</td><td class="right number">${present}</td><td class="right number">${shown(averagePrecision)}</td><td class="right number">${shown(right)}</td></tr>`,
    )}</tbody></table>`,
  ]);
}

function mistakesBlock(best: FinishedCell, thumbnails: ReadonlyMap<string, string> | undefined): Markup {
  const { classes, predictions } = best.result;
  const cells = confusionCells(best.result);
  const wrong = cells.filter(({ label, predicted }) => label !== predicted);
  const total = wrong.reduce((sum, { count }) => sum + count, 0);
  const mistakes = confidentMistakes(best.result);
  const name = candidateName(best.cell);
  return block(
    'What the best network gets wrong',
    `${total} of ${countOf(predictions.length, 'test image')}`,
    [
      html`<div class="two">
${
  classes.length <= MOST_CLASSES_DRAWN
    ? figure(
        'Confusion matrix',
        `${name}. Test images by true class (row) and predicted class (column).`,
        responsive((width) => drawConfusion(cells, classes, width)),
      )
    : null
}
${confusionTable(wrong.slice(0, 12), classes)}</div>`,
      mistakes.length > 0
        ? html`<div class="stack"><h3>Most confident mistakes</h3><p class="muted small">Bold: the true class. Below: the predicted class and its probability. A wrong label in the data often shows here first.</p>${drawMistakes(mistakes, classes, thumbnails)}</div>`
        : null,
    ],
  );
}

function confusionTable(wrong: readonly ConfusionCell[], classes: readonly string[]): Markup {
  if (wrong.length === 0) return html`<p>Every test image is right.</p>`;
  return html`<table>
<caption>Most frequent mistakes <span>Share: of the test images of the true class.</span></caption>
<thead><tr><th>True class</th><th>Predicted</th><th class="right">Images</th><th class="right">Share</th></tr></thead>
<tbody>${wrong.map(
    ({ label, predicted, count, share }) =>
      html`<tr><td>${classes[label]}</td><td>${classes[predicted]}</td><td class="right number">${count}</td><td class="right number">${percent(share, 0)}</td></tr>`,
  )}</tbody></table>`;
}

function trainingBlock(cells: readonly FinishedCell[], models: readonly string[]): Markup | null {
  const lines = curveLines(cells, models).slice(0, MOST_LINES);
  const paths = regularisationPaths(
    cells.filter(({ cell }) => cell.setting === 'fixed'),
    models,
  ).slice(0, MOST_LINES);
  if (lines.length === 0 && paths.length === 0) return null;
  const shown = models.filter((model) => [...lines, ...paths].some((line) => line.model === model));
  const dashed = lines.some(({ setting }) => setting === 'scratch');
  const key = legend([
    ...shown.map((model) => ({ name: model, sample: lineSample(modelColor(models.indexOf(model))) })),
    ...(dashed ? [{ name: 'dashed: from scratch', sample: lineSample('var(--muted)', true) }] : []),
  ]);
  const figures = [
    lines.length > 0
      ? [
          figure('Training loss', 'Of the final run; lower is better.', drawLoss(lines, SMALL)),
          figure('Training accuracy', 'On augmented training images.', drawTrainAccuracy(lines, SMALL)),
        ]
      : [],
    paths.length > 0
      ? figure('Penalty of fixed features', 'The ring marks the chosen one.', drawPaths(paths, SMALL))
      : [],
  ];
  return block('How the chosen networks were trained', 'learning curves and the penalty of fixed features', [
    html`<div class="stack">${key}<div class="three">${figures}</div></div>`,
  ]);
}

/** Searches over learning rate and weight decay as heat maps, any other search as a table. */
function searchBlock(cells: readonly FinishedCell[]): Markup | null {
  const searched = cells.filter(
    ({ result }) => result.trials.length > 1 && !('lambda' in result.hyperparameters),
  );
  if (searched.length === 0) return null;
  const shown = searched.slice(0, MOST_GRIDS);
  const rest = searched.slice(MOST_GRIDS).map(({ cell }) => candidateName(cell));
  return block('How hyper-parameters were chosen', 'the grid of trials on the validation part', [
    html`<p class="muted small">Validation accuracy in percent. Green outline: chosen. ▾ given up early, with its last measurement; × diverged.${rest.length > 0 ? ` Not shown: ${listed(rest)}.` : ''}</p>`,
    html`<div class="three">${shown.map(searchFigure)}</div>`,
  ]);
}

function searchFigure({ cell, result }: FinishedCell): Markup {
  const grid = trialGrid(result);
  const chosen = Object.entries(result.hyperparameters).map(
    ([name, value]) => `${spaced(name)} ${setpoint(value)}`,
  );
  const body = grid ? drawTrials(grid, SMALL) : trialTable(result);
  return figure(candidateName(cell), `Chosen: ${chosen.join(', ')}.`, body);
}

/** `weightDecay` is `weight decay`. */
function spaced(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function trialTable({ trials }: FinishedCell['result']): Markup {
  const names = [...new Set(trials.flatMap(({ hyperparameters }) => Object.keys(hyperparameters)))];
  return html`<div class="scroll"><table>
<thead><tr>${names.map((name) => html`<th>${spaced(name)}</th>`)}<th>Trial</th><th class="right">Validation</th></tr></thead>
<tbody>${trials.map(
    ({ hyperparameters, status, validation }) =>
      html`<tr>${names.map((name) => html`<td class="number">${name in hyperparameters ? setpoint(hyperparameters[name]) : '–'}</td>`)}<td>${status}</td><td class="right number">${validation === null ? '–' : percent(validation)}</td></tr>`,
  )}</tbody></table></div>`;
}

function problemsBlock({ problems }: DatasetSummary): Markup | null {
  if (problems.length === 0) return null;
  return block('Problems found in the data', countOf(problems.length, 'problem'), [
    html`<ul class="problems">${problems.map(({ kind, message }) => html`<li><b>${kind}</b>: ${message}</li>`)}</ul>`,
  ]);
}
