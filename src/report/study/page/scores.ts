/** The part of the page on transferability scores, and the one on seeds. */
import { percent, points, pValueText, SETTING_NAMES } from '../../format.ts';
import { html, type Markup } from '../../markup.ts';
import { settingLegend } from '../../page/ranking.ts';
import { SETTINGS } from '../../ranking.ts';
import { drawSeeds } from '../figures/seeds.ts';
import {
  drawPredictions,
  drawRankCorrelations,
  drawRegret,
  drawScores,
  type Score,
  type ScorePanel,
  scoreName,
  scorePanels,
} from '../figures/transferability.ts';
import type { Figure2Panel, Seeds, StudyDocument, Transferability } from '../schema.ts';
import { column, type Table, tableOf } from '../tables/table.ts';
import { figureCard, panelGrid, SIXTH, type StudyFigure, slug, THIRD } from './figure.ts';
import { named, type TableIndex } from './tables.ts';
import { capital } from './transfer.ts';

export function scoresPart({ transferability, figure2 }: StudyDocument, tables: TableIndex): Markup | null {
  if (!transferability || transferability.scores.length === 0) return null;
  const details = [
    ...outcomeFigures(transferability, figure2),
    ...predictionFigures(transferability, tables),
  ];
  return html`<section class="part" id="scores"><div class="lead"><h2>Could it have been known without training?</h2>
<p>Transferability scores look at a network’s features or outputs on the training images once. How well do they order the networks, and what does it cost to take the one with the highest score?</p></div>
${scoreFigures(transferability, tables).map(figureCard)}
${details.length > 0 ? html`<details><summary>Scores against outcomes, and accuracies predicted from scores <span>a panel per score and data set</span></summary><div class="opened plain-cards">${details.map(figureCard)}</div></details>` : null}
</section>`;
}

function scoreFigures({ scores }: Transferability, tables: TableIndex): StudyFigure[] {
  const settings = SETTINGS.filter((setting) => scores.some((score) => score.setting === setting));
  const of = (setting: (typeof SETTINGS)[number]) => scores.filter((score) => score.setting === setting);
  return [
    {
      id: 'scores-rank-correlation',
      title: 'How well scores order the networks',
      reading:
        'Large dot: mean over data sets of the rank correlation of score and outcome, with its 95% interval; small: each data set. 1: the same order, 0: no relation.',
      panels: settings.map((setting) => ({
        title: `Outcome: ${SETTING_NAMES[setting]}`,
        svg: drawRankCorrelations(of(setting), THIRD),
      })),
      tables: named(tables, 'scores', 'scores-datasets'),
    },
    {
      id: 'scores-regret',
      title: 'What it costs to trust a score',
      reading:
        'Regret: metric of the best network minus that of the network with the highest score. Bar: mean over data sets; dots: each data set; upright line: a network drawn at random.',
      panels: settings.map((setting) => ({
        title: `Outcome: ${SETTING_NAMES[setting]}`,
        svg: drawRegret(of(setting), THIRD),
      })),
      tables: named(tables, 'scores-datasets'),
    },
  ];
}

/** One figure, or none where there is too little data for a prediction. */
function predictionFigures({ scores }: Transferability, tables: TableIndex): StudyFigure[] {
  const predicted = scores.flatMap((score) => (score.prediction ? [{ score, own: score.prediction }] : []));
  if (predicted.length === 0) return [];
  return [
    {
      id: 'scores-predictions',
      title: 'Accuracy predicted from a score',
      reading:
        'Predicted by a line through the other data sets, with 95% intervals; on the dashed line the prediction is right. The titles say how many outcomes lie in their interval.',
      panels: predicted.map(({ score, own }) => ({
        title: `${scoreName(score.name)}, ${SETTING_NAMES[score.setting]}: ${percent(own.coverage, 0)} inside`,
        svg: drawPredictions(own, scoreName(score.name), THIRD),
      })),
      tables: named(tables, 'scores-predictions'),
    },
  ];
}

function outcomeTable({ name, setting }: Score, panels: readonly ScorePanel[]): Table {
  return tableOf(
    `scores-outcomes-${slug(name)}-${setting}`,
    `${scoreName(name)} and outcome, ${SETTING_NAMES[setting]}`,
    panels.flatMap(({ dataset, points }) => points.map((point) => ({ ...point, dataset }))),
    [
      column('text', 'Data set', ({ dataset }) => dataset),
      column('text', 'Network', ({ model }) => model),
      column('number', 'Score', ({ score }) => score),
      column('share', 'Test', ({ value }) => value),
      column('number', 'Test logit', ({ logit }) => logit),
    ],
  );
}

/** A figure per score and setting, whose panels are data sets. */
function outcomeFigures(
  { scores, values }: Transferability,
  outcomes: readonly Figure2Panel[],
): StudyFigure[] {
  return scores.flatMap((score) => {
    const shapes = scorePanels(score, values, outcomes).filter(({ points }) => points.length > 0);
    if (shapes.length === 0) return [];
    const panels = shapes.map((shape) => ({ title: shape.dataset, svg: drawScores(shape, SIXTH) }));
    return [
      {
        id: `scores-${slug(score.name)}-${score.setting}`,
        title: `${scoreName(score.name)}, ${SETTING_NAMES[score.setting]}`,
        reading: 'Across: the score. Up: the test metric. ρ: Spearman rank correlation.',
        panels,
        body: panelGrid(panels, 'many'),
        tables: [outcomeTable(score, shapes)],
      },
    ];
  });
}

export function seedsPart({ seeds }: StudyDocument, tables: TableIndex): Markup | null {
  if (!seeds || seeds.candidates.length === 0) return null;
  const { medianStandardDeviation, medianSamplingError, significant, candidates } = seeds;
  const sd = (value: number) => (100 * value).toFixed(2);
  return html`<section class="part" id="seeds"><div class="lead"><h2>How much seeds matter</h2>
<p>Paired tests compare two trained networks on the same test images; they do not know that another seed would have given other networks. The median standard deviation over seeds is <b class="number">${sd(medianStandardDeviation)}</b> points, the median sampling error of the test images <b class="number">${sd(medianSamplingError)}</b> points. In ${significant} of ${candidates.length} cases the best and the worst seed of one network differ significantly, with p &lt; .05 after correction for all pairs of seeds; by chance alone no more than one case in 20 would.</p></div>
${figureCard(seedsFigure(seeds, tables))}
${seeds.comparisons.length > 0 ? seedTests(seeds) : null}</section>`;
}

function seedTests({ comparisons }: Seeds): Markup {
  const error = (value: number) => (100 * value).toFixed(1);
  return html`<details><summary>Tests that count seeds too <span>the best network of each data set and setting against the others</span></summary><div class="opened"><div class="scroll"><table>
<thead><tr><th>Data set, setting</th><th>Best</th><th>Compared with it</th><th class="right">Difference</th><th class="right">s.e. of images</th><th class="right">s.e. of seeds</th><th class="right">p, images</th><th class="right">p, with seeds</th></tr></thead>
<tbody>${comparisons.map(
    (own) =>
      html`<tr><td>${own.dataset}<small>${SETTING_NAMES[own.setting]}</small></td><td>${own.best}</td><td>${own.model}</td><td class="right number">${points(own.difference)}</td><td class="right number">${error(own.imagesError)}</td><td class="right number">${error(own.seedsError)}</td><td class="right number">${pValueText(own.pairedP)}</td><td class="right number">${pValueText(own.seedsP)}</td></tr>`,
  )}</tbody></table></div></div></details>`;
}

function seedsFigure({ candidates }: Seeds, tables: TableIndex): StudyFigure {
  const most = Math.max(
    1e-3,
    ...candidates.flatMap((candidate) => [candidate.standardDeviation, candidate.samplingError]),
  );
  const settings = SETTINGS.filter((setting) =>
    candidates.some((candidate) => candidate.setting === setting),
  );
  return {
    id: 'seeds',
    title: 'Seeds and test images',
    reading:
      'A mark per network and data set. Above the dashed line seeds matter more than which images are in the test part.',
    key: settingLegend(settings),
    panels: settings.map((setting) => ({
      title: capital(SETTING_NAMES[setting]),
      svg: drawSeeds(
        candidates.filter((candidate) => candidate.setting === setting),
        most,
        THIRD,
      ),
    })),
    tables: named(tables, 'seeds', 'seed-tests'),
  };
}
