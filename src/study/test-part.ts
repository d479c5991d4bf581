/** What the trained network's logits of the test part amount to: the metric, and a record of every image. */
import type { ImageDataset } from '../data/index.ts';
import { labelsOf } from '../data/index.ts';
import { meanAveragePrecision, meanPerClass, top1 } from '../evaluate/index.ts';
import type { CellResult, Prediction } from '../store/index.ts';
import { argMaxRows, type Tensor } from '../tensor/tensor.ts';
import { invariant } from '../util/errors.ts';

/** @param logits [images, classes] of the test part, in its order */
export function testPart(
  dataset: ImageDataset,
  logits: Tensor<'float32'>,
): Pick<CellResult, 'test' | 'predictions'> {
  return dataset.task === 'multi-label' ? multiLabel(dataset, logits) : singleLabel(dataset, logits);
}

function singleLabel(dataset: ImageDataset, logits: Tensor<'float32'>) {
  const { test } = dataset.splits;
  const labels = labelsOf(dataset, test);
  const predicted = argMaxRows(logits);
  const accuracy = {
    top1: top1(labels, predicted),
    meanPerClass: meanPerClass(labels, predicted, dataset.classes.length),
  };
  const { metric } = dataset;
  invariant(metric !== 'meanAveragePrecision', 'mean average precision is the metric of multi-label sets');
  return {
    test: {
      value: accuracy[metric],
      ...accuracy,
      correct: labels.reduce((sum, label, i) => sum + Number(label === predicted[i]), 0),
      n: test.length,
    },
    predictions: test.map(({ id, label }, row) => ({
      image: id,
      label,
      predicted: predicted[row],
      probability: probabilityOf(rowOf(logits, row), predicted[row]),
    })),
  };
}

function multiLabel(dataset: ImageDataset, logits: Tensor<'float32'>) {
  const { classes, metric } = dataset;
  const { test } = dataset.splits;
  invariant(metric === 'meanAveragePrecision', `${metric} is no metric of multi-label sets`);
  const highest = argMaxRows(logits);
  const predictions = test.map(({ id, label, labels }, row): Prediction => {
    const scores = rowOf(logits, row);
    return {
      image: id,
      label,
      predicted: highest[row],
      probability: 1 / (1 + Math.exp(-scores[highest[row]])),
      labels,
      scores: [...scores],
    };
  });
  const isRight = ({ labels, scores }: Prediction) =>
    labels!.every((label, k) => label < 0 || label === Number(scores![k] > 0));
  return {
    test: {
      value: meanAveragePrecision(labelsOf(dataset, test), logits.data, classes.length),
      top1: null,
      meanPerClass: null,
      correct: predictions.filter(isRight).length,
      n: test.length,
    },
    predictions,
  };
}

function rowOf({ shape: [, classes], data }: Tensor<'float32'>, row: number): Float32Array {
  return data.subarray(row * classes, (row + 1) * classes);
}

/** Softmax probability of one class. */
function probabilityOf(logits: Float32Array, label: number): number {
  const top = Math.max(...logits);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - top), 0);
  return Math.exp(logits[label] - top) / sum;
}
