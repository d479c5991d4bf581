/**
 * Accuracies of predicted classes. `labels[i]` and `predicted[i]` are indices of classes, 0 .. classes - 1,
 * of image i; the lists are equally long and not empty. Results are shares in 0..1.
 */
import { invariant } from '../util/errors.ts';

/** Share of images whose predicted class is the true one. */
export function top1(labels: ArrayLike<number>, predicted: ArrayLike<number>): number {
  checkLengths(labels, predicted);
  let correct = 0;
  for (let i = 0; i < labels.length; i++) if (labels[i] === predicted[i]) correct++;
  return correct / labels.length;
}

/**
 * Mean over classes of the share of the class's images that are predicted right, so that every class weighs
 * the same. Classes without an image in `labels` are left out of the mean.
 */
export function meanPerClass(
  labels: ArrayLike<number>,
  predicted: ArrayLike<number>,
  classes: number,
): number {
  const matrix = confusionMatrix(labels, predicted, classes);
  let sum = 0;
  let present = 0;
  for (const [label, row] of matrix.entries()) {
    const images = row.reduce((total, count) => total + count, 0);
    if (images === 0) continue;
    sum += row[label] / images;
    present++;
  }
  return sum / present;
}

/** `matrix[label][predicted]`: number of images of class `label` that were given class `predicted`. */
export function confusionMatrix(
  labels: ArrayLike<number>,
  predicted: ArrayLike<number>,
  classes: number,
): number[][] {
  checkLengths(labels, predicted);
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let i = 0; i < labels.length; i++) {
    invariant(
      labels[i] in matrix && predicted[i] in matrix,
      `image ${i} has label ${labels[i]} and prediction ${predicted[i]} of ${classes} classes`,
    );
    matrix[labels[i]][predicted[i]]++;
  }
  return matrix;
}

function checkLengths(labels: ArrayLike<number>, predicted: ArrayLike<number>): void {
  invariant(
    labels.length === predicted.length && labels.length > 0,
    `${labels.length} labels with ${predicted.length} predictions`,
  );
}
