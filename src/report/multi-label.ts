/**
 * What is said of networks that tell several classes of an image: average precision with its interval, and which of two
 * is right more often. An image has no single right answer, so tests count its right decisions: a decision is the sign
 * of a class's score, and classes that are difficult in the image do not count.
 */
import { averagePrecisions, resampledMeanAveragePrecision } from '../evaluate/index.ts';
import {
  bootstrapInterval,
  type Interval,
  type PairedPermutationTest,
  pairedPermutationTest,
} from '../stats/index.ts';
import type { CellResult, Prediction } from '../store/records.ts';
import { invariant } from '../util/errors.ts';

/** Draws of the bootstrap: each ranks all images of all classes again. */
const RESAMPLES = 1000;

/** The 95% interval of the mean average precision, mean over the networks, by drawing images of the test part. */
export function averagePrecisionInterval(results: readonly CellResult[]): Interval {
  const [{ classes, predictions }] = results;
  const networks = results.map((result) => {
    const { labels, scores } = matrices(inOrderOf(predictions, result.predictions), classes.length);
    return resampledMeanAveragePrecision(labels, scores, classes.length);
  });
  const times = new Float64Array(predictions.length);
  return bootstrapInterval(
    predictions.length,
    (rows) => {
      times.fill(0);
      for (const row of rows) times[row]++;
      return networks.reduce((sum, network) => sum + network(times), 0) / networks.length;
    },
    { seed: 0, resamples: RESAMPLES },
  );
}

/** The paired test of two networks on the number of right decisions of each test image; the difference is per class. */
export function compareDecisions(best: CellResult, other: CellResult): PairedPermutationTest {
  const test = pairedPermutationTest(
    best.predictions.map(rightDecisions),
    inOrderOf(best.predictions, other.predictions).map(rightDecisions),
  );
  return { ...test, difference: test.difference / best.classes.length };
}

export interface ClassPrecision {
  readonly name: string;
  /** Test images that show the class; those in which it is difficult are not counted. */
  readonly present: number;
  /** 11-point average precision; null where no image shows the class. */
  readonly averagePrecision: number | null;
  /** Decisions of the class that are right, of those that count; null where none does. */
  readonly right: number | null;
}

/** Every class, the lowest average precision first. */
export function classPrecisions({ classes, predictions }: CellResult): ClassPrecision[] {
  const { labels, scores } = matrices(predictions, classes.length);
  return averagePrecisions(labels, scores, classes.length)
    .map((value, k) => {
      const counted = predictions.filter((prediction) => known(prediction).labels[k] >= 0);
      const right = counted.filter((p) => known(p).labels[k] === Number(known(p).scores[k] > 0));
      return {
        name: classes[k],
        present: counted.filter((prediction) => known(prediction).labels[k] === 1).length,
        averagePrecision: Number.isNaN(value) ? null : value,
        right: counted.length > 0 ? right.length / counted.length : null,
      };
    })
    .sort((a, b) => (a.averagePrecision ?? 2) - (b.averagePrecision ?? 2));
}

/** The mean average precision of scoring all images alike: each class's share of the images that count for it. */
export function averagePrecisionBaseline(predictions: readonly Prediction[], classes: number): number {
  const { labels } = matrices(predictions, classes);
  const constant = averagePrecisions(labels, new Float64Array(labels.length), classes);
  const occurring = constant.filter((value) => !Number.isNaN(value));
  return occurring.reduce((sum, value) => sum + value, 0) / occurring.length;
}

function rightDecisions(prediction: Prediction): number {
  const { labels, scores } = known(prediction);
  return labels.reduce((sum, label, k) => sum + Number(label >= 0 && label === Number(scores[k] > 0)), 0);
}

function matrices(predictions: readonly Prediction[], classes: number) {
  const labels = new Int8Array(predictions.length * classes);
  const scores = new Float64Array(predictions.length * classes);
  for (const [row, prediction] of predictions.entries()) {
    labels.set(known(prediction).labels, row * classes);
    scores.set(known(prediction).scores, row * classes);
  }
  return { labels, scores };
}

function known({ image, labels, scores }: Prediction) {
  invariant(labels && scores, `test image ${image} has no score for every class`);
  return { labels, scores };
}

function inOrderOf(order: readonly Prediction[], given: readonly Prediction[]): Prediction[] {
  const byImage = new Map(given.map((prediction) => [prediction.image, prediction]));
  invariant(byImage.size === order.length, 'networks of one data set saw different test images');
  return order.map(({ image }) => {
    const prediction = byImage.get(image);
    invariant(prediction, `no prediction for test image ${image}`);
    return prediction;
  });
}
