/** Accuracy against the number of images: random subsets of each size, and where one setting overtakes another. */
import { type Crossing, crossing, regressionLine } from '../../stats/index.ts';
import type { FinishedCell, Setting } from '../../store/records.ts';
import { mean } from '../accuracy.ts';
import { SETTINGS } from '../ranking.ts';
import type { DatasetSizeRun, StudyInput } from './input.ts';
import { meanDifference } from './paired.ts';
import { finishedByKey, grouped, meanTest } from './results.ts';
import type { DatasetSize } from './schema.ts';

type Curve = DatasetSize['curves'][number];
type Comparison = DatasetSize['comparisons'][number];

/** One subset: its test metric, mean over seeds. */
interface SubsetResult extends Pick<DatasetSizeRun, 'images' | 'perClass' | 'subset'> {
  readonly value: number;
  readonly logit: number;
}

/** A network on a data set in a setting, by ascending size. */
interface Series {
  readonly model: string;
  readonly dataset: string;
  readonly setting: Setting;
  /** Each size with its subsets. */
  readonly sizes: readonly (readonly SubsetResult[])[];
}

/** The setting that the paper expects ahead on large sets first. */
const PAIRS: readonly (readonly [Setting, Setting])[] = [
  ['finetune', 'fixed'],
  ['finetune', 'scratch'],
  ['fixed', 'scratch'],
];

export function datasetSize({ experiments, outcomes }: StudyInput): DatasetSize | null {
  if (!experiments.datasetSize) return null;
  const all = seriesOf(experiments.datasetSize.runs, outcomes);
  const comparisons = PAIRS.flatMap(([a, b]) =>
    all
      .filter(({ setting }) => setting === a)
      .flatMap((first) => {
        const second = all.find(
          ({ setting, model, dataset }) =>
            setting === b && model === first.model && dataset === first.dataset,
        );
        return second ? comparisonOf(first, second) : [];
      }),
  );
  return {
    curves: all.map(curveOf),
    comparisons: comparisons.filter(({ points }) => points.length > 0),
    gap: gapOf(comparisons),
  };
}

function seriesOf(runs: readonly DatasetSizeRun[], outcomes: StudyInput['outcomes']): Series[] {
  const finished = finishedByKey(outcomes);
  const known = runs.filter(({ key }) => finished.has(key));
  return grouped(known, ({ model, dataset, setting }) => [model, dataset, setting])
    .map((group) => ({
      model: group[0].model,
      dataset: group[0].dataset,
      setting: group[0].setting,
      sizes: grouped(group, ({ images }) => [images])
        .sort((a, b) => a[0].images - b[0].images)
        .map((size) => grouped(size, ({ subset }) => [subset]).map((seeds) => subsetResult(seeds, finished))),
    }))
    .sort((a, b) => SETTINGS.indexOf(a.setting) - SETTINGS.indexOf(b.setting));
}

function subsetResult(
  seeds: readonly DatasetSizeRun[],
  finished: ReadonlyMap<string, FinishedCell>,
): SubsetResult {
  const { images, perClass, subset } = seeds[0];
  const { value, logit } = meanTest(seeds.flatMap(({ key }) => finished.get(key) ?? []));
  return { images, perClass, subset, value, logit };
}

function curveOf({ sizes, ...of }: Series): Curve {
  return {
    ...of,
    points: sizes.map((subsets) => {
      const values = subsets.map(({ value }) => value);
      return {
        images: subsets[0].images,
        perClass: subsets[0].perClass,
        values,
        mean: mean(values),
        low: Math.min(...values),
        high: Math.max(...values),
        logit: mean(subsets.map(({ logit }) => logit)),
      };
    }),
  };
}

/** On the subsets that both have. */
function comparisonOf(first: Series, second: Series): Comparison {
  const pairs = first.sizes.flatMap((subsets) => {
    const paired = subsets.flatMap((a) => {
      const b = second.sizes.flat().find(({ images, subset }) => images === a.images && subset === a.subset);
      return b ? { a, b } : [];
    });
    return paired.length === 0 ? [] : [paired];
  });
  const points = pairs.map((paired) => {
    const {
      n,
      mean: logitDifference,
      interval,
      pValue,
    } = meanDifference(paired.map(({ a, b }) => a.logit - b.logit));
    const difference = mean(paired.map(({ a, b }) => a.value - b.value));
    return { images: paired[0].a.images, n, difference, logitDifference, interval, pValue };
  });
  return {
    model: first.model,
    dataset: first.dataset,
    a: first.setting,
    b: second.setting,
    points,
    crossing: crossingOf(pairs),
  };
}

function crossingOf(
  pairs: readonly (readonly { readonly a: SubsetResult; readonly b: SubsetResult }[])[],
): Crossing | null {
  if (pairs.length < 2) return null;
  return crossing(
    pairs.map(([{ a }]) => a.images),
    pairs.map((paired) => paired.map(({ a }) => a.logit)),
    pairs.map((paired) => paired.map(({ b }) => b.logit)),
  );
}

/** The slope of fine-tuned minus from scratch over the logarithm of the images, per curve, and its mean. */
function gapOf(comparisons: readonly Comparison[]): DatasetSize['gap'] {
  const slopes = comparisons
    .filter(({ a, b, points }) => a === 'finetune' && b === 'scratch' && points.length > 1)
    .map(
      ({ points }) =>
        regressionLine(
          points.map(({ images }) => Math.log10(images)),
          points.map(({ logitDifference }) => logitDifference),
        ).slope,
    );
  if (slopes.length === 0) return null;
  const { n, mean: perTenfold, interval } = meanDifference(slopes);
  return { perTenfold, interval, n };
}
