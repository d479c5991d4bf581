/** Accuracies against scikit-learn (balanced_accuracy_score, confusion_matrix) and by hand. */
import { describe, expect, test } from 'vitest';
import { confusionMatrix, meanPerClass, top1 } from '../../src/evaluate/index.ts';
import fixture from '../fixtures/stats.json' with { type: 'json' };

describe('accuracy', () => {
  test.each(fixture.accuracy)('$classes classes, $labels.length images', (row) => {
    const labels = Int32Array.from(row.labels);
    expect(top1(labels, row.predicted)).toBeCloseTo(row.top1, 12);
    expect(meanPerClass(labels, row.predicted, row.classes)).toBeCloseTo(row.meanPerClass, 12);
    expect(confusionMatrix(labels, row.predicted, row.classes)).toEqual(row.confusion);
  });

  test('a rare class weighs as much as a common one: 3 of 3 and 0 of 1', () => {
    expect(top1([0, 0, 0, 1], [0, 0, 0, 0])).toBe(0.75);
    expect(meanPerClass([0, 0, 0, 1], [0, 0, 0, 0], 2)).toBe(0.5);
  });

  test('a class without test images is left out', () => {
    expect(meanPerClass([0, 0, 2], [0, 1, 2], 4)).toBe(0.75);
  });

  test('refuses no images, unequal lists and unknown classes', () => {
    expect(() => top1([], [])).toThrow('internal: 0 labels');
    expect(() => meanPerClass([0], [0, 1], 2)).toThrow('internal: 1 labels with 2 predictions');
    expect(() => confusionMatrix([0], [2], 2)).toThrow('internal: image 0 has label 0 and prediction 2');
  });
});
