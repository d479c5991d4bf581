/** The parts of the page on the number of training steps and on the number of images. */
import { countOf, integer, percent } from '../../format.ts';
import { html, type Markup } from '../../markup.ts';
import { settingLegend } from '../../page/ranking.ts';
import { drawConvergence, drawSizes } from '../figures/growth.ts';
import { SETTING_NOUNS, signed } from '../figures/words.ts';
import type { Convergence, DatasetSize, StudyDocument } from '../schema.ts';
import { figureCard, type StudyFigure, THIRD } from './figure.ts';
import { named, type TableIndex, tableCard } from './tables.ts';

export function convergencePart({ convergence }: StudyDocument, tables: TableIndex): Markup | null {
  if (!convergence || convergence.curves.length === 0) return null;
  const { ratios, shareOfOdds } = convergence;
  return html`<section class="part" id="convergence"><div class="lead"><h2>How many steps it takes</h2>
<p>Runs of different length, each with its whole schedule. A run counts as converged where the odds of a right answer, right / wrong, reach ${percent(shareOfOdds, 0)} of their maximum.${ratioSentence(convergence)}</p></div>
${figureCard(convergenceFigure(convergence, tables))}
${ratios.length > 0 ? ratioTable(convergence) : null}</section>`;
}

const BOUNDS: Readonly<Record<Convergence['ratios'][number]['bound'], string>> = {
  exact: '',
  'at least': 'at least',
  'at most': 'at most',
  unknown: 'a rough guess',
};

/** A mean that stands on bounds says so. */
function ratioSentence({ ratio, ratios }: Convergence): Markup | null {
  if (!ratio) return null;
  const bounds = ratios.filter(({ bound }) => bound === 'at least' || bound === 'at most');
  const alone = ratio.n === 1 && bounds.length === 1 ? `${BOUNDS[bounds[0].bound]} ` : '';
  const range = ratio.interval ? ` (95%: ${times(ratio.interval.low)} to ${times(ratio.interval.high)})` : '';
  const among =
    alone === '' && bounds.length > 0
      ? `, ${bounds.length} of them only ${bounds.length === 1 ? 'a bound' : 'bounds'}`
      : '';
  return html` From scratch that takes ${alone}<b class="number">${times(ratio.value)}</b> as many steps as fine-tuning${range}, over ${countOf(ratio.n, 'pair')}${among}.`;
}

function convergenceFigure(convergence: Convergence, tables: TableIndex): StudyFigure {
  const { curves, shareOfOdds } = convergence;
  return {
    id: 'convergence',
    title: 'Test metric by training steps',
    reading: `Ring: ${percent(shareOfOdds, 0)} of the maximum odds. Bars: 95% interval of the test images.`,
    key: settingLegend(curves.map(({ setting }) => setting)),
    panels: grouped(curves).map(({ title, own }) => ({
      title,
      svg: drawConvergence(own, shareOfOdds, THIRD),
    })),
    tables: named(tables, 'convergence', 'convergence-steps', 'convergence-ratios'),
  };
}

function ratioTable({ ratios, curves }: Convergence): Markup {
  const rising = curves.filter(({ stillRising, settled }) => stillRising && !settled);
  return tableCard(
    'Steps until converged',
    rising.length > 0
      ? `${countOf(rising.length, 'curve')} still rose at the longest run, so the true maximum and the steps to it may be larger.`
      : '',
    html`<table>
<thead><tr><th>Network</th><th>Data set</th><th class="right">Fine-tuned</th><th class="right">From scratch</th><th class="right">Ratio</th></tr></thead>
<tbody>${ratios.map(
      ({ model, dataset, scratch, finetune, ratio, bound }) =>
        html`<tr><td><b>${model}</b></td><td>${dataset}</td><td class="right number">${integer(finetune)}</td><td class="right number">${integer(scratch)}</td><td class="right"><span class="number">${times(ratio)}</span>${bound === 'exact' ? null : html`<small>${BOUNDS[bound]}</small>`}</td></tr>`,
    )}</tbody></table>`,
  );
}

export function sizePart({ datasetSize }: StudyDocument, tables: TableIndex): Markup | null {
  if (!datasetSize || datasetSize.curves.length === 0) return null;
  const { gap } = datasetSize;
  return html`<section class="part" id="size"><div class="lead"><h2>How many images it takes</h2>
<p>The same networks on random subsets of the training images. Where lines cross, the better setting changes.${gap ? html` Per tenfold number of images the lead of fine-tuning over training from scratch changes by <b class="number">${signed(gap.perTenfold)}</b> logits${gap.interval ? ` (95%: ${signed(gap.interval.low)} to ${signed(gap.interval.high)})` : ''}.` : null}</p></div>
${figureCard(sizeFigure(datasetSize, tables))}
${datasetSize.comparisons.length > 0 ? crossingTable(datasetSize) : null}</section>`;
}

function sizeFigure({ curves, comparisons }: DatasetSize, tables: TableIndex): StudyFigure {
  return {
    id: 'data-set-size',
    title: 'Test metric by number of images',
    reading: 'Training and validation images together. Bars: lowest to highest subset. Dashed: lines cross.',
    key: settingLegend(curves.map(({ setting }) => setting)),
    panels: grouped(curves).map(({ title, own, model, dataset }) => ({
      title,
      svg: drawSizes(
        own,
        comparisons.filter((comparison) => comparison.model === model && comparison.dataset === dataset),
        THIRD,
      ),
    })),
    tables: named(tables, 'dataset-size', 'dataset-size-pairs', 'dataset-size-crossings'),
  };
}

function crossingTable({ comparisons }: DatasetSize): Markup {
  return tableCard(
    'Which setting leads',
    'Draws are of the subsets, with replacement. A 95% interval that is open to one side ends beyond the sizes tried.',
    html`<table>
<thead><tr><th>Network</th><th>Data set</th><th>Which leads</th><th class="right">From images</th><th class="right">95% interval</th></tr></thead>
<tbody>${comparisons.map(
      ({ model, dataset, a, b, crossing }) =>
        html`<tr><td><b>${model}</b></td><td>${dataset}</td><td>${leader(a, b, crossing)}${crossing?.draws ? html`<small>${drawsText(crossing.draws)}</small>` : null}</td><td class="right number">${crossing?.kind === 'crosses' && crossing.at !== null ? integer(crossing.at) : '–'}</td><td class="right number">${crossing?.kind === 'crosses' && crossing.interval ? openRange(crossing.interval) : '–'}</td></tr>`,
    )}</tbody></table>`,
  );
}

type Comparison = DatasetSize['comparisons'][number];
type FoundCrossing = NonNullable<Comparison['crossing']>;

function leader(a: Comparison['a'], b: Comparison['b'], crossing: Comparison['crossing']): string {
  const [first, second] = [SETTING_NOUNS[a], SETTING_NOUNS[b]];
  if (!crossing) return `${first} and ${second}: one size`;
  if (crossing.kind === 'always') return `${first} ahead of ${second} at every size`;
  if (crossing.kind === 'never') return `${first} not ahead of ${second} at the largest size`;
  return `${first} ahead of ${second} with more images`;
}

const DRAWN = {
  always: 'at every size',
  crosses: 'with more images',
  never: 'not at the largest size',
} as const;

/** `at every size in all draws`; `draws: 80.5% with more images, 19.5% not at the largest size`. */
function drawsText(draws: NonNullable<FoundCrossing['draws']>): string {
  const kinds = (['always', 'crosses', 'never'] as const).filter((kind) => draws[kind] > 0);
  if (kinds.length === 1) return `${DRAWN[kinds[0]]} in all draws`;
  return `draws: ${kinds.map((kind) => `${percent(draws[kind])} ${DRAWN[kind]}`).join(', ')}`;
}

/** `up to 40` and `from 900` where an end lies beyond the sizes tried, a dash where both do. */
function openRange({ low, high }: NonNullable<FoundCrossing['interval']>): string {
  if (low === null) return high === null ? '–' : `up to ${integer(high)}`;
  return high === null ? `from ${integer(low)}` : `${integer(low)} – ${integer(high)}`;
}

interface Curve {
  readonly model: string;
  readonly dataset: string;
}

/** Curves of one network on one data set, in the order in which they come. */
function grouped<T extends Curve>(
  curves: readonly T[],
): { title: string; model: string; dataset: string; own: T[] }[] {
  const groups = new Map<string, T[]>();
  for (const curve of curves) {
    const key = JSON.stringify([curve.model, curve.dataset]);
    groups.set(key, [...(groups.get(key) ?? []), curve]);
  }
  return [...groups.values()].map((own) => ({
    title: `${own[0].model} on ${own[0].dataset}`,
    model: own[0].model,
    dataset: own[0].dataset,
    own,
  }));
}

/** `17.2` is `17 times`. */
function times(value: number): string {
  return `${value >= 10 ? Math.round(value) : value.toFixed(1)}\u00a0times`;
}
