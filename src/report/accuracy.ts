/** Accuracies of stored per-image predictions: intervals, the baseline, and what a test part can tell apart. */
import {
  bootstrapInterval,
  type PairedExactTest,
  pairedExactTest,
  pairedPerClassTest,
  wilsonInterval,
} from '../stats/index.ts';
import type { CellResult } from '../store/records.ts';
import { invariant } from '../util/errors.ts';
import { averagePrecisionBaseline, averagePrecisionInterval, compareDecisions } from './multi-label.ts';
import type { Estimate, Power } from './schema.ts';

/**
 * Mean of the metric over the networks of several seeds, with the 95% interval of the sample of test images.
 * The seeds share the images, so more seeds do not narrow it.
 */
export function testEstimate(results: readonly CellResult[]): Estimate {
  const { metric, classes, test } = results[0];
  const value = mean(results.map((result) => result.test.value));
  if (metric === 'top1') {
    return { value, ...wilsonInterval(mean(results.map((result) => result.test.correct)), test.n) };
  }
  if (metric === 'meanAveragePrecision') return { value, ...averagePrecisionInterval(results) };
  const images = results[0].predictions;
  const labels = Int32Array.from(images, (prediction) => prediction.label);
  const right = new Float64Array(images.length);
  for (const result of results) {
    const correct = correctness(result);
    images.forEach(({ image }, i) => {
      right[i] += Number(known(correct, image));
    });
  }
  for (let i = 0; i < right.length; i++) right[i] /= results.length;
  const interval = bootstrapInterval(
    labels.length,
    (rows) => meanPerClass(rows, labels, right, classes.length),
    {
      seed: 0,
    },
  );
  return { value, ...interval };
}

/** Mean over the classes that occur in `rows` of the mean of `right`. */
function meanPerClass(rows: Int32Array, labels: Int32Array, right: Float64Array, classes: number): number {
  const sums = new Float64Array(classes);
  const counts = new Int32Array(classes);
  for (const row of rows) {
    sums[labels[row]] += right[row];
    counts[labels[row]]++;
  }
  let sum = 0;
  let present = 0;
  for (let c = 0; c < classes; c++) {
    if (counts[c] === 0) continue;
    sum += sums[c] / counts[c];
    present++;
  }
  return sum / present;
}

/**
 * Paired test of two networks on the same test images, found by id: exact, or a permutation test where classes count
 * alike, which tests the metric and not top-1. `difference` is of the metric, of multi-label answers of the right
 * decisions per image and class.
 */
export function compareImages(best: CellResult, other: CellResult): PairedExactTest {
  if (best.metric === 'meanAveragePrecision') return compareDecisions(best, other);
  const correct = correctness(other);
  invariant(correct.size === best.predictions.length, 'networks of one data set saw different test images');
  const bestRight = best.predictions.map((prediction) => prediction.label === prediction.predicted);
  const otherRight = best.predictions.map((prediction) => known(correct, prediction.image));
  if (best.metric === 'top1') return pairedExactTest(bestRight, otherRight);
  const labels = best.predictions.map((prediction) => prediction.label);
  return pairedPerClassTest(bestRight, otherRight, labels);
}

/** Whether each test image is right, by its id; of answers that are one class per image. */
export function correctness(result: CellResult): Map<string, boolean> {
  return new Map(result.predictions.map((p) => [p.image, p.label === p.predicted]));
}

function known(correct: Map<string, boolean>, image: string): boolean {
  const value = correct.get(image);
  invariant(value !== undefined, `no prediction for test image ${image}`);
  return value;
}

/**
 * The metric of always answering the class that is most frequent in the test part, or of multi-label answers of giving
 * all images the same scores; null without images.
 */
export function baselineOf({ predictions, metric, classes }: CellResult): number | null {
  if (predictions.length === 0) return null;
  if (metric === 'meanAveragePrecision') return averagePrecisionBaseline(predictions, classes.length);
  const counts = new Map<number, number>();
  for (const { label } of predictions) counts.set(label, (counts.get(label) ?? 0) + 1);
  return metric === 'top1' ? Math.max(...counts.values()) / predictions.length : 1 / counts.size;
}

/** z for a two-sided test at .05, plus z for finding the difference in 4 of 5 studies (power .8). */
const Z = 1.959964 + 0.841621;

/**
 * How small a true difference a paired test of `n` images can show. With a share d of the images on which
 * exactly one network is right, the net share has the standard error sqrt(d / n), so the difference that is
 * noticed is Z sqrt(d / n) (Connor, "Sample size for testing differences in proportions for the
 * paired-sample design", 1987, to first order). A difference cannot exceed d, which makes Z^2 / n the least.
 */
export function powerOf(disagreements: number, n: number, observed: number): Power {
  const disagreement = disagreements / n;
  const needed = (difference: number) =>
    Math.ceil((Z * Z * Math.max(disagreement, difference)) / (difference * difference));
  return {
    disagreement,
    detectable: Math.min(1, Math.max((Z * Z) / n, Z * Math.sqrt(disagreement / n))),
    observed,
    imagesNeeded: observed > 0 ? needed(observed) : null,
  };
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
