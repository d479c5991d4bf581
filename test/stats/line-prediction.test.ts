/** A new point predicted from a line: two rows worked out with NumPy and SciPy (least squares, t quantile), and laws. */
import { expect, it } from 'vitest';
import { linePrediction, regressionLine } from '../../src/stats/index.ts';

it('is the value that the line has there, in an interval', () => {
  const first = linePrediction([0, 1, 2, 3], [0, 1.1, 1.9, 3], 4);
  expect(first.value).toBeCloseTo(3.95, 7);
  expect(first.low).toBeCloseTo(3.3046020905133098, 7);
  expect(first.high).toBeCloseTo(4.5953979094866915, 7);
  const second = linePrediction([-1.2, 0.3, 0.9, 2.5, 4.0], [0.4, 1.9, 1.1, 3.2, 2.7], 1.7);
  expect(second.value).toBeCloseTo(2.0530607187112757, 7);
  expect(second.low).toBeCloseTo(-0.3824059713644208, 7);
  expect(second.high).toBeCloseTo(4.488527408786972, 7);
});

it('is widest far from the points, and has no width where all lie on the line', () => {
  const [x, y] = [
    [0, 1, 2, 3, 4],
    [0.1, 0.9, 2.2, 2.8, 4.1],
  ];
  const width = (at: number) => {
    const { low, high } = linePrediction(x, y, at);
    return high - low;
  };
  expect(width(2)).toBeLessThan(width(4));
  expect(width(4)).toBeLessThan(width(8));
  expect(width(0)).toBeCloseTo(width(4), 10);
  const onLine = linePrediction(x, x, 7);
  expect(onLine).toEqual({ value: 7, low: 7, high: 7 });
  const { slope, intercept } = regressionLine(x, y);
  expect(linePrediction(x, y, 5).value).toBeCloseTo(intercept + 5 * slope, 12);
});

it('needs three points that are not above each other', () => {
  expect(() => linePrediction([0, 1], [0, 1], 2)).toThrow('internal:');
  expect(() => linePrediction([1, 1, 1], [0, 1, 2], 2)).toThrow('internal:');
});
