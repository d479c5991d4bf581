/**
 * Two models on one data set with several seeds each: the difference against both sources of chance, the sample of test
 * images and the seeds of training.
 *
 * Purpose: a paired test of two networks on the same images says whether these two networks differ; trained again they
 * may not. Here the models differ only if they do so beyond the spread over seeds.
 * Reference: variances of independent sources add; the degrees of freedom are those of F. E. Satterthwaite, "An
 * approximate distribution of estimates of variance components", 1946.
 * Example: see test/stats/comparisons.test.ts.
 */
import { invariant } from '../util/errors.ts';
import { spread } from './spread.ts';
import { twoSidedP } from './student-t.ts';

export interface PairedSeedsTest {
  /** Mean of a minus that of b, over seeds and images. */
  readonly difference: number;
  /** Standard error due to the sample of images: of the differences per image, averaged over seeds. */
  readonly imagesError: number;
  /** Standard error due to seeds: sqrt(s_a^2 / k_a + s_b^2 / k_b), s over the seeds' means. */
  readonly seedsError: number;
  readonly degreesOfFreedom: number;
  /** Two-sided; 1 when the difference is 0. */
  readonly pValue: number;
}

/**
 * `a[s][i]` and `b[s][i]`: 1 where seed s of the model is right about image i, else 0, or what else has the metric for
 * its mean over images, such as weights for mean per-class accuracy. The images are the same throughout; at least two
 * seeds on each side and two images.
 */
export function pairedSeedsTest(
  a: readonly (readonly number[])[],
  b: readonly (readonly number[])[],
): PairedSeedsTest {
  const images = a[0]?.length ?? 0;
  invariant(
    a.length > 1 && b.length > 1 && images > 1 && [...a, ...b].every((row) => row.length === images),
    'two seeds or more on each side, over the same images',
  );
  const perImage = spread(Array.from({ length: images }, (_, i) => overSeeds(a, i) - overSeeds(b, i)));
  const imagesVariance = perImage.standardDeviation ** 2 / images;
  const [varianceA, varianceB] = [seedVariance(a), seedVariance(b)];
  const variance = imagesVariance + varianceA + varianceB;
  const degreesOfFreedom =
    variance ** 2 /
    (imagesVariance ** 2 / (images - 1) + varianceA ** 2 / (a.length - 1) + varianceB ** 2 / (b.length - 1));
  const difference = perImage.mean;
  return {
    difference,
    imagesError: Math.sqrt(imagesVariance),
    seedsError: Math.sqrt(varianceA + varianceB),
    degreesOfFreedom: variance === 0 ? images - 1 : degreesOfFreedom,
    pValue:
      difference === 0
        ? 1
        : variance === 0
          ? 0
          : twoSidedP(difference / Math.sqrt(variance), degreesOfFreedom),
  };
}

/** Of the mean over seeds. */
function seedVariance(model: readonly (readonly number[])[]): number {
  const accuracies = model.map((row) => row.reduce((sum, value) => sum + value, 0) / row.length);
  return spread(accuracies).standardDeviation ** 2 / model.length;
}

function overSeeds(model: readonly (readonly number[])[], image: number): number {
  return model.reduce((sum, row) => sum + row[image], 0) / model.length;
}
