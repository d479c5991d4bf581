/** The part of the page that compares fixed features, fine-tuning and training from scratch. */
import type { Setting } from '../../../store/records.ts';
import { points, pValueText, SETTING_NAMES } from '../../format.ts';
import { html, type Markup } from '../../markup.ts';
import { settingLegend } from '../../page/ranking.ts';
import { drawPairs, drawSettingsOfDatasets, type PairRow } from '../figures/settings.ts';
import type { SettingPair, SettingsCompared, StudyDocument } from '../schema.ts';
import { figureData } from './data.ts';
import { figureCard, onePanel, type StudyFigure, THIRD } from './figure.ts';
import { capital } from './transfer.ts';

export function settingsPart({ settings }: StudyDocument): Markup | null {
  const figures = settingsFigures(settings);
  if (figures.length === 0) return null;
  return html`<section class="part" id="settings"><div class="lead"><h2>Fixed, fine-tuned or from scratch</h2>
${settings.wins.length > 0 ? html`<ul class="plain">${settings.wins.map(winSentence)}</ul>` : null}</div>
${figures.map(figureCard)}
${bestPairsTable(settings)}</section>`;
}

function winSentence({ a, b, cells, won, tied, pValue }: SettingsCompared['wins'][number]): Markup {
  return html`<li><b>${capital(SETTING_NAMES[a])}</b> beats ${SETTING_NAMES[b]} in <b class="number">${won} of ${cells}</b> pairs of a network and a data set${tied > 0 ? ` (${tied} tied)` : ''}; sign test ${pValueText(pValue)}.</li>`;
}

export function settingsFigures({ datasets, overall }: SettingsCompared): StudyFigure[] {
  if (datasets.length === 0) return [];
  return [absolute(datasets), ...differences(datasets, overall)];
}

function absolute(datasets: SettingsCompared['datasets']): StudyFigure {
  return {
    id: 'settings',
    title: 'The settings on each data set',
    reading:
      'Symbol: the best network of the setting, with the 95% interval of the test images. Upright line: the mean over networks. Right: the best of all.',
    key: settingLegend(),
    ...onePanel((width) => drawSettingsOfDatasets(datasets, width)),
    data: figureData(
      datasets.flatMap((dataset) => dataset.settings.map((own) => ({ ...own, of: dataset }))),
      {
        dataset: ({ of }) => of.dataset,
        metric: ({ of }) => of.metric,
        training_images: ({ of }) => of.images,
        setting: ({ setting }) => setting,
        models: ({ models }) => models,
        best_model: ({ best }) => best.model,
        best: ({ best }) => best.test.value,
        low: ({ best }) => best.test.low,
        high: ({ best }) => best.test.high,
        mean: ({ mean }) => mean,
        mean_logit: ({ meanLogit }) => meanLogit,
      },
    ),
  };
}

/** A panel per pair of settings; none where networks were run in one setting. */
function differences(datasets: SettingsCompared['datasets'], overall: readonly SettingPair[]): StudyFigure[] {
  const rows: PairRow[] = [
    ...overall.map((pair) => ({ name: 'all data sets', pair })),
    ...datasets.flatMap(({ dataset, pairs }) => pairs.map((pair) => ({ name: dataset, pair }))),
  ];
  const kinds = [...new Map(rows.map(({ pair: { a, b } }) => [`${a} ${b}`, [a, b] as const])).values()];
  if (kinds.length === 0) return [];
  const of = ([a, b]: readonly [Setting, Setting]) => rows.filter(({ pair }) => pair.a === a && pair.b === b);
  return [
    {
      id: 'settings-differences',
      title: 'How far the settings lie apart',
      reading:
        'Dot: mean difference of the same networks in logits; bar: its 95% interval. Green: the first setting is better, red: worse, grey: the interval has zero. Right: the difference in percentage points.',
      panels: kinds.map((kind) => {
        const title = `${capital(SETTING_NAMES[kind[0]])} minus ${SETTING_NAMES[kind[1]]}`;
        return { title, svg: drawPairs(of(kind), title, THIRD) };
      }),
      data: figureData(rows, {
        dataset: ({ name }) => name,
        a: ({ pair }) => pair.a,
        b: ({ pair }) => pair.b,
        n: ({ pair }) => pair.n,
        difference: ({ pair }) => pair.difference,
        logit_difference: ({ pair }) => pair.logitDifference,
        low: ({ pair }) => pair.interval?.low ?? null,
        high: ({ pair }) => pair.interval?.high ?? null,
        p_value: ({ pair }) => pair.pValue,
        adjusted_p: ({ pair }) => pair.adjustedP,
      }),
    },
  ];
}

/** Best networks of two settings on the same images. */
function bestPairsTable({ datasets }: SettingsCompared): Markup | null {
  const rows = datasets.flatMap(({ dataset, best }) => best.map((pair) => ({ dataset, pair })));
  if (rows.length === 0) return null;
  return html`<details><summary>Best networks of two settings <span>paired tests on the same test images</span></summary><div class="opened"><div class="scroll"><table>
<thead><tr><th>Data set</th><th>Settings</th><th class="right">Difference</th><th class="right">p</th><th class="right">corrected</th></tr></thead>
<tbody>${rows.map(
    ({ dataset, pair }) =>
      html`<tr><td>${dataset}</td><td>${SETTING_NAMES[pair.a]} minus ${SETTING_NAMES[pair.b]}</td><td class="right number">${points(pair.difference)}</td><td class="right number">${pValueText(pair.pValue)}</td><td class="right number">${pValueText(pair.adjustedP)}</td></tr>`,
  )}</tbody></table></div></div></details>`;
}
