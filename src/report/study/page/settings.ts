/** The part of the page that compares fixed features, fine-tuning and training from scratch. */
import type { Setting } from '../../../store/records.ts';
import { percent, points, pValueText, SETTING_NAMES } from '../../format.ts';
import { html, type Markup } from '../../markup.ts';
import { settingLegend } from '../../page/ranking.ts';
import { SETTINGS } from '../../ranking.ts';
import { drawPairs, drawSettingsOfDatasets, type PairRow } from '../figures/settings.ts';
import { SETTING_NOUNS } from '../figures/words.ts';
import type { SettingPair, SettingsCompared, StudyDocument } from '../schema.ts';
import { figureCard, onePanel, type StudyFigure, THIRD } from './figure.ts';
import { named, type TableIndex } from './tables.ts';
import { capital } from './transfer.ts';

export function settingsPart(document: StudyDocument, tables: TableIndex): Markup | null {
  const { settings } = document;
  if (settings.datasets.length === 0) return null;
  const [absolute, ...differences] = settingsFigures(settings, tables);
  return html`<section class="part" id="settings"><div class="lead"><h2>Fixed, fine-tuned or from scratch</h2>
<p>${
    everyNetworkInEach(document)
      ? 'Every network was run in each setting, so settings are compared on the same networks.'
      : 'Not every network has results in all three settings: differences between two are of the networks that have both.'
  }</p></div>
<div class="two">${figureCard(absolute)}${overallCard(settings)}</div>
${differences.map(figureCard)}
${bestPairsTable(settings)}</section>`;
}

/** Whether the three settings of each network have results on every data set. */
function everyNetworkInEach({ rankings, failed }: StudyDocument): boolean {
  const finished = rankings.flatMap(({ candidates }) => candidates);
  const unfinished = failed.filter(({ experiments }) => experiments.includes('settings'));
  const models = new Set([...finished, ...unfinished].map(({ model }) => model));
  return rankings.every(({ candidates }) => candidates.length === SETTINGS.length * models.size);
}

/** How often one setting beats another, and by how much over all data sets. */
function overallCard({ wins, overall }: SettingsCompared): Markup | null {
  if (wins.length === 0) return null;
  return html`<div class="card"><table><caption>Over all data sets <span>Better in: pairs of a network and a data set; its interval draws networks and data sets with replacement. Difference: mean in percentage points, with the p-value of a paired t-test of the logits over data sets.</span></caption>
<thead><tr><th>Settings</th><th class="right">Better in</th><th class="right">Difference</th></tr></thead>
<tbody>${wins.map(({ a, b, cells, won, tied, interval }) => {
    const pair = overall.find((own) => own.a === a && own.b === b);
    return html`<tr><td><b>${capital(SETTING_NOUNS[a])}</b><small>against ${SETTING_NOUNS[b]}</small></td>
<td class="right"><span class="number">${won} of ${cells}</span><small class="number">${percent(interval.low, 0)} – ${percent(interval.high, 0)}${tied > 0 ? `, ${tied} tied` : ''}</small></td>
<td class="right"><span class="number">${pair ? points(pair.difference) : '–'}</span>${pair?.pValue == null ? null : html`<small class="number">${pValueText(pair.pValue)}</small>`}</td></tr>`;
  })}</tbody></table></div>`;
}

function settingsFigures({ datasets, overall }: SettingsCompared, tables: TableIndex): StudyFigure[] {
  if (datasets.length === 0) return [];
  return [absolute(datasets, tables), ...differences(datasets, overall, tables)];
}

function absolute(datasets: SettingsCompared['datasets'], tables: TableIndex): StudyFigure {
  return {
    id: 'settings',
    title: 'The settings on each data set',
    reading:
      'Symbol: the best network of the setting, with the 95% interval of the test images. Upright line: the mean over networks. Right: the best of all.',
    key: settingLegend(),
    ...onePanel((width) => drawSettingsOfDatasets(datasets, width)),
    tables: named(tables, 'settings'),
  };
}

/** A panel per pair of settings; none where networks were run in one setting. */
function differences(
  datasets: SettingsCompared['datasets'],
  overall: readonly SettingPair[],
  tables: TableIndex,
): StudyFigure[] {
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
      tables: named(tables, 'setting-pairs', 'setting-wins', 'setting-best'),
    },
  ];
}

/** Best networks of two settings on the same images. */
function bestPairsTable({ datasets }: SettingsCompared): Markup | null {
  const rows = datasets.flatMap(({ dataset, best }) => best.map((pair) => ({ dataset, pair })));
  if (rows.length === 0) return null;
  return html`<details><summary>Best networks of two settings <span>paired tests of the first seed that both have, on the same test images</span></summary><div class="opened"><div class="scroll"><table>
<thead><tr><th>Data set</th><th>Settings</th><th class="right">Difference</th><th class="right">Tested</th><th class="right">p</th><th class="right">corrected</th></tr></thead>
<tbody>${rows.map(
    ({ dataset, pair }) =>
      html`<tr><td>${dataset}</td><td>${SETTING_NAMES[pair.a]} minus ${SETTING_NAMES[pair.b]}</td><td class="right number">${points(pair.difference)}</td><td class="right number">${points(pair.testedDifference)}</td><td class="right number">${pValueText(pair.pValue)}</td><td class="right number">${pValueText(pair.adjustedP)}</td></tr>`,
  )}</tbody></table></div></div></details>`;
}
